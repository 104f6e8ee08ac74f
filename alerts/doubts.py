"""Doubts about what was decided: figures that wait for a refresh, sums that may shrink.

Below a rollup's watermark a sample counts only once it is refreshed, so a decision there is made
when the rollup has all samples that there are. Above it, and on the plain engine, every sample
counts at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from alerts.figures import Bucket
from alerts.memory import Memory
from alerts.rollups import has_negative, read_sample_counts
from alerts.selection import Plan, Source
from alerts.store import Decided
from alerts.window_figures import Figures, baseline_spans, window_key
from alerts.window_spans import key_of
from sql.database import Connection, run
from sql.durations import Calendar
from sql.vocabulary import LEVELS, Frequency

_Range = tuple[Frequency, datetime, datetime]


async def without_stale(
    conn: Connection, decided: Sequence[Decided], figures: Figures
) -> list[Decided]:
    """The decisions by figures that have all their samples; the rest is for a later tick."""
    if not decided:
        return []
    marks = {row["relation"]: row["watermark"] for row in await run(conn, "watermarks")}
    doubtful = {one.key: _ranges(one, figures, marks) for one in decided} if marks else {}
    asked: dict[_Range, set[int]] = {}
    for ranges in doubtful.values():
        for place, buckets in ranges.items():
            asked.setdefault(place, set()).update(buckets)
    counts = {
        place: await read_sample_counts(conn, place[0], sorted(series), *place[1:])
        for place, series in asked.items()
    }
    return [one for one in decided if not _is_stale(doubtful.get(one.key, {}), counts)]


def _ranges(
    one: Decided, figures: Figures, marks: Mapping[str, datetime]
) -> dict[_Range, dict[int, int]]:
    """The number of samples that the rollups have of each series, by ranges that may be stale."""
    watch, settled = one.plan.watch, one.observation.settled
    window = watch.window
    ranges: dict[_Range, dict[int, int]] = {}
    for source, series in one.group.sources.items():
        if isinstance(window, Calendar):
            since, before = figures.judged(watch)
        else:
            its = figures.trail(window, source)
            since, before = its.since, its.before
        judged = window_key(one.plan, source, figures, settled.start)
        earlier = baseline_spans(watch, one.group.level, source, figures)
        looked_at = [(since, before, judged)]
        looked_at += [(span.since, span.before, key_of(span)) for span in earlier]
        for since, before, key in looked_at:
            if since < _watermark(source, marks):
                buckets = figures.buckets.get(key, {})
                has = {number: _count(buckets.get(number)) for number in series}
                ranges.setdefault((source.frequency, since, before), {}).update(has)
    return ranges


def _watermark(source: Source, marks: Mapping[str, datetime]) -> datetime:
    """Up to where the rollup, or one below it, is materialised."""
    levels = LEVELS[source.frequency]
    below = levels[: levels.index(source.level) + 1]
    names = [f"rollup_{source.frequency}_{level}" for level in below]
    known = [marks[name] for name in names if name in marks]
    return max(known, default=_NEVER)


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _count(bucket: Bucket | None) -> int:
    return bucket.sample_count if bucket else 0


def _is_stale(
    ranges: Mapping[_Range, Mapping[int, int]], counts: Mapping[_Range, Mapping[int, int]]
) -> bool:
    # Fewer there may be: retention drops samples before figures.
    return any(
        counts[place].get(series, 0) > number
        for place, has in ranges.items()
        for series, number in has.items()
    )


async def find_negative(
    conn: Connection, memory: Memory, decided: Iterable[Decided], figures: Figures
) -> bool:
    """Note the metrics of sums that fired early although negative samples were seen of them;
    whether there are any that were not known.
    """
    early = {one.plan.metric: one.plan for one in decided if _is_early(one)}
    found = {metric for metric in early if await _is_negative(conn, memory, early[metric])}
    memory.negative |= found
    figures.negative |= found
    return bool(found)


def _is_early(one: Decided) -> bool:
    if one.plan.watch.aggregation != "sum":
        return False
    return any(step.reading in one.observation.unsettled for step in one.transitions)


async def _is_negative(conn: Connection, memory: Memory, plan: Plan) -> bool:
    by_frequency: dict[Frequency, list[int]] = {}
    for one in memory.series_of(plan.metric):
        by_frequency.setdefault(one.frequency, []).append(one.series_id)
    for frequency, series in by_frequency.items():
        if await has_negative(conn, frequency, series):
            return True
    return False

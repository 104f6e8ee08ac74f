"""What all rules need to know, read with one query for each rollup and range.

Series ids are resolved first: TimescaleDB pushes ``series_id = ANY(…)`` into the live
part of a rollup, but not a join.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg import sql

from alerts.announce import is_silenced
from alerts.decision import Observation, Reading
from alerts.figures import Bucket, Periods, Trail, bucket_start, figure, periods, trail
from alerts.selection import Group, Plan, RuleProblem, Source
from sql.database import Connection, run
from sql.durations import Calendar, Trailing, Window
from sql.errors import DatabaseError, DatabaseTimeout, translated_errors
from sql.statements import Query, array_of, query, union_all
from sql.vocabulary import FREQUENCIES, Frequency

# A period is judged so long after its end: figures that are posted right after it count.
SETTLING = timedelta(minutes=1)


class Span(NamedTuple):
    """A range of one rollup: whole periods, or a trailing window put together, with where its first
    whole bucket begins.
    """

    source: Source
    since: datetime
    before: datetime
    edge: datetime | None = None


@dataclass(slots=True)
class Figures:
    """What was read. `buckets` are by rollup, start of the window and series; `failed` says
    why a series could not be read in a rollup; of what `silences` match people are not told.
    """

    zone: ZoneInfo
    now: datetime
    silences: Sequence[Mapping[str, Any]] = ()
    buckets: dict["WindowKey", dict[int, Bucket]] = field(default_factory=dict)
    failed: dict[tuple[Source, int], str] = field(default_factory=dict)
    first_seen: dict[int, datetime] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    edges: dict[Calendar, Periods] = field(default_factory=dict)
    trails: dict[tuple[Trailing, Source], Trail] = field(default_factory=dict)

    def periods(self, window: Calendar) -> Periods:
        """The periods around now: the last one that has settled, and the one after it."""
        if window not in self.edges:
            self.edges[window] = periods(window, self.now - SETTLING, self.zone)
        return self.edges[window]

    def trail(self, window: Trailing, source: Source) -> Trail:
        """A trailing window in a rollup."""
        if (window, source) not in self.trails:
            found = trail(window, source.level, self.now, self.zone)
            if _begins_with_minutes(source):
                found = found._replace(since=bucket_start(found.since, "minute", self.zone))
            self.trails[window, source] = found
        return self.trails[window, source]


class WindowKey(NamedTuple):
    """One window in one rollup; `edge` as in its span."""

    source: Source
    since: datetime
    edge: datetime | None


async def read_figures(
    conn: Connection,
    plans: Iterable[Plan],
    first_seen: dict[int, datetime],
    now: datetime,
    zone: ZoneInfo,
    silences: Sequence[Mapping[str, Any]] = (),
) -> Figures:
    """Everything the plans need at `now`. A series that cannot be read fails alone."""
    figures = Figures(zone, now, silences, first_seen=first_seen)
    for span, series in _spans(plans, figures).items():
        await _read_span(conn, figures, span, sorted(series))
    return figures


async def read_first_samples(
    conn: Connection, series: Mapping[int, Frequency], first_seen: dict[int, datetime]
) -> None:
    """Learn since when there are samples of these series."""
    for frequency in FREQUENCIES:
        ids = [one for one, its in series.items() if its == frequency]
        if not ids:
            continue
        samples = sql.Identifier("fature", f"sample_{frequency}")
        statement = query("alert_first_samples").format(samples=samples)
        with translated_errors():
            rows = await run(conn, statement, {"series": array_of(ids)})
        for row in rows:
            first = row["first_ts"]
            if first and first < first_seen.get(row["series_id"], first + timedelta(1)):
                first_seen[row["series_id"]] = first


def observe(plan: Plan, group: Group, figures: Figures) -> Observation:
    """What the rule sees of one group.

    Raises:
        RuleProblem: one of its series could not be read.
    """
    if figures.failed:
        _check(group, figures)
    window, now = plan.watch.window, figures.now
    silenced = bool(figures.silences) and _is_silenced(plan, group, figures)
    if isinstance(window, Calendar):
        around = figures.periods(window)
        partial = None
        if plan.watch.may_fire_early:
            end = min(now, around.following)
            partial = _reading(plan, group, figures, around.current, end)
        settled = _reading(plan, group, figures, around.previous, around.current)
        return Observation(settled, partial, silenced)
    start = now - timedelta(seconds=window.seconds)
    return Observation(_reading(plan, group, figures, start, now), silenced=silenced)


def _reading(plan: Plan, group: Group, figures: Figures, start: datetime, end: datetime) -> Reading:
    """The figure of a window."""
    window = plan.watch.window
    found = []
    for source, series in group.sources.items():
        if isinstance(window, Calendar):
            key = WindowKey(source, start, None)
        else:
            its = figures.trail(window, source)
            key = WindowKey(source, its.since, its.edge)
        if known := figures.buckets.get(key):
            found += [known[one] for one in series if one in known]
    if found:
        value: float | None = figure(plan.watch.aggregation, found)
    else:
        value = 0.0 if plan.zero_when_silent and _existed(group, figures, start) else None
    return Reading(value, start, end, group.unit)


def _is_silenced(plan: Plan, group: Group, figures: Figures) -> bool:
    rule = plan.stored.rule
    event = {
        "tenant": plan.stored.tenant,
        "rule_id": plan.stored.rule_id,
        "metric_name": rule.metric_name,
        "severity": rule.severity,
        "group_labels": group.labels,
    }
    return is_silenced(event, rule, figures.silences)


def _existed(group: Group, figures: Figures, before: datetime) -> bool:
    """Whether any series of the group has samples from before that instant."""
    series = [one for those in group.sources.values() for one in those]
    if any(figures.first_seen[one] < before for one in series):
        return True
    figures.unsure.update(series)
    return False


def _check(group: Group, figures: Figures) -> None:
    for source, series in group.sources.items():
        for one in series:
            if reason := figures.failed.get((source, one)):
                raise RuleProblem(f"its figures cannot be read: {reason}")


def _spans(plans: Iterable[Plan], figures: Figures) -> dict[Span, set[int]]:
    spans: dict[Span, set[int]] = {}
    known: dict[tuple[Any, Source], set[int]] = {}
    for plan in plans:
        window = plan.watch.window
        for group in plan.groups:
            for source, series in group.sources.items():
                if (members := known.get((window, source))) is None:
                    span = _span(window, source, figures)
                    members = known[window, source] = spans.setdefault(span, set())
                members.update(series)
    return spans


def _span(window: Window, source: Source, figures: Figures) -> Span:
    if isinstance(window, Calendar):
        around = figures.periods(window)
        return Span(source, around.previous, around.following)
    its = figures.trail(window, source)
    return Span(source, its.since, its.before, its.edge)


def _begins_with_minutes(source: Source) -> bool:
    """Whether the first hour of a trailing window is put together from minutes: too many samples
    might be in it.
    """
    return source == Source("real_time", "hour")


async def _read_span(conn: Connection, figures: Figures, span: Span, series: Sequence[int]) -> None:
    """One query; where it fails, halves of it until the series to blame is alone."""
    try:
        rows = await _query_span(conn, span, series)
    except DatabaseError as error:
        if conn.closed:
            raise
        if len(series) == 1 or isinstance(error, DatabaseTimeout):
            figures.failed.update({(span.source, one): str(error) for one in series})
            return
        middle = len(series) // 2
        await _read_span(conn, figures, span, series[:middle])
        await _read_span(conn, figures, span, series[middle:])
        return
    for row in rows:
        since = row["bucket"].astimezone(UTC) if span.edge is None else span.since
        buckets = figures.buckets.setdefault(WindowKey(span.source, since, span.edge), {})
        buckets[row["series_id"]] = bucket_of_row(row)


async def _query_span(conn: Connection, span: Span, series: Sequence[int]) -> list[dict[str, Any]]:
    source, since, before, edge = span
    if edge is None:
        return await read_buckets(conn, source, series, since, before)
    parts = union_all([_part(source, "edge", "before"), _beginning(source)])
    statement = query("alert_trailing").format(parts=parts)
    params = {"series": array_of(series), "since": since, "edge": edge, "before": before}
    with translated_errors():
        return await run(conn, statement, params)


def _beginning(source: Source) -> Query:
    if _begins_with_minutes(source):
        return _part(Source(source.frequency, "minute"), "since", "edge")
    samples = sql.Identifier("fature", f"sample_{source.frequency}")
    return query("alert_samples_put_together").format(samples=samples)


def _part(source: Source, since: str, before: str) -> Query:
    """The buckets of a rollup between the values of these names."""
    bounds = (
        query("rollup_since").format(since=sql.Placeholder(since)),
        query("rollup_before").format(before=sql.Placeholder(before)),
    )
    return query("rollup_source").format(
        rollup=_rollup(source), bounds=sql.SQL(" ").join(one.body for one in bounds)
    )


async def read_buckets(
    conn: Connection,
    source: Source,
    series: Sequence[int],
    since: datetime,
    before: datetime,
) -> list[dict[str, Any]]:
    """Every bucket of these series that begins in the range."""
    statement = query("alert_buckets").format(rollup=_rollup(source))
    params = {"series": array_of(series), "since": since, "before": before}
    with translated_errors():
        return await run(conn, statement, params)


def _rollup(source: Source) -> sql.Identifier:
    return sql.Identifier("fature", f"rollup_{source.frequency}_{source.level}")


def bucket_of_row(row: Mapping[str, Any]) -> Bucket:
    """The figures of a row of ``alert_buckets`` or ``alert_trailing``."""
    return Bucket(
        row["sum_value"],
        row["sample_count"],
        row["min_value"],
        row["max_value"],
        row["last_value"],
    )

"""Figures for all rules, read with one query for each rollup and range."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.announce import is_silenced
from alerts.bands import Band, beside
from alerts.baselines import Stretch, stretches
from alerts.decision import Observation, Reading, Watch
from alerts.ended import living, may_end
from alerts.errors import RuleProblem
from alerts.figures import Bucket, Periods, Trail, bucket_start, periods, trail, trail_up_to
from alerts.readings import changed, may_open, reading_of
from alerts.rollups import Span, begins_with_minutes, bucket_of_row, read_span
from alerts.selection import Group, Plan, Source
from sql.database import Connection
from sql.durations import Calendar, Trailing, Window
from sql.errors import DatabaseError, DatabaseTimeout
from sql.messages import Message
from sql.vocabulary import Level

# The band of a rule's group and the period that starts at an instant, where one is known.
BandOf = Callable[[int, Group, datetime], Band | None]


def _no_band(_rule_id: int, _group: Group, _start: datetime) -> None:
    """Nothing is known of what is usual."""


@dataclass(slots=True)
class Figures:
    """The figures that were read. `buckets` are by rollup, start of the window and series; `failed`
    says why a series could not be read in a rollup; notifications of events that `silences`
    match are suppressed.

    `first_seen` is since when there are samples of each series, `retired` which groups are silent
    for so long that they are not judged, `negative` in which metrics negative samples were seen,
    `living` which series of some groups have not ended. Series and groups that still have to be
    checked are in `unsure` and `unchecked`.
    """

    zone: ZoneInfo
    now: datetime
    silences: Sequence[Mapping[str, Any]] = ()
    buckets: dict["WindowKey", dict[int, Bucket]] = field(default_factory=dict)
    failed: dict[tuple[Source, int], str] = field(default_factory=dict)
    first_seen: dict[int, datetime] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    retired: Mapping[tuple[int, str], bool] = field(default_factory=dict)
    unchecked: dict[tuple[int, str], tuple[Plan, Group]] = field(default_factory=dict)
    negative: set[tuple[str, str]] = field(default_factory=set)
    living: dict[tuple[int, str, datetime], set[int]] = field(default_factory=dict)
    edges: dict[tuple[Calendar, float], Periods] = field(default_factory=dict)
    trails: dict[tuple[Trailing, Source], Trail] = field(default_factory=dict)
    earlier: dict[Any, tuple[Stretch, ...]] = field(default_factory=dict)
    band: BandOf = _no_band

    def periods(self, window: Calendar, settle: float) -> Periods:
        """The periods around now."""
        if (window, settle) not in self.edges:
            self.edges[window, settle] = periods(window, self.now, self.zone, settle)
        return self.edges[window, settle]

    def trail(self, window: Trailing, source: Source) -> Trail:
        """A trailing window in a rollup."""
        if (window, source) not in self.trails:
            found = trail(window, source.level, self.now, self.zone)
            self.trails[window, source] = _from_a_minute(found, source, self.zone)
        return self.trails[window, source]

    def judged(self, watch: Watch) -> Stretch:
        """The trailing window, or the last period that has settled."""
        if isinstance(watch.window, Calendar):
            around = self.periods(watch.window, watch.settle)
            return Stretch(around.previous, around.current)
        return Stretch(self.now - timedelta(seconds=watch.window.seconds), self.now)

    def baselines(self, watch: Watch, level: Level) -> tuple[Stretch, ...]:
        """The windows that the judged one is compared with, the furthest back first."""
        if watch.compare is None:
            return ()
        key = watch.window, watch.settle, watch.compare, level
        if key not in self.earlier:
            judged = self.judged(watch)
            self.earlier[key] = stretches(watch.window, watch.compare, judged, level, self.zone)
        return self.earlier[key]


class WindowKey(NamedTuple):
    """One window in one rollup; of a trailing one, `edge` and `before` as in its span."""

    source: Source
    since: datetime
    edge: datetime | None = None
    before: datetime | None = None


def _from_a_minute(found: Trail, source: Source, zone: ZoneInfo) -> Trail:
    if not begins_with_minutes(source):
        return found
    return found._replace(since=bucket_start(found.since, "minute", zone))


async def read_figures(
    conn: Connection,
    plans: Iterable[Plan],
    first_seen: dict[int, datetime],
    now: datetime,
    zone: ZoneInfo,
    silences: Sequence[Mapping[str, Any]] = (),
) -> Figures:
    """Everything the plans need at `now`. A series that cannot be read fails alone."""
    figures, plans = Figures(zone, now, silences, first_seen=first_seen), list(plans)
    for span, series in _spans(plans, figures).items():
        await _read_span(conn, figures, span, sorted(series))
    figures.living = await living(conn, _that_may_end(plans, figures))
    return figures


def observe(plan: Plan, group: Group, figures: Figures) -> Observation:
    """The observation of one group.

    Raises:
        RuleProblem: one of its series could not be read.
    """
    if figures.failed:
        _check(group, figures)
    settled, unsettled = _readings(plan, group, figures)
    silenced = bool(figures.silences) and _is_silenced(plan, group, figures)
    retired = False
    if not (settled.has_samples or any(one.has_samples for one in unsettled)):
        key = plan.stored.rule_id, group.key
        retired = figures.retired.get(key, False)
        if key not in figures.retired:
            figures.unchecked[key] = plan, group
    judged = figures.judged(plan.watch)
    return Observation(
        settled.reading,
        tuple(one.reading for one in unsettled),
        silenced,
        retired,
        may_open(plan.watch, judged, figures.now, figures.zone),
    )


class _Seen(NamedTuple):
    """A reading, and whether there are samples behind it."""

    reading: Reading
    has_samples: bool


def _readings(plan: Plan, group: Group, figures: Figures) -> tuple[_Seen, list[_Seen]]:
    """The settled window, and those since that may fire early."""
    watch = plan.watch
    settled = _reading(plan, group, figures, figures.judged(watch))
    if watch.compare is not None:
        earlier = [
            _reading(plan, group, figures, one, is_baseline=True).reading
            for one in figures.baselines(watch, group.level)
        ]
        settled = settled._replace(reading=changed(watch, settled.reading, earlier))
    if watch.direction is not None:
        start = settled.reading.start
        band = figures.band(plan.stored.rule_id, group, start)
        return settled._replace(reading=beside(watch, settled.reading, band)), []
    if not isinstance(watch.window, Calendar):
        return settled, []
    if not watch.may_fire_early or plan.metric in figures.negative:
        return settled, []
    return settled, [
        _reading(plan, group, figures, Stretch(start, min(figures.now, end)))
        for start, end in figures.periods(watch.window, watch.settle).unsettled
    ]


def _reading(
    plan: Plan, group: Group, figures: Figures, window: Stretch, *, is_baseline: bool = False
) -> _Seen:
    """The figure of a window."""
    found = []
    living = figures.living.get((plan.stored.rule_id, group.key, window.start))
    for source, series in group.sources.items():
        key = (
            key_of(baseline_span(plan.watch.window, source, window, figures.zone))
            if is_baseline
            else window_key(plan, source, figures, window.start)
        )
        if known := figures.buckets.get(key):
            those = series if living is None else [one for one in series if one in living]
            found += [known[one] for one in those if one in known]
    reading = reading_of(plan, group, window, found, lambda start: _existed(group, figures, start))
    return _Seen(reading, bool(found))


def _that_may_end(
    plans: Iterable[Plan], figures: Figures
) -> Iterator[tuple[Plan, Group, datetime, datetime]]:
    """Groups of which some series may have ended in a window, and that window."""
    for plan in plans:
        for group in plan.groups:
            if not may_end(plan, group):
                continue
            yield plan, group, *figures.judged(plan.watch)
            for earlier in figures.baselines(plan.watch, group.level):
                yield plan, group, *earlier


def window_key(plan: Plan, source: Source, figures: Figures, start: datetime) -> WindowKey:
    """The key of the buckets of a plan's window that starts then."""
    window = plan.watch.window
    if isinstance(window, Calendar):
        return WindowKey(source, start)
    its = figures.trail(window, source)
    return WindowKey(source, its.since, its.edge, its.before)


def baseline_span(window: Window, source: Source, stretch: Stretch, zone: ZoneInfo) -> Span:
    """Where the buckets of a window are that another is compared with."""
    if isinstance(window, Calendar):
        return Span(source, *stretch)
    its = _from_a_minute(trail_up_to(stretch.start, stretch.end, source.level, zone), source, zone)
    return Span(source, its.since, its.before, its.edge)


def key_of(span: Span) -> WindowKey:
    """The key of the first window of a span."""
    return WindowKey(span.source, span.since, span.edge, span.before if span.edge else None)


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
    """True where any series of the group has samples from before that instant."""
    series = [one for those in group.sources.values() for one in those]
    if any(figures.first_seen[one] < before for one in series):
        return True
    figures.unsure.update(series)
    return False


def _check(group: Group, figures: Figures) -> None:
    for source, series in group.sources.items():
        for one in series:
            if reason := figures.failed.get((source, one)):
                raise RuleProblem(
                    Message("its figures cannot be read: {reason}", {"reason": reason})
                )


def _spans(plans: Iterable[Plan], figures: Figures) -> dict[Span, set[int]]:
    spans: dict[Span, set[int]] = {}
    known: dict[tuple[Any, ...], list[set[int]]] = {}
    for plan in plans:
        watch = plan.watch
        for group in plan.groups:
            level = group.level if watch.compare else "minute"
            for source, series in group.sources.items():
                key = watch.window, watch.settle, watch.compare, level, source
                if (members := known.get(key)) is None:
                    needed = [
                        _span(watch.window, watch.settle, source, figures),
                        *baseline_spans(watch, level, source, figures),
                    ]
                    members = known[key] = [spans.setdefault(one, set()) for one in needed]
                for one in members:
                    one.update(series)
    return spans


def baseline_spans(watch: Watch, level: Level, source: Source, figures: Figures) -> list[Span]:
    """Where the buckets of the windows are that a rule compares with."""
    return [
        baseline_span(watch.window, source, one, figures.zone)
        for one in figures.baselines(watch, level)
    ]


def _span(window: Window, settle: float, source: Source, figures: Figures) -> Span:
    if isinstance(window, Calendar):
        around = figures.periods(window, settle)
        return Span(source, around.previous, around.following)
    its = figures.trail(window, source)
    return Span(source, its.since, its.before, its.edge)


async def _read_span(conn: Connection, figures: Figures, span: Span, series: Sequence[int]) -> None:
    """One query; where it fails, halves of it until the series to blame is alone."""
    try:
        rows = await read_span(conn, span, series)
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
        key = key_of(span)._replace(since=since)
        figures.buckets.setdefault(key, {})[row["series_id"]] = bucket_of_row(row)

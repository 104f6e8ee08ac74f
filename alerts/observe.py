"""Figures for all rules, read with one query for each rollup and range."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.announce import is_silenced
from alerts.decision import Observation, Reading
from alerts.ended import living, may_end
from alerts.errors import RuleProblem
from alerts.figures import Bucket, Periods, Trail, bucket_start, figure, periods, trail
from alerts.rollups import Span, begins_with_minutes, bucket_of_row, read_span
from alerts.selection import Group, Plan, Source
from sql.database import Connection
from sql.durations import Calendar, Trailing, Window
from sql.errors import DatabaseError, DatabaseTimeout
from sql.messages import Message


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
    living: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    edges: dict[tuple[Calendar, float], Periods] = field(default_factory=dict)
    trails: dict[tuple[Trailing, Source], Trail] = field(default_factory=dict)

    def periods(self, window: Calendar, settle: float) -> Periods:
        """The periods around now."""
        if (window, settle) not in self.edges:
            self.edges[window, settle] = periods(window, self.now, self.zone, settle)
        return self.edges[window, settle]

    def trail(self, window: Trailing, source: Source) -> Trail:
        """A trailing window in a rollup."""
        if (window, source) not in self.trails:
            found = trail(window, source.level, self.now, self.zone)
            if begins_with_minutes(source):
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
    return Observation(settled.reading, tuple(one.reading for one in unsettled), silenced, retired)


class _Seen(NamedTuple):
    """A reading, and whether there are samples behind it."""

    reading: Reading
    has_samples: bool


def _readings(plan: Plan, group: Group, figures: Figures) -> tuple[_Seen, list[_Seen]]:
    """The settled window, and those since that may fire early."""
    window, now = plan.watch.window, figures.now
    if not isinstance(window, Calendar):
        start = now - timedelta(seconds=window.seconds)
        return _reading(plan, group, figures, start, now), []
    around = figures.periods(window, plan.watch.settle)
    settled = _reading(plan, group, figures, around.previous, around.current)
    if not plan.watch.may_fire_early or plan.metric in figures.negative:
        return settled, []
    return settled, [
        _reading(plan, group, figures, start, min(now, end)) for start, end in around.unsettled
    ]


def _reading(plan: Plan, group: Group, figures: Figures, start: datetime, end: datetime) -> _Seen:
    """The figure of a window."""
    found = []
    living = figures.living.get((plan.stored.rule_id, group.key))
    for source, series in group.sources.items():
        if known := figures.buckets.get(window_key(plan, source, figures, start)):
            those = series if living is None else [one for one in series if one in living]
            found += [known[one] for one in those if one in known]
    if found:
        value = figure(plan.watch.aggregation, found)
        return _Seen(Reading(value, start, end, group.unit), has_samples=True)
    if plan.zero_when_silent and _existed(group, figures, start):
        return _Seen(Reading(0.0, start, end, group.unit, silent=True), has_samples=False)
    return _Seen(Reading(None, start, end, group.unit), has_samples=False)


def _that_may_end(
    plans: Iterable[Plan], figures: Figures
) -> Iterator[tuple[Plan, Group, datetime, datetime]]:
    """Groups of which some series may have ended in the settled window, and that window."""
    for plan in plans:
        for group in plan.groups:
            if not may_end(plan, group):
                continue
            window, now = plan.watch.window, figures.now
            if isinstance(window, Calendar):
                around = figures.periods(window, plan.watch.settle)
                yield plan, group, around.previous, around.current
            else:
                yield plan, group, now - timedelta(seconds=window.seconds), now


def window_key(plan: Plan, source: Source, figures: Figures, start: datetime) -> WindowKey:
    """The key of the buckets of a plan's window that starts then."""
    window = plan.watch.window
    if isinstance(window, Calendar):
        return WindowKey(source, start, None)
    its = figures.trail(window, source)
    return WindowKey(source, its.since, its.edge)


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
    known: dict[tuple[Any, float, Source], set[int]] = {}
    for plan in plans:
        window, settle = plan.watch.window, plan.watch.settle
        for group in plan.groups:
            for source, series in group.sources.items():
                if (members := known.get((window, settle, source))) is None:
                    span = _span(window, settle, source, figures)
                    members = known[window, settle, source] = spans.setdefault(span, set())
                members.update(series)
    return spans


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
        buckets = figures.buckets.setdefault(WindowKey(span.source, since, span.edge), {})
        buckets[row["series_id"]] = bucket_of_row(row)

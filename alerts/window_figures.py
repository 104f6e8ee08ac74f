"""Figures for all rules, read with one query for each rollup and range."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerts.bands import Band
from alerts.baselines import Stretch, stretches
from alerts.ended import living, may_end
from alerts.expectation.projection import Ahead
from alerts.figures import Bucket, Periods, Trail, periods, trail
from alerts.outlook import so_far
from alerts.rollups import Span, bucket_of_row, read_span
from alerts.selection import Group, Plan, Source
from alerts.watch import Watch
from alerts.window_spans import WindowKey, baseline_span, combined, from_a_minute, key_of
from sql.database import Connection
from sql.durations import Calendar, Trailing
from sql.errors import DatabaseError, DatabaseTimeout
from sql.vocabulary import Level

# The band of a rule's group and the period that starts at an instant, where one is known.
BandOf = Callable[[int, Group, datetime], Band | None]


# The forecast of what comes in the window after what came so far, where one is known.
AheadOf = Callable[[int, Group, Stretch], Ahead | None]


def _no_band(_rule_id: int, _group: Group, _start: datetime) -> None:
    """Nothing is known of what is usual."""


def _nothing_ahead(_rule_id: int, _group: Group, _came: Stretch) -> None:
    """Nothing is known of what is to come."""


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
    buckets: dict[WindowKey, dict[int, Bucket]] = field(default_factory=dict)
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
    came: dict[tuple[Calendar, float], Stretch] = field(default_factory=dict)
    band: BandOf = _no_band
    ahead: AheadOf = _nothing_ahead

    def periods(self, window: Calendar, settle: float) -> Periods:
        """The periods around now."""
        if (window, settle) not in self.edges:
            self.edges[window, settle] = periods(window, self.now, self.zone, settle)
        return self.edges[window, settle]

    def trail(self, window: Trailing, source: Source) -> Trail:
        """A trailing window in a rollup."""
        if (window, source) not in self.trails:
            found = trail(window, source.level, self.now, self.zone)
            self.trails[window, source] = from_a_minute(found, source, self.zone)
        return self.trails[window, source]

    def judged(self, watch: Watch) -> Stretch:
        """The trailing window, the last period that has settled, or what came so far of one that
        is foreseen.
        """
        if watch.foresees:
            return self.so_far(watch)
        if isinstance(watch.window, Calendar):
            around = self.periods(watch.window, watch.settle)
            return Stretch(around.previous, around.current)
        return Stretch(self.now - timedelta(seconds=watch.window.seconds), self.now)

    def so_far(self, watch: Watch) -> Stretch:
        """The part of the window under way that has settled."""
        assert isinstance(watch.window, Calendar)
        key = watch.window, watch.settle
        if key not in self.came:
            self.came[key] = so_far(watch, self.now, self.zone, watch.settle)
        return self.came[key]

    def baselines(self, watch: Watch, level: Level) -> tuple[Stretch, ...]:
        """The windows that the judged one is compared with, the furthest back first."""
        if watch.compare is None:
            return ()
        key = watch.window, watch.settle, watch.compare, level
        if key not in self.earlier:
            judged = self.judged(watch)
            self.earlier[key] = stretches(watch.window, watch.compare, judged, level, self.zone)
        return self.earlier[key]


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
    if plan.watch.foresees:
        return key_of(combined(source, figures.so_far(plan.watch)))
    window = plan.watch.window
    if isinstance(window, Calendar):
        return WindowKey(source, start)
    its = figures.trail(window, source)
    return WindowKey(source, its.since, its.edge, its.before)


def _spans(plans: Iterable[Plan], figures: Figures) -> dict[Span, set[int]]:
    spans: dict[Span, set[int]] = {}
    known: dict[tuple[Any, ...], list[set[int]]] = {}
    for plan in plans:
        watch = plan.watch
        for group in plan.groups:
            level = group.level if watch.compare else "minute"
            for source, series in group.sources.items():
                key = watch.window, watch.settle, watch.compare, watch.foresees, level, source
                if (members := known.get(key)) is None:
                    needed = [
                        _span(watch, source, figures),
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


def _span(watch: Watch, source: Source, figures: Figures) -> Span:
    window = watch.window
    if watch.foresees:
        return combined(source, figures.so_far(watch))
    if isinstance(window, Calendar):
        around = figures.periods(window, watch.settle)
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

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

from alerts.decision import Observation, Reading
from alerts.durations import Calendar, Window
from alerts.figures import Bucket, Periods, figure, periods, span_of
from alerts.selection import Group, Plan, RuleProblem, Source
from sql.database import Connection, run
from sql.errors import DatabaseError, DatabaseTimeout, translated_errors
from sql.queries import array_of, query
from sql.rollups import FREQUENCIES, Frequency


class Span(NamedTuple):
    """A range of one rollup: whole periods, or a trailing window put together."""

    source: Source
    since: datetime
    before: datetime
    calendar: bool


@dataclass(slots=True)
class Figures:
    """What was read. `buckets` are by rollup, start of the window and series; `failed` says
    why a series could not be read in a rollup.
    """

    zone: ZoneInfo
    now: datetime
    buckets: dict["WindowKey", dict[int, Bucket]] = field(default_factory=dict)
    failed: dict[tuple[Source, int], str] = field(default_factory=dict)
    first_seen: dict[int, datetime] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    edges: dict[Calendar, Periods] = field(default_factory=dict)
    starts: dict[tuple[Window, Source], datetime] = field(default_factory=dict)

    def periods(self, window: Calendar) -> Periods:
        """The periods around now."""
        if window not in self.edges:
            self.edges[window] = periods(window, self.now, self.zone)
        return self.edges[window]

    def since(self, window: Window, source: Source) -> datetime:
        """Where the buckets of a trailing window begin."""
        if (window, source) not in self.starts:
            since, _ = span_of(window, source.level, self.now, self.zone)
            self.starts[window, source] = since
        return self.starts[window, source]


class WindowKey(NamedTuple):
    """One window in one rollup."""

    source: Source
    since: datetime
    calendar: bool


async def read_figures(
    conn: Connection,
    plans: Iterable[Plan],
    first_seen: dict[int, datetime],
    now: datetime,
    zone: ZoneInfo,
) -> Figures:
    """Everything the plans need at `now`. A series that cannot be read fails alone."""
    figures = Figures(zone, now, first_seen=first_seen)
    for span, series in _spans(plans, now, zone).items():
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
    if isinstance(window, Calendar):
        around = figures.periods(window)
        partial = None
        if plan.watch.may_fire_early:
            partial = _reading(plan, group, figures, around.current, now, around.current)
        settled = _reading(plan, group, figures, around.previous, around.current, around.previous)
        return Observation(settled, partial)
    start = now - timedelta(seconds=window.seconds)
    return Observation(_reading(plan, group, figures, start, now, None))


def _reading(
    plan: Plan,
    group: Group,
    figures: Figures,
    start: datetime,
    end: datetime,
    bucket: datetime | None,
) -> Reading:
    """The figure of a window; `bucket` is its start in the rollups, None for a trailing
    window.
    """
    found = []
    for source, series in group.sources.items():
        since = bucket or figures.since(plan.watch.window, source)
        known = figures.buckets.get(WindowKey(source, since, bucket is not None))
        if known:
            found += [known[one] for one in series if one in known]
    if found:
        value: float | None = figure(plan.watch.aggregation, found)
    else:
        value = 0.0 if plan.zero_when_silent and _existed(group, figures, start) else None
    return Reading(value, start, end, group.unit)


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


def _spans(plans: Iterable[Plan], now: datetime, zone: ZoneInfo) -> dict[Span, set[int]]:
    spans: dict[Span, set[int]] = {}
    known: dict[tuple[Any, Source], set[int]] = {}
    for plan in plans:
        window = plan.watch.window
        for group in plan.groups:
            for source, series in group.sources.items():
                if (members := known.get((window, source))) is None:
                    since, before = span_of(window, source.level, now, zone)
                    span = Span(source, since, before, isinstance(window, Calendar))
                    members = known[window, source] = spans.setdefault(span, set())
                members.update(series)
    return spans


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
        since = row["bucket"].astimezone(UTC) if span.calendar else span.since
        buckets = figures.buckets.setdefault(WindowKey(span.source, since, span.calendar), {})
        buckets[row["series_id"]] = bucket_of_row(row)


async def _query_span(conn: Connection, span: Span, series: Sequence[int]) -> list[dict[str, Any]]:
    name = "alert_buckets" if span.calendar else "alert_trailing"
    return await read_rollup(conn, name, span.source, series, span.since, span.before)


async def read_rollup(
    conn: Connection,
    name: str,
    source: Source,
    series: Sequence[int],
    since: datetime,
    before: datetime,
) -> list[dict[str, Any]]:
    """Rows of ``alert_buckets`` or ``alert_trailing`` from one rollup."""
    rollup = sql.Identifier("fature", f"rollup_{source.frequency}_{source.level}")
    with translated_errors():
        return await run(
            conn,
            query(name).format(rollup=rollup),
            {"series": array_of(series), "since": since, "before": before},
        )


def bucket_of_row(row: Mapping[str, Any]) -> Bucket:
    """The figures of a row of ``alert_buckets`` or ``alert_trailing``."""
    return Bucket(
        row["sum_value"],
        row["sample_count"],
        row["min_value"],
        row["max_value"],
        row["last_value"],
    )

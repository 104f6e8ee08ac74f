"""Reading rollups and samples for rules.

Series ids are resolved first: TimescaleDB pushes ``series_id = ANY(…)`` into the live
part of a rollup, but not a join.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg import sql

from alerts.figures import Bucket
from alerts.selection import Source
from sql.calendar import LongPeriod, days_before_monday
from sql.database import Connection, run
from sql.errors import translated_errors
from sql.statements import Query, array_of, query, samples_of, start_of_period, union_all
from sql.vocabulary import FREQUENCIES, Frequency, Level


class Span(NamedTuple):
    """A range of one rollup: whole periods, or a trailing window combined, with where its first
    whole bucket begins.
    """

    source: Source
    since: datetime
    before: datetime
    edge: datetime | None = None


class Piece(NamedTuple):
    """A part of a window: whole buckets of a level, or samples where that is None."""

    level: Level | None
    since: datetime
    before: datetime


def begins_with_minutes(source: Source) -> bool:
    """True where the first hour of a trailing window is combined from minutes: too many samples
    might be in it.
    """
    return source == Source("real_time", "hour")


async def read_span(conn: Connection, span: Span, series: Sequence[int]) -> list[dict[str, Any]]:
    """The buckets of these series in a range, combined to one each for a trailing window."""
    source, since, before, edge = span
    if edge is None:
        return await read_buckets(conn, source, series, since, before)
    parts = union_all([_part(source, "edge", "before"), _beginning(source)])
    statement = query("alert_trailing").format(parts=parts)
    params = {"series": array_of(series), "since": since, "edge": edge, "before": before}
    with translated_errors():
        return await run(conn, statement, params)


def _beginning(source: Source) -> Query:
    if begins_with_minutes(source):
        return _part(Source(source.frequency, "minute"), "since", "edge")
    return _combined(source.frequency, "since", "edge")


def _combined(frequency: Frequency, since: str, before: str) -> Query:
    """The samples between the values of these names, as a bucket of each series."""
    return query("alert_samples_combined").format(
        samples=samples_of(frequency), since=sql.Placeholder(since), before=sql.Placeholder(before)
    )


async def read_pieces(
    conn: Connection, frequency: Frequency, pieces: Sequence[Piece], series: Sequence[int]
) -> list[dict[str, Any]]:
    """What these series have in a window of so many pieces, combined to one bucket each."""
    parts: list[Query] = []
    params: dict[str, Any] = {"series": array_of(series)}
    for number, (level, since, before) in enumerate(pieces):
        names = f"since_{number}", f"before_{number}"
        params |= dict(zip(names, (since, before), strict=True))
        parts.append(
            _combined(frequency, *names)
            if level is None
            else _part(Source(frequency, level), *names)
        )
    statement = query("alert_trailing").format(parts=union_all(parts))
    with translated_errors():
        return await run(conn, statement, params)


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
    if source.level == "week" and days_before_monday():
        return sql.Identifier("fature", f"own_week_{source.frequency}")
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


async def read_first_samples(
    conn: Connection, series: Mapping[int, Frequency], first_seen: dict[int, datetime]
) -> None:
    """Learn since when there are samples of these series."""
    for frequency in FREQUENCIES:
        ids = [one for one, its in series.items() if its == frequency]
        if not ids:
            continue
        samples = samples_of(frequency)
        statement = query("alert_first_samples").format(samples=samples)
        with translated_errors():
            rows = await run(conn, statement, {"series": array_of(ids)})
        for row in rows:
            first = row["first_ts"]
            if first and first < first_seen.get(row["series_id"], first + timedelta(1)):
                first_seen[row["series_id"]] = first


async def read_alive(
    conn: Connection, source: Source, series: Sequence[int], since: datetime
) -> set[int]:
    """Those of the series that have a bucket which begins since then."""
    statement = query("alert_series_alive").format(rollup=_rollup(source))
    params = {"series": array_of(series), "since": since}
    with translated_errors():
        rows = await run(conn, statement, params)
    return {row["series_id"] for row in rows}


async def read_sample_counts(
    conn: Connection, frequency: Frequency, series: Sequence[int], since: datetime, before: datetime
) -> dict[int, int]:
    """The number of samples of each series in a range, refreshed into rollups or not."""
    samples = samples_of(frequency)
    statement = query("alert_sample_counts").format(samples=samples)
    params = {"series": array_of(series), "since": since, "before": before}
    with translated_errors():
        rows = await run(conn, statement, params)
    return {row["series_id"]: row["number"] for row in rows}


async def has_negative(conn: Connection, frequency: Frequency, series: Sequence[int]) -> bool:
    """True where any of the series ever had a negative sample."""
    statement = query("alert_negative_samples").format(rollup=_rollup(Source(frequency, "month")))
    with translated_errors():
        (row,) = await run(conn, statement, {"series": array_of(series)})
    return bool(row["negative"])


async def read_last_buckets(
    conn: Connection, source: Source, series: Sequence[int], since: datetime, before: datetime
) -> dict[int, datetime]:
    """The start of the newest bucket of each series that begins in a range."""
    statement = query("alert_last_buckets").format(rollup=_rollup(source))
    params = {"series": array_of(series), "since": since, "before": before}
    with translated_errors():
        rows = await run(conn, statement, params)
    return {row["series_id"]: row["bucket"] for row in rows}


async def read_last_samples(
    conn: Connection, frequency: Frequency, series: Sequence[int], since: datetime, before: datetime
) -> dict[int, datetime]:
    """When the last sample of each series in a range is of."""
    samples = samples_of(frequency)
    statement = query("alert_last_samples").format(samples=samples)
    params = {"series": array_of(series), "since": since, "before": before}
    with translated_errors():
        rows = await run(conn, statement, params)
    return {row["series_id"]: row["last_ts"] for row in rows if row["last_ts"] is not None}


async def read_last_steps(
    conn: Connection,
    source: Source,
    series: Sequence[int],
    since: datetime,
    before: datetime,
    calendar: tuple[LongPeriod, ZoneInfo],
) -> list[dict[str, Any]]:
    """The start of the last bucket of each series in every period of a calendar, in a range."""
    period, zone = calendar
    statement = query("alert_last_steps").format(
        rollup=_rollup(source), start=start_of_period(period)
    )
    params = {
        "series": array_of(series),
        "since": since,
        "before": before,
        "period": period,
        "zone": zone.key,
    }
    with translated_errors():
        return await run(conn, statement, params)

"""What was expected of the values of a query: read from what is kept, and fitted where nothing
is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from alerts.kept_profiles import Kept, Rows, Subject, keep, kept_profiles
from service.metrics.expected.fits import (
    Fit,
    Series,
    expected_since,
    is_current,
    made_of,
)
from service.metrics.expected.judging import Told
from service.metrics.expected.subjects import (
    check,
    period_of,
    query_kept,
    query_of,
    row_start,
    subject_of,
)
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.selection import Group
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.calendar import LongPeriod
from sql.database import Pool, connection, fetch_all, run
from sql.errors import DomainError
from sql.vocabulary import ADDING

# How far back a fit reads. Hours: as many as one query has rows.
_HISTORY: Mapping[LongPeriod, timedelta] = {
    "hour": timedelta(days=400),
    "day": timedelta(days=1120),
    "week": timedelta(weeks=265),
    "month": timedelta(days=3690),
}
# What comes late at the end of a day belongs to it: it is fitted so long after.
_SETTLE = timedelta(minutes=10)
_ASKED_AGAIN = timedelta(hours=12)
# Fitted in the background in one go.
_BATCH = 20


_log = structlog.get_logger()


ByGroup = Mapping[Group, Mapping[datetime, Told]]


@dataclass(frozen=True, slots=True)
class _One:
    """A group of a query: the query for it alone, and what is kept of it."""

    query: AggregateQuery
    subject: Subject
    kept: Kept


class Expectations:
    """Tells what was expected. One fit at a time, in a thread, so that requests for figures are
    not held up; `country` is that whose special days are known (``BR-SP``; empty: none).
    """

    def __init__(self, aggregates: Aggregates, pool: Pool, reads: Pool, country: str) -> None:
        self._aggregates = aggregates
        self._pool = pool
        self._reads = reads
        self._country = country
        self._fits: SingleFlight[None] = SingleFlight(max_age=1.0, finished=True)
        self._lock = asyncio.Lock()

    async def told(self, query: AggregateQuery, groups: Sequence[Group], now: datetime) -> ByGroup:
        """What was expected of the periods of a query in each of its groups, by their starts.

        Raises:
            Invalid: there are too many groups, minutes are asked for, or as `Aggregates.result`.
        """
        check(query, groups)
        found = await self._kept([query_of(query, group) for group in groups], now)
        await self._note_asked(found, now)
        past = await self._past(query, found)
        told: dict[Group, dict[datetime, Told]] = {}
        for group, one in zip(groups, found, strict=True):
            rows = {} if one is None else dict(past.get(one.kept.expectation_id, {}))
            if one is not None:
                rows |= await self._coming(one, now)
            told[group] = rows
        return told

    async def fit_stale(self) -> None:
        """Fit anew what is older than it may be, of what was asked about lately; one process of
        all does.
        """
        now = datetime.now(UTC)
        async with connection(self._pool) as conn, conn.transaction():
            (row,) = await run(conn, "lead_expectations")
            if not row["leads"]:
                return
            await run(conn, "forget_expectations", {"now": now})
            stale = {
                "now": now - _SETTLE,
                "before_monday": f"{calendar.days_before_monday()} days",
                "limit": _BATCH,
            }
            for kept in await run(conn, "stale_expectations", stale):
                try:
                    await self._fit(query_kept(kept), now)
                except DomainError as error:
                    _log.warning(
                        "expectation_failed", metric=kept["metric_name"], reason=str(error)
                    )

    async def _kept(self, queries: Sequence[AggregateQuery], now: datetime) -> list[_One | None]:
        """What is kept of each, fitted where it is not or no more."""
        subjects = [subject_of(query, self._country) for query in queries]
        keys = [subject.key for subject in subjects]
        found = await self._read(keys)
        missing = [
            query
            for query, key in zip(queries, keys, strict=True)
            if key not in found or _is_stale(found[key], query, now)
        ]
        for query in missing:
            fit = self._fits.get(query.subject, query.key, lambda q=query: self._fit(q, now))  # type: ignore[misc]
            await fit
        if missing:
            found = await self._read(keys)
        return [
            _One(query, subject, found[subject.key]) if subject.key in found else None
            for query, subject in zip(queries, subjects, strict=True)
        ]

    async def _read(self, keys: Sequence[str]) -> dict[str, Kept]:
        async with connection(self._reads) as conn:
            return await kept_profiles(conn, keys)

    async def _note_asked(self, found: Sequence[_One | None], now: datetime) -> None:
        ids = [
            one.kept.expectation_id
            for one in found
            if one is not None and now - one.kept.asked_at > _ASKED_AGAIN
        ]
        if ids:
            await fetch_all(self._pool, "note_asked_expectations", {"ids": ids, "now": now})

    async def _past(
        self, query: AggregateQuery, found: Sequence[_One | None]
    ) -> dict[int, dict[datetime, Told]]:
        """What was expected of periods before profiles hold, as it was kept."""
        valid = {one.kept.expectation_id: one.kept.valid_from for one in found if one}
        if not valid:
            return {}
        latest = max(valid.values())
        params = {
            "ids": list(valid),
            "since": query.since or datetime.min.replace(tzinfo=UTC),
            "before": min(query.before, latest) if query.before else latest,
        }
        past: dict[int, dict[datetime, Told]] = {}
        for row in await fetch_all(self._reads, "expected_values", params):
            number, start = row["expectation_id"], row["bucket"]
            if start < valid[number]:
                told = Told(
                    row["expected"],
                    row["lower"],
                    row["upper"],
                    tuple(row["below"]),
                    tuple(row["above"]),
                )
                past.setdefault(number, {})[start.astimezone(UTC)] = told
        return past

    async def _coming(self, one: _One, now: datetime) -> dict[datetime, Told]:
        """What is expected of the periods from where the profile holds to the one of `now`."""
        query, since = one.query, one.kept.valid_from
        period = period_of(query)
        if query.before and query.before <= since:
            return {}
        starts = [since.astimezone(UTC)]
        while (after := calendar.following(starts[-1], period, query.zone)) <= now:
            starts.append(after.astimezone(UTC))
        values = await self._values(query, starts, now)
        rows = await asyncio.to_thread(
            expected_since, one.kept.profile, starts, values, self._country
        )
        return {} if rows is None else _by_start(rows)

    async def _values(
        self, query: AggregateQuery, starts: Sequence[datetime], now: datetime
    ) -> list[float | None]:
        """Those of complete periods; the last is under way."""
        if len(starts) == 1:
            return [None]
        since = replace(query, since=starts[0], before=starts[-1])
        result = await self._aggregates.own.result(since, now)
        values = {point.start: point.value for point in result.points}
        nothing = 0.0 if query.aggregation in ADDING else None
        return [*(values.get(start, nothing) for start in starts[:-1]), None]

    async def _fit(self, query: AggregateQuery, now: datetime) -> None:
        """Fit what is expected of a query and keep it; of one without a history nothing is."""
        subject, period = subject_of(query, self._country), period_of(query)
        end = row_start(now - _SETTLE, query)
        async with self._lock:
            unit, series = await self._history(query, end, now)
            days = await self._days(query, series, now)
            made = await asyncio.to_thread(
                made_of, series, period, query.zone, end, self._country, days
            )
        if made is not None:
            await self._keep(subject, unit, made, now)

    async def _history(
        self, query: AggregateQuery, end: datetime, now: datetime
    ) -> tuple[str | None, Series]:
        """Every period from the first one with a value until before `end`."""
        period = period_of(query)
        since = row_start(end - _HISTORY[period], query)
        whole = replace(query, since=since, before=end)
        result = await self._aggregates.own.result(whole, now)
        values = {point.start: point.value for point in result.points}
        if not values:
            return result.unit, Series([], [])
        nothing = 0.0 if query.aggregation in ADDING else float("nan")
        starts, start = [], min(values)
        while start < end:
            starts.append(start)
            start = calendar.following(start, period, query.zone).astimezone(UTC)
        found = (values.get(start) for start in starts)
        return result.unit, Series(starts, [nothing if v is None else v for v in found])

    async def _days(self, query: AggregateQuery, hours: Series, now: datetime) -> Series | None:
        """Of hours that go back less than a year, the days before, which tell of special days."""
        if not self._country or period_of(query) != "hour" or not hours.starts:
            return None
        before = calendar.floor(hours.starts[0], "day", query.zone).astimezone(UTC)
        _, days = await self._history(replace(query, period="day"), before, now)
        return days

    async def _keep(self, subject: Subject, unit: str | None, made: Fit, now: datetime) -> None:
        async with connection(self._pool) as conn:
            kept = (await kept_profiles(conn, [subject.key])).get(subject.key)
            since = kept.valid_from if kept and is_current(kept.profile) else made.valid_from
            rows = _rows_since(made.rows, since) if kept else made.rows
            await keep(conn, subject, made.profile, unit, made.valid_from, rows, since, now)


def _is_stale(kept: Kept, query: AggregateQuery, now: datetime) -> bool:
    return kept.valid_from < row_start(now - _SETTLE, query) or not is_current(kept.profile)


def _by_start(rows: Rows) -> dict[datetime, Told]:
    edges = zip(map(tuple, rows.below), map(tuple, rows.above), strict=True)
    bands = zip(rows.expected, rows.lower, rows.upper, strict=True)
    return {
        start: Told(*band, *sides)
        for start, band, sides in zip(rows.starts, bands, edges, strict=True)
    }


def _rows_since(rows: Rows, since: datetime) -> Rows:
    first = sum(start < since for start in rows.starts)
    return Rows(*(getattr(rows, name)[first:] for name in Rows.__dataclass_fields__))

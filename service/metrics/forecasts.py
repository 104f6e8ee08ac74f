"""Forecasts of a metric: its history from rollups, its model in a thread."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from alerts.expectation.gaps import without_gaps
from service.metrics.catalog import MetricEntry
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.result import check_nobody_missing
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import AggregateQuery, aggregate_query
from sql import calendar
from sql.calendar import LongPeriod
from sql.errors import Invalid, Problem
from sql.messages import Message, Term, Value
from sql.scope import Scope
from sql.vocabulary import ADDING, NONE, Aggregation

if TYPE_CHECKING:
    from alerts.expectation.forecast import Forecast

MAX_GROUPS = 20
# Samples that came late since then are not in it.
_MAX_AGE = 300.0
# How far back values are read; the model takes the newest of them (alerts/expectation/seasons.py).
_HISTORY: Mapping[LongPeriod, timedelta] = {
    "hour": timedelta(hours=2160),
    "day": timedelta(days=1095),
    "week": timedelta(weeks=260),
    "month": timedelta(days=3660),
}


@dataclass(frozen=True, slots=True)
class ForecastQuery:
    """The values of a metric from the period that `now` is in on, for each group; `filters` are
    labels and dimensions, `horizon` is in periods, `level` the share that the band covers.
    """

    metric: MetricEntry
    scope: Scope
    zone: ZoneInfo
    period: LongPeriod
    horizon: int
    level: float
    aggregation: Aggregation | None = None
    filters: Mapping[str, str | None] | None = None
    group_by: tuple[str, ...] = ()


class GroupForecast(NamedTuple):
    """A forecast of one group: the starts (in UTC) and values of its periods, the history (the
    start of its first period and how many there are) that it is made of.
    """

    labels: Mapping[str, str | None]
    unit: str | None
    starts: Sequence[datetime]
    forecast: "Forecast"
    since: datetime
    known: int


class History(NamedTuple):
    """Values of every period from `since` until before `end`, both in UTC, without gaps."""

    since: datetime
    end: datetime
    values: list[float]


class Forecasts:
    """Makes forecasts, one at a time, so that requests for figures are not held up; equal ones are
    shared for five minutes.
    """

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates
        self._shared: SingleFlight[list[GroupForecast]] = SingleFlight(max_age=_MAX_AGE)
        self._lock = asyncio.Lock()

    async def forecasts(self, query: ForecastQuery, now: datetime) -> list[GroupForecast]:
        """One forecast for each group, the largest groups first; one in all without groups.

        Raises:
            Invalid: too little history, too many groups, or as `Aggregates.result`.
        """
        end = calendar.floor(now, query.period, query.zone).astimezone(UTC)
        whole = _history_query(query, end, query.group_by)
        subject = query.scope.tenant, query.metric.metric_name
        key = repr((whole.key, query.horizon, query.level))
        return await self._shared.get(subject, key, lambda: self._compute(query, whole, end, now))

    async def _compute(
        self, query: ForecastQuery, whole: AggregateQuery, end: datetime, now: datetime
    ) -> list[GroupForecast]:
        groups = await self._groups(query, whole)
        queries = [_history_query(query, end, (), labels) for labels in groups]
        results = await asyncio.gather(*(self._aggregates.result(one, now) for one in queries))
        made = []
        for labels, result in zip(groups, results, strict=True):
            check_nobody_missing(result)
            values = {p.start: p.value for p in result.points if p.value is not None}
            adds = result.query.aggregation in ADDING
            history = history_of(values, end, query.period, query.zone, adds=adds)
            made.append(await self._one(query, labels, result.unit, history))
        return made

    async def _groups(
        self, query: ForecastQuery, whole: AggregateQuery
    ) -> list[dict[str, str | None]]:
        """Their labels."""
        if not query.group_by:
            return [{}]
        totals = await self._aggregates.totals(whole)
        check_nobody_missing(totals)
        if len(totals) > MAX_GROUPS:
            message = Message(
                "There are {number} groups; forecasts are made of up to {most}: add filters",
                {"number": len(totals), "most": MAX_GROUPS},
            )
            raise Invalid(Problem(message, "group_by"))
        largest = sorted(totals, key=lambda group: -abs(totals[group]))
        return [dict(zip(query.group_by, group, strict=True)) for group in largest]

    async def _one(
        self,
        query: ForecastQuery,
        labels: Mapping[str, str | None],
        unit: str | None,
        history: History,
    ) -> GroupForecast:
        async with self._lock:
            made = await asyncio.to_thread(
                _forecast, history.values, query.period, query.horizon, query.level
            )
        starts = [history.end]
        while len(starts) < query.horizon:
            ahead = calendar.following(starts[-1], query.period, query.zone)
            starts.append(ahead.astimezone(UTC))
        return GroupForecast(labels, unit, starts, made, history.since, len(history.values))


def history_of(
    values: Mapping[datetime, float],
    end: datetime,
    period: LongPeriod,
    zone: ZoneInfo,
    *,
    adds: bool,
) -> History:
    """Every period from the first one with a value until before `end`. A period without a value
    is 0 where values add up, and otherwise has the value before it.
    """
    since = start = min(values, default=end)
    known = []
    while start < end:
        known.append(values.get(start))
        start = calendar.following(start, period, zone).astimezone(UTC)
    return History(since, end, without_gaps(known, adds=adds))


def _history_query(
    query: ForecastQuery,
    end: datetime,
    group_by: tuple[str, ...],
    labels: Mapping[str, str | None] | None = None,
) -> AggregateQuery:
    named = {name: NONE if label is None else label for name, label in (labels or {}).items()}
    return aggregate_query(
        query.metric,
        query.scope,
        query.zone,
        filters={**(query.filters or {}), **named},
        aggregation=query.aggregation,
        period=query.period,
        since=end - _HISTORY[query.period],
        before=end,
        group_by=group_by,
    )


def _forecast(values: list[float], period: LongPeriod, horizon: int, level: float) -> "Forecast":
    # Imported where it is used first: numpy takes as long to import as the rest of the service.
    import numpy as np

    from alerts.expectation.forecast import TooShort, forecast

    try:
        return forecast(np.array(values), period, horizon, level)
    except TooShort as error:
        said: dict[str, Value] = {
            "least": error.least,
            "period": Term(period),
            "number": len(values),
        }
        message = Message(
            "A forecast needs the values of {least} {period} periods; there are {number}", said
        )
        raise Invalid(Problem(message, "period")) from error

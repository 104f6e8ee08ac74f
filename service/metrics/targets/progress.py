"""Progress of targets: what came so far, what was to be expected by now, where it will end."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.expectation.projection import Ahead, Projection, projected
from service.metrics.catalog import MetricEntry
from service.metrics.forecasts import ForecastQuery, Forecasts
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.ranges import Span
from service.metrics.query.result import check_nobody_missing
from service.metrics.query.selected import TooFine
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import AggregateQuery, aggregate_query
from service.metrics.targets.pace import FLAT, Shape, shape_of, spread
from service.metrics.targets.target import Target, is_over, span_at
from sql import calendar
from sql.calendar import LongPeriod
from sql.decimals import rounded
from sql.errors import Invalid
from sql.scope import Scope
from sql.vocabulary import ADDING

# The shape of a metric is that of so many days before the period.
_HISTORY_DAYS = 56
_LEVEL = 0.9
_MAX_AGE = 60.0
# The finest first: of the rest of a period that is longer, days, and of those that are submitted
# by month alone months.
_STEPS: dict[LongPeriod, timedelta] = {
    "hour": timedelta(hours=400),
    "day": timedelta(days=400),
    "month": timedelta(days=366),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a target came in the period that it is in. `value` is None where nothing came;
    `pace_percent` of what was expected by now; no projection where there is too little history.
    """

    span: Span
    unit: str | None
    value: float | None
    expected_by_now: float
    pace_percent: float | None
    projection: Projection | None
    on_track: bool | None


class Progresses:
    """Computes the progress of targets; equal ones are shared for a minute."""

    def __init__(self, aggregates: Aggregates, forecasts: Forecasts, zone: ZoneInfo) -> None:
        self._aggregates = aggregates
        self._forecasts = forecasts
        self._zone = zone
        self._shared: SingleFlight[Progress] = SingleFlight(max_age=_MAX_AGE)

    async def progress(
        self, scope: Scope, target: Target, metric: MetricEntry, now: datetime
    ) -> Progress:
        """The progress in the period that `now` is in, or where the target does not hold then, in
        its first or last one.

        Raises:
            Invalid: an unknown dimension; Busy: too many queries are read.
        """
        subject = scope.tenant, target.metric_name
        return await self._shared.get(
            subject, repr((scope, target)), lambda: self._progress(scope, target, metric, now)
        )

    async def _progress(
        self, scope: Scope, target: Target, metric: MetricEntry, now: datetime
    ) -> Progress:
        span = span_at(target, now, self._zone)
        query = self._query(scope, target, metric, span)
        try:
            totals = await self._aggregates.totals(query)
        except TooFine:
            query = self._query(scope, target, metric, span, "month")
            totals = await self._aggregates.totals(query)
        check_nobody_missing(totals)
        value = totals.get(())
        expected = target.value
        if query.aggregation in ADDING:
            shape = await self._shape(scope, target, metric, span, now)
            expected = rounded(target.value * shape.share(span, now, self._zone))
        projection = await self._projection(scope, target, metric, query, span, value, now)
        pace = None if value is None or not expected else rounded(100 * value / expected)
        unit = None if query.aggregation == "count" else metric.unit
        reached = value if projection is None else projection.value
        if projection is None and value is not None and expected:
            reached = value * target.value / expected
        on_track = None if reached is None else target.is_met(reached)
        return Progress(span, unit, value, expected, pace, projection, on_track)

    async def _shape(
        self, scope: Scope, target: Target, metric: MetricEntry, span: Span, now: datetime
    ) -> Shape:
        """The shape of weeks before the period: of hours, or of days where there are no hours."""
        end = calendar.floor(min(span.since, now), "day", self._zone)
        past = Span((end - timedelta(days=_HISTORY_DAYS)).astimezone(UTC), end.astimezone(UTC))
        finest_first: tuple[LongPeriod, ...] = ("hour", "day")
        for period in finest_first:
            query = self._query(scope, target, metric, past, period)
            try:
                result = await self._aggregates.result(query, now)
                check_nobody_missing(result)
            except TooFine:
                continue
            values = {p.start: p.value for p in result.points if p.value is not None}
            if not values:
                return FLAT
            first = min(values).astimezone(self._zone).date()
            last = past.before.astimezone(self._zone).date()
            # Whole weeks, so that each weekday counts as often.
            since = last - timedelta(days=(last - first).days // 7 * 7)
            known = {
                start: value for start, value in values.items() if _day(start, self._zone) >= since
            }
            hours = dict(spread(known.items())) if period == "day" else known
            return shape_of(hours, since, last, self._zone)
        return FLAT

    async def _projection(
        self,
        scope: Scope,
        target: Target,
        metric: MetricEntry,
        query: AggregateQuery,
        span: Span,
        value: float | None,
        now: datetime,
    ) -> Projection | None:
        if is_over(span, now) or now < span.since:
            nothing = Ahead((), (), ())
            return None if value is None else projected(query.aggregation, value, 1.0, nothing)
        left, length = span.before - now, span.before - span.since
        for step, longest in _STEPS.items():
            if left > longest:
                continue
            try:
                ahead = await self._ahead(scope, target, metric, step, span, now)
            except Invalid:
                # Too little history, or nothing as fine.
                continue
            return projected(query.aggregation, value, 1 - left / length, ahead)
        return None

    async def _ahead(
        self,
        scope: Scope,
        target: Target,
        metric: MetricEntry,
        step: LongPeriod,
        span: Span,
        now: datetime,
    ) -> Ahead:
        """The forecast of the rest of a period: of the step under way only what is left of it."""
        start = calendar.floor(now, step, self._zone).astimezone(UTC)
        following = calendar.following(start, step, self._zone).astimezone(UTC)
        edges, end = 1, following
        while end < span.before:
            end = calendar.following(end, step, self._zone).astimezone(UTC)
            edges += 1
        query = ForecastQuery(
            metric, scope, self._zone, step, edges, _LEVEL, target.aggregation, target.filters
        )
        (found,) = await self._forecasts.forecasts(query, now)
        made = found.forecast
        left = 1.0
        if (target.aggregation or metric.default_aggregation) in ADDING:
            left = (min(following, span.before) - now) / (following - start)
        columns = (made.values.tolist(), made.lower.tolist(), made.upper.tolist())
        return Ahead(*([left * first, *rest] for first, *rest in columns))

    def _query(
        self,
        scope: Scope,
        target: Target,
        metric: MetricEntry,
        span: Span,
        period: LongPeriod = "day",
    ) -> AggregateQuery:
        return aggregate_query(
            metric,
            scope,
            self._zone,
            filters=target.filters,
            aggregation=target.aggregation,
            period=period,
            since=span.since,
            before=span.before,
            units="main",
        )


def _day(start: datetime, zone: ZoneInfo) -> date:
    return start.astimezone(zone).date()

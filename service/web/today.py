"""Today's figure of a metric, and how it stood at the same time a week ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.errors import ApiError
from service.query.catalog import MetricEntry
from service.query.fill import Cell
from service.query.params import AggregateParams, Aggregation
from service.query.questions import ask
from service.query.totals import ADDING
from service.resources import Resources
from service.scope import Scope
from sql import calendar

_SPARK_HOURS = 24


@dataclass(frozen=True, slots=True)
class Today:
    """`value` is today's so far, None where nothing came in. `change` compares the hours of
    today that are over, up to `until`, with the same hours of that weekday last week; None
    where either has nothing. `hours` are the last 24, with None where nothing came in.
    """

    metric_name: str
    unit: str | None
    value: float | None = None
    change: float | None = None
    until: datetime | None = None
    hours: Sequence[float | None] = ()
    problem: str | None = None


async def read_today(
    resources: Resources, scope: Scope, metric_name: str, metric: MetricEntry, now: datetime
) -> Today:
    """Today's figure of that metric, added up as its entry in the catalogue says."""
    zone = resources.settings.zone
    aggregation = metric.default_aggregation
    since = _week_before(calendar.floor(now, "day", zone), zone)
    given = {"metric_name": metric_name, "aggregation": aggregation, "period": "hour"}
    params = AggregateParams.model_validate(given | {"start_date": since, "end_date": now})
    try:
        answer = await resources.aggregates.answer(ask(params, {}, scope, metric, zone), now)
    except ApiError as error:
        return Today(metric_name, None, problem=error.message)
    return today(metric_name, answer.unit, answer.cells, aggregation, now, zone)


def today(
    metric_name: str,
    unit: str | None,
    hours: Sequence[Cell],
    aggregation: Aggregation,
    now: datetime,
    zone: ZoneInfo,
) -> Today:
    """The figure, of hours from the same day last week on; pure."""
    midnight = calendar.floor(now, "day", zone)
    over = calendar.floor(now, "hour", zone)
    latest = _between(hours, midnight, now)
    this = combined(_between(hours, midnight, over), aggregation)
    last = combined(
        _between(hours, _week_before(midnight, zone), _week_before(over, zone)), aggregation
    )
    return Today(
        metric_name,
        unit,
        value=combined(latest, aggregation),
        change=None if this is None or not last else (this - last) / abs(last),
        until=over,
        hours=_spark(hours, over),
    )


def combined(hours: Sequence[Cell], aggregation: Aggregation) -> float | None:
    """Hours as one figure."""
    return ADDING[aggregation](hours) if hours else None


def _between(hours: Sequence[Cell], since: datetime, before: datetime) -> list[Cell]:
    first, last = since.astimezone(UTC), before.astimezone(UTC)
    return [hour for hour in hours if first <= hour.start < last]


def _spark(hours: Sequence[Cell], over: datetime) -> list[float | None]:
    """The hours that are over, up to the one that is under way."""
    known = {hour.start: hour.value for hour in hours}
    end = over.astimezone(UTC)
    starts = [end - timedelta(hours=back) for back in range(_SPARK_HOURS, 0, -1)]
    return [known.get(start) for start in starts]


def _week_before(moment: datetime, zone: ZoneInfo) -> datetime:
    """The same time of day, a week ago, whatever the clocks did in between."""
    return moment.astimezone(zone) - timedelta(days=7)

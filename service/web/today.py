"""Today's figure of a metric, and how it stood at the same time a week ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.errors import ApiError
from service.query.aggregate import ask
from service.query.params import AggregateParams, Aggregation
from service.resources import Resources
from service.scope import Scope
from sql import calendar

_SPARK_HOURS = 24


class Hour(NamedTuple):
    """One hour: its figure and how many samples that is of. `start` is in UTC."""

    start: datetime
    value: float
    samples: float


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


async def read_today(resources: Resources, scope: Scope, metric_name: str, now: datetime) -> Today:
    """Today's figure of that metric, added up as the catalogue says."""
    zone = resources.settings.zone
    metric = await resources.catalog.entry(scope, metric_name)
    aggregation = metric.default_aggregation
    since = _week_before(calendar.floor(now, "day", zone), zone)
    try:
        values, unit = await _hours(resources, scope, metric_name, aggregation, since, now)
        counts = values
        if aggregation == "avg":
            counts, _ = await _hours(resources, scope, metric_name, "count", since, now)
    except ApiError as error:
        return Today(metric_name, None, problem=error.message)
    hours = [Hour(start, value, counts.get(start, 0.0)) for start, value in values.items()]
    return today(metric_name, unit, hours, aggregation, now, zone)


def today(
    metric_name: str,
    unit: str | None,
    hours: Sequence[Hour],
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


def combined(hours: Sequence[Hour], aggregation: Aggregation) -> float | None:
    """Hours as one figure; an average weighs each by its samples."""
    if not hours:
        return None
    values = [hour.value for hour in hours]
    if aggregation == "avg":
        samples = sum(hour.samples for hour in hours)
        return sum(hour.value * hour.samples for hour in hours) / samples if samples else None
    if aggregation == "last":
        return max(hours).value
    return {"min": min, "max": max}.get(aggregation, sum)(values)


def _between(hours: Sequence[Hour], since: datetime, before: datetime) -> list[Hour]:
    first, last = since.astimezone(UTC), before.astimezone(UTC)
    return [hour for hour in hours if first <= hour.start < last]


def _spark(hours: Sequence[Hour], over: datetime) -> list[float | None]:
    """The hours that are over, up to the one that is under way."""
    known = {hour.start: hour.value for hour in hours}
    end = over.astimezone(UTC)
    starts = [end - timedelta(hours=back) for back in range(_SPARK_HOURS, 0, -1)]
    return [known.get(start) for start in starts]


def _week_before(moment: datetime, zone: ZoneInfo) -> datetime:
    """The same time of day, a week ago, whatever the clocks did in between."""
    return moment.astimezone(zone) - timedelta(days=7)


async def _hours(
    resources: Resources,
    scope: Scope,
    metric_name: str,
    aggregation: Aggregation,
    since: datetime,
    now: datetime,
) -> tuple[dict[datetime, float], str | None]:
    zone = resources.settings.zone
    given = {"metric_name": metric_name, "aggregation": aggregation, "period": "hour"}
    params = AggregateParams.model_validate(given | {"start_date": since, "end_date": now})
    metric = await resources.catalog.entry(scope, metric_name)
    answer = await resources.aggregates.answer(ask(params, {}, scope, metric, zone), now)
    starts = ((datetime.fromisoformat(row["start"]), row["value"]) for row in answer["data"])
    return {start.astimezone(UTC): value for start, value in starts}, answer["unit"]

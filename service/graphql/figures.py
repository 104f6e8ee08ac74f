"""Figures and forecasts: the questions of the API, answered in columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.explore.models import LABELS, AggregateParams
from service.forecast.models import ForecastParams
from service.graphql.context import Context, context_of
from service.http.parameters import zone_of
from service.http.responses import utc_instant
from service.http.validation import problems_of
from service.metrics.forecasts import ForecastQuery, GroupForecast
from service.metrics.query.beside import beside
from service.metrics.query.fill import Point
from service.metrics.query.periods import NamedPeriod, named_period
from service.metrics.query.result import Result
from sql.errors import Invalid, Problem
from sql.messages import Message

Params = TypeVar("Params", bound=BaseModel)


async def resolve_aggregate(_: Any, info: Any, metric: str, **given: Any) -> dict[str, Any]:
    """``Query.aggregate``."""
    context = context_of(info)
    context.needs("metrics:read")
    params, dimensions = read_arguments(AggregateParams, metric, given)
    entry = await context.entry(metric)
    zone = zone_of(params.tz, context.resources.settings.zone)
    query = params.query(entry, dimensions, context.scope, zone)
    result = await context.resources.aggregates.result(query, context.now)
    context.count(len(result.shown))
    return await beside(_figures, context, result)


async def resolve_metric_figures(row: Mapping[str, Any], info: Any, **given: Any) -> dict[str, Any]:
    """``Metric.aggregate``."""
    return await resolve_aggregate(row, info, row["metric_name"], **given)


async def resolve_forecast(_: Any, info: Any, metric: str, **given: Any) -> dict[str, Any]:
    """``Query.forecast``."""
    context = context_of(info)
    context.needs("metrics:read")
    params, dimensions = read_arguments(ForecastParams, metric, given)
    entry = await context.entry(metric)
    zone = zone_of(params.tz, context.resources.settings.zone)
    query = params.query(entry, dimensions, context.scope, zone)
    made = await context.resources.forecasts.forecasts(query, context.now)
    return {
        "metric": metric,
        "aggregation": query.aggregation or entry.default_aggregation,
        "period": query.period,
        "timezone": str(zone),
        "level": query.level,
        "series": [_forecast(query, one) for one in made],
    }


def read_arguments(
    model: type[Params], metric: str, given: Mapping[str, Any]
) -> tuple[Params, dict[str, str]]:
    """Arguments as the parameters of the API, and the dimensions among their filters.

    Raises:
        Invalid: with everything that is wrong.
    """
    values = {name: value for name, value in given.items() if value is not None}
    filters = _filters(values.pop("filters", ()))
    labels = {name: filters.pop(name) for name in LABELS if name in filters}
    try:
        return model.model_validate({"metric_name": metric, **values, **labels}), filters
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error


def _filters(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    found = {one["label"]: one["value"] for one in given}
    if len(found) < len(given):
        raise Invalid(Problem(Message("Given more than once"), "filters"))
    return found


def _figures(context: Context, result: Result) -> dict[str, Any]:
    query = result.query

    async def materialized_until(_: Any) -> str | None:
        until = await context.resources.aggregates.materialized_until(result)
        return None if until is None else utc_instant(until)

    return {
        "metric": query.metric_name,
        "aggregation": query.aggregation,
        "period": query.period,
        "timezone": str(query.zone),
        "unit": result.unit,
        "truncated": result.is_truncated,
        "omitted_frequencies": result.omitted,
        "missing_members": result.missing_members,
        "materialized_until": materialized_until,
        "series": list(_series(result)),
    }


def _series(result: Result) -> Iterator[dict[str, Any]]:
    query = result.query
    points: dict[int, list[Point]] = {}
    for point in result.shown:
        points.setdefault(point.group, []).append(point)
    for number, of_group in sorted(points.items()):
        group = result.groups[number]
        periods = [named_period(one.start, query.period, query.zone) for one in of_group]
        yield {
            "labels": label_list(dict(zip(query.group_by, group, strict=True))),
            "unit": result.unit_of(group),
            "periods": [one.label for one in periods],
            "starts": [one.start_text for one in periods],
            "ends": [one.end_text for one in periods],
            "values": [one.value for one in of_group],
            "complete": [one.end <= result.now for one in periods],
            "closed": [_is_closed(one, result) for one in periods],
        }


def _is_closed(period: NamedPeriod, result: Result) -> bool:
    return result.closed_before is not None and period.end <= result.closed_before


def _forecast(query: ForecastQuery, one: GroupForecast) -> dict[str, Any]:
    made = one.forecast
    periods = [named_period(start, query.period, query.zone) for start in one.starts]
    return {
        "labels": label_list(one.labels),
        "unit": one.unit,
        "periods": [each.label for each in periods],
        "starts": [each.start_text for each in periods],
        "ends": [each.end_text for each in periods],
        "values": made.values.tolist(),
        "lower": made.lower.tolist(),
        "upper": made.upper.tolist(),
        "model": made.model,
        "history_periods": one.known,
        "history_from": utc_instant(one.since),
        "mase": made.accuracy.mase,
        "coverage": made.accuracy.coverage,
        "folds": made.accuracy.folds,
    }


def label_list(labels: Mapping[str, str | None]) -> list[dict[str, str | None]]:
    """Labels as the schema has them."""
    return [{"name": name, "value": value} for name, value in labels.items()]

"""Values of a derived metric from those of its metrics; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Context, Decimal, localcontext

from service.metrics.catalog import Derivation, MetricEntry
from service.metrics.federation.merging import sorted_groups
from service.metrics.query.fill import Point
from service.metrics.query.result import Result, Whole
from service.metrics.query.selection import Group, Selection
from service.metrics.query.spec import AggregateQuery
from sql.decimals import exact, nearest
from sql.formula import value_of
from sql.vocabulary import ADDING, MAX_ROWS

# Of a metric that values are computed from. More are no answer.
MAX_POINTS = 10 * MAX_ROWS
_EXACT = Context(prec=100)


def operand_query(query: AggregateQuery, operand: MetricEntry) -> AggregateQuery:
    """The query for a metric that the values of another are computed from."""
    selection = query.selection
    filters = {**selection.filters, "metric_name": operand.metric_name}
    return replace(
        query,
        metric_name=operand.metric_name,
        selection=Selection(selection.tenant, filters, selection.dimensions),
        aggregation=operand.default_aggregation,
        main_unit=operand.unit,
        fill="none",
        limit=MAX_POINTS,
        most_groups=None,
        derivation=None,
    )


def computed(query: AggregateQuery, results: Sequence[Result], now: datetime) -> Result:
    """The result of a query by those of the metrics that it is computed from, in their order."""
    assert query.derivation
    groups = sorted_groups(group for one in results for group in one.groups)
    number_of = {group: number for number, group in enumerate(groups)}
    found: dict[tuple[datetime, int], dict[str, float]] = {}
    for result in results:
        for point in result.points:
            if point.value is not None:
                place = point.start, number_of[result.groups[point.group]]
                found.setdefault(place, {})[result.query.metric_name] = point.value
    values = ((place, value(query.derivation, found[place])) for place in sorted(found))
    points = [Point(*place, one) for place, one in values if one is not None]
    closed = [one.closed_before for one in results if one.closed_before is not None]
    return Result(
        query,
        now,
        query.main_unit,
        groups,
        (),
        points if query.fill == "previous" else points[-(query.limit + 1) :],
        sorted({name for one in results for name in one.omitted}),
        sorted({name for one in results for name in one.rollups}),
        sorted({unit for one in results for unit in one.units_left_out}, key=lambda one: one or ""),
        closed_before=min(closed) if len(closed) == len(results) else None,
        missing_members=sorted({name for one in results for name in one.missing_members}),
    )


def computed_whole(query: AggregateQuery, wholes: Mapping[str, Whole]) -> Whole:
    """The whole range as one period, by the metrics that its values are computed from."""
    assert query.derivation
    found: dict[Group, dict[str, float]] = {}
    for name, whole in wholes.items():
        for group, total in whole.totals.items():
            found.setdefault(group, {})[name] = total
    values = {group: value(query.derivation, known) for group, known in found.items()}
    starts = {group: point.start for one in wholes.values() for group, point in one.points.items()}
    units = {unit for one in wholes.values() for unit in one.units_left_out}
    return Whole(
        query.main_unit,
        {group: Point(starts[group], 0, one) for group, one in values.items() if one is not None},
        sorted(units, key=lambda one: one or ""),
        sorted({name for one in wholes.values() for name in one.missing_members}),
    )


def value(derivation: Derivation, known: Mapping[str, float]) -> float | None:
    """The value of the formula. Of a metric that adds up and came to nothing it is 0 where another
    has samples; of others nothing is known.
    """
    values: dict[str, Decimal | None] = {
        one.metric_name: exact(known[one.metric_name])
        if one.metric_name in known
        else Decimal()
        if _adds_up(one)
        else None
        for one in derivation.operands
    }
    with localcontext(_EXACT):
        found = value_of(derivation.term, values)
        return None if found is None else nearest(found)


def _adds_up(operand: MetricEntry) -> bool:
    return operand.kind == "flow" and operand.default_aggregation in ADDING

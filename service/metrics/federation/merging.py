"""Results of several installations as one; pure."""

from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from service.metrics.query.fill import Point
from service.metrics.query.result import Result, Whole
from service.metrics.query.selection import Group, Selection
from service.metrics.query.spec import AggregateQuery
from service.metrics.query.totals import COMBINE
from sql.decimals import exact_sum
from sql.errors import Invalid, Problem
from sql.federation import HUB
from sql.messages import Message
from sql.vocabulary import NONE, Aggregation

MEMBER = "member"


class InUnit(Protocol):
    """Values in a unit: of periods or of a whole range."""

    @property
    def unit(self) -> str | None:
        """Their unit."""

    @property
    def points(self) -> Collection[object]:
        """What has a value."""


def check_own(filters: MutableMapping[str, str]) -> None:
    """Take away a filter by member from those of what an installation answers about itself alone.

    Raises:
        Invalid: it is for another.
    """
    if filters.pop(MEMBER, HUB) != HUB:
        message = Message("Samples of members are read there; here are figures over all")
        raise Invalid(Problem(message, MEMBER))


def is_asked(query: AggregateQuery, member: str) -> bool:
    """Whether a query is about that member, too."""
    wanted = query.selection.dimensions.get(MEMBER)
    if wanted is not None and wanted != member:
        return False
    if query.only_groups is None or MEMBER not in query.group_by:
        return True
    place = query.group_by.index(MEMBER)
    return any(group[place] == member for group in query.only_groups)


def query_for(query: AggregateQuery, member: str) -> AggregateQuery:
    """The query as an installation understands it, which knows of no members. Of groups all that
    are wanted: which are the largest of all, none knows alone.
    """
    selection = query.selection
    dimensions = {key: value for key, value in selection.dimensions.items() if key != MEMBER}
    return replace(
        query,
        selection=Selection(selection.tenant, selection.filters, dimensions),
        group_by=tuple(name for name in query.group_by if name != MEMBER),
        most_groups=None,
        only_groups=query.only_groups and _groups_of(query, member),
    )


def _groups_of(query: AggregateQuery, member: str) -> frozenset[Group]:
    assert query.only_groups is not None
    if MEMBER not in query.group_by:
        return query.only_groups
    place = query.group_by.index(MEMBER)
    return frozenset(
        (*group[:place], *group[place + 1 :])
        for group in query.only_groups
        if group[place] == member
    )


def group_in(query: AggregateQuery, group: Group, member: str) -> Group:
    """The group of an installation as one of the query."""
    if MEMBER not in query.group_by:
        return group
    place = query.group_by.index(MEMBER)
    return (*group[:place], member, *group[place:])


def merged(
    query: AggregateQuery, results: Mapping[str, Result], missing: Sequence[str], now: datetime
) -> Result:
    """The result over installations, each by the name of the member, in one unit unless they are
    grouped by it.
    """
    groups = sorted_groups(
        group_in(query, group, member)
        for member, result in results.items()
        for group in result.groups
    )
    number_of = {group: number for number, group in enumerate(groups)}
    found: dict[tuple[datetime, int], list[Point]] = {}
    sizes = [0] * len(groups)
    for member, result in results.items():
        numbers = [number_of[group_in(query, group, member)] for group in result.groups]
        for point in result.points:
            found.setdefault((point.start, numbers[point.group]), []).append(point)
        for number, size in zip(numbers, result.sizes, strict=False):
            sizes[number] += size
    points = [added(query.aggregation, *key, found[key]) for key in sorted(found)]
    return Result(
        query,
        now,
        only_unit(query, results),
        groups,
        sizes if query.aggregation == "last" else (),
        points if query.fill == "previous" else points[-(query.limit + 1) :],
        sorted({name for one in results.values() for name in one.omitted}),
        sorted({name for one in results.values() for name in one.rollups}),
        _sorted_units(unit for one in results.values() for unit in one.units_left_out),
        missing_members=missing,
    )


def merged_whole(
    query: AggregateQuery, wholes: Mapping[str, Whole], missing: Sequence[str]
) -> Whole:
    """The same of whole ranges."""
    found: dict[Group, list[Point]] = {}
    for member, whole in wholes.items():
        for group, point in whole.points.items():
            found.setdefault(group_in(query, group, member), []).append(point)
    points = {
        group: added(query.aggregation, some[0].start, 0, some) for group, some in found.items()
    }
    left_out = _sorted_units(unit for one in wholes.values() for unit in one.units_left_out)
    return Whole(only_unit(query, wholes), points, left_out, missing)


def _sorted_units(units: Iterable[str | None]) -> list[str | None]:
    return sorted(set(units), key=lambda unit: unit or "")


def sorted_groups(groups: Iterable[Group]) -> list[Group]:
    """In the order of an installation's: by the labels, those without one last."""
    return sorted(set(groups), key=lambda group: [(one is None, one or "") for one in group])


def added(aggregation: Aggregation, start: datetime, group: int, points: Sequence[Point]) -> Point:
    """Points of the same period and group as one."""
    if len(points) == 1:
        (point,) = points
        return Point(start, group, point.value, point.total, point.number)
    value_of = _sum_of_last if aggregation == "last" else COMBINE[aggregation]
    totals = [point.total for point in points if point.total is not None]
    numbers = [point.number for point in points if point.number is not None]
    return Point(
        start,
        group,
        value_of(points),
        exact_sum(totals) if totals else None,
        sum(numbers) if numbers else None,
    )


def _sum_of_last(points: Sequence[Point]) -> float:
    return exact_sum(point.value for point in points if point.value is not None)


def largest(totals: Mapping[Group, float], most: int) -> frozenset[Group]:
    """So many groups with the largest values."""

    def order(group: Group) -> tuple[float, list[tuple[bool, str]]]:
        return -abs(totals[group]), [(one is None, one or "") for one in group]

    return frozenset(sorted(totals, key=order)[:most])


def only_unit(query: AggregateQuery, results: Mapping[str, InUnit]) -> str | None:
    """The unit that the values of a query are in, in which results of several may differ: the
    metric's own if any has it, else that of most.
    """
    units = [one.unit for one in results.values() if one.points] or [
        one.unit for one in results.values() if one.unit is not None
    ]
    if query.main_unit in units:
        return query.main_unit
    return max(_sorted_units(units), key=units.count, default=None)


def in_unit(query: AggregateQuery, unit: str | None) -> AggregateQuery:
    """The same of one unit alone."""
    selection = query.selection
    filters = {**selection.filters, "unit": unit or NONE}
    return replace(query, selection=Selection(selection.tenant, filters, selection.dimensions))

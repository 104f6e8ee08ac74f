"""The result of an aggregate query: one value per period and group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.metrics.query.fill import Point, filled
from service.metrics.query.periods import named_period
from service.metrics.query.selection import Group
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.cached import cached_property
from sql.errors import Busy
from sql.messages import Listing, Message
from sql.vocabulary import Frequency


class OfMembers(Protocol):
    """What a hub has put together."""

    @property
    def missing_members(self) -> Sequence[str]:
        """Who did not answer."""


def check_nobody_missing(result: OfMembers) -> None:
    """Refuse what cannot say that it lacks something.

    Raises:
        Busy: members did not answer.
    """
    if result.missing_members:
        names = Listing(tuple(result.missing_members))
        raise Busy(Message("These members do not answer: {names}", {"names": names}), 5)


class Totals(dict[Group, float]):
    """The value of a whole range for each group; without those of `missing_members`."""

    missing_members: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole range as one period: the point of each group with samples, as `Result` has those of
    several periods.
    """

    unit: str | None
    points: Mapping[Group, Point]
    units_left_out: Sequence[str | None] = ()
    missing_members: Sequence[str] = ()

    @property
    def totals(self) -> Totals:
        """The values."""
        found = Totals(
            (group, point.value) for group, point in self.points.items() if point.value is not None
        )
        found.missing_members = self.missing_members
        return found


@dataclass(frozen=True)
class Result:
    """The values of a query as of `now`; shared by all who ask it, so not to be changed.

    `sizes` are how many series each group has (of last values). `points` are those with samples,
    oldest first; where there are more than the limit, one more than it. `omitted` are frequencies
    too coarse for the period, `rollups` the relations that the values are computed from,
    `units_left_out` units with samples that do not count; what ends by `closed_before` is final.
    `group_count` is the number of groups with samples where only the largest were kept.
    `missing_members` of a hub did not answer: their samples are in none of the values.
    """

    query: AggregateQuery
    now: datetime
    unit: str | None
    groups: Sequence[Group]
    sizes: Sequence[int]
    points: Sequence[Point]
    omitted: Sequence[Frequency]
    rollups: Sequence[str]
    units_left_out: Sequence[str | None] = ()
    group_count: int | None = None
    closed_before: datetime | None = None
    missing_members: Sequence[str] = ()

    def unit_of(self, group: Group) -> str | None:
        """The unit of the values of a group; numbers of samples have none."""
        labels = dict(zip(self.query.group_by, group, strict=True))
        return None if self.query.aggregation == "count" else labels.get("unit", self.unit)

    @cached_property
    def shown(self) -> Sequence[Point]:
        """The points within the limit, with periods without samples filled as the query says.

        Raises:
            Invalid: there are more periods than can be filled.
        """
        return self._filled[-self.query.limit :]

    @property
    def kept_groups(self) -> frozenset[Group] | None:
        """Its groups where they are not all."""
        if self.group_count is None:
            return self.query.only_groups
        return frozenset(self.groups)

    @property
    def is_whole(self) -> bool:
        """Whether every period with samples is among the points."""
        return len(self.points) <= self.query.limit

    @property
    def is_truncated(self) -> bool:
        """Whether the oldest of what is shown was left out."""
        return len(self._filled) > self.query.limit

    @property
    def is_under_way(self) -> bool:
        """Whether the last period with samples is not over."""
        period, zone = self.query.period, self.query.zone
        ends = (calendar.following(one.start, period, zone) for one in self.points[-1:])
        return any(end > self.now for end in ends)

    @cached_property
    def by_group(self) -> Mapping[Group, Mapping[datetime, float | None]]:
        """The shown values of each group that has any, by the start of the period in UTC.

        Raises:
            Invalid: as `shown`.
        """
        found: dict[Group, dict[datetime, float | None]] = {}
        for point in self.shown:
            found.setdefault(self.groups[point.group], {})[point.start] = point.value
        return found

    @cached_property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The shown values with the labels of their group and their period's name and edges.

        Raises:
            Invalid: as `shown`.
        """
        query, now, closed = self.query, self.now, self.closed_before
        labels = [dict(zip(query.group_by, group, strict=True)) for group in self.groups]
        rows = []
        # A loop, as there are up to ten thousand: a call for each takes a fifth longer.
        for point in self.shown:
            period = named_period(point.start, query.period, query.zone)
            row = {
                "period": period.label,
                **labels[point.group],
                "value": point.value,
                "start": period.start_text,
                "end": period.end_text,
                "complete": period.end <= now,
            }
            if closed is not None and period.end <= closed:
                row["closed"] = True
            rows.append(row)
        return rows

    @cached_property
    def _filled(self) -> Sequence[Point]:
        if self.query.fill == "none":
            return self.points
        return filled(self.points, self.query, len(self.groups), self.now)

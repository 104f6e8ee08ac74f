"""The part of a selection that a query reads: of one unit, and as fine as its period; pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from service.metrics.query.selection import Grouped, Groups, Part
from service.metrics.query.spec import AggregateQuery
from sql.calendar import Period
from sql.errors import Invalid, Problem
from sql.messages import Message, Term, Value, terms
from sql.statements import array_of, numbers_of
from sql.vocabulary import FREQUENCIES, LEVELS, NONE, Frequency


class TooFine(Invalid):
    """No sample of the selection, of those `frequencies`, is as fine as the period; or, `in_zone`,
    as another time zone needs.
    """

    def __init__(
        self, problem: Problem, frequencies: Sequence[Frequency], *, in_zone: bool
    ) -> None:
        super().__init__(problem)
        self.frequencies = frequencies
        self.in_zone = in_zone


class Selected(NamedTuple):
    """Series by unit and frequency, and the labels of their groups, to be read at a level of
    rollups. `omitted` are frequencies and `units_left_out` units that do not count; `group_count`
    is the number of groups with samples where only the largest are here.
    """

    parts: Sequence[Part]
    groups: Groups
    level: Period
    omitted: Sequence[Frequency] = ()
    units_left_out: Sequence[str | None] = ()
    group_count: int | None = None

    @property
    def frequencies(self) -> tuple[Frequency, ...]:
        """Those that occur, finest first."""
        return _frequencies(self.parts)

    @property
    def units(self) -> list[str | None]:
        """Those that occur, in alphabetical order, none first."""
        return sorted({part.unit for part in self.parts}, key=lambda unit: unit or "")

    @property
    def unit(self) -> str | None:
        """The only one, if there is one."""
        units = self.units
        return units[0] if len(units) == 1 else None

    @property
    def series_count(self) -> int:
        """The number of series."""
        return sum(part.series_count for part in self.parts)

    @property
    def sizes(self) -> Sequence[int]:
        """The number of series of each group."""
        counted = Counter(group for part in self.parts for group in numbers_of(part.groups))
        return [counted[number] for number in range(len(self.groups))]

    def only(self, groups: Collection[int]) -> "Selected":
        """The series of those groups alone, which are numbered anew."""
        members = [_members(part, groups) for part in self.parts]
        return self._numbered(members)

    def _numbered(self, members: Sequence[Sequence[tuple[int, int]]]) -> "Selected":
        kept = sorted({group for of_part in members for _, group in of_part})
        numbers = {group: number for number, group in enumerate(kept)}
        parts = [
            part._replace(
                series=array_of(series for series, _ in of_part),
                groups=array_of(numbers[group] for _, group in of_part),
                series_count=len(of_part),
            )
            for part, of_part in zip(self.parts, members, strict=True)
            if of_part
        ]
        return self._replace(parts=parts, groups=Groups(self.groups[group] for group in kept))

    def with_parts(self, parts: Sequence[Part]) -> "Selected":
        """Only those of its parts, with the groups that they have."""
        if len(parts) == len(self.parts):
            return self
        smaller = self._replace(parts=parts)
        return smaller.only(range(len(self.groups)))


def selected_of(grouped: Grouped, query: AggregateQuery, level: Period) -> Selected:
    """The series that a level has.

    Raises:
        TooFine: none of the series has samples as fine as that.
    """
    everything = Selected(grouped.parts, grouped.groups, level)
    usable = [part for part in grouped.parts if level in LEVELS[part.frequency]]
    if grouped.parts and not usable:
        raise _too_fine(everything.frequencies, query, level)
    selected = everything.with_parts(usable)
    omitted = [one for one in everything.frequencies if one not in selected.frequencies]
    if query.only_groups is not None:
        selected = selected.only(selected.groups.numbers_of(query.only_groups))
    return selected._replace(omitted=omitted)


def one_unit(
    selected: Selected, query: AggregateQuery, samples: Mapping[str | None, float]
) -> Selected:
    """The series of one unit, given the number of samples in the range by unit: of those that
    have any the only one, or where the query says so the metric's own, or the most used.

    Raises:
        Invalid: several units have samples, which are named.
    """
    if len(samples) > 1 and query.units == "one":
        raise several_units(samples)
    if not samples:
        return selected
    if query.main_unit in samples:
        unit = query.main_unit
    else:
        unit = max(samples, key=lambda one: samples[one])
    kept = selected.with_parts([part for part in selected.parts if part.unit == unit])
    return kept._replace(units_left_out=sorted(set(samples) - {unit}, key=lambda one: one or ""))


def _members(part: Part, groups: Collection[int]) -> list[tuple[int, int]]:
    of_group = _by_group(part.series, part.groups)
    return [(series, group) for group in groups for series in of_group.get(group, ())]


# Of few: one takes a megabyte for ten thousand series.
@lru_cache(maxsize=4)
def _by_group(series: str, groups: str) -> Mapping[int, Sequence[int]]:
    """The series of each group. Many queries at once, such as those of a dashboard, are about the
    same series.
    """
    found: dict[int, list[int]] = {}
    for one, group in zip(numbers_of(series), numbers_of(groups), strict=True):
        found.setdefault(group, []).append(one)
    return found


def _frequencies(parts: Iterable[Part]) -> tuple[Frequency, ...]:
    occurring = {part.frequency for part in parts}
    return tuple(one for one in FREQUENCIES if one in occurring)


def several_units(units: Iterable[str | None]) -> Invalid:
    """The error that units would be mixed."""
    names = ", ".join(sorted(unit or NONE for unit in units))
    message = Message(
        "The selection has several units ({names}); give unit= or group_by=unit", {"names": names}
    )
    return Invalid(Problem(message, "unit"))


def _too_fine(frequencies: Sequence[Frequency], query: AggregateQuery, level: Period) -> TooFine:
    values: dict[str, Value] = {
        "metric": query.metric_name,
        "frequencies": terms(tuple(frequencies)),
        "period": Term(query.period),
    }
    if level == "hour" and query.period not in ("minute", "hour"):
        message = Message(
            "{metric} is submitted {frequencies}: other time zones need samples per hour", values
        )
        return TooFine(Problem(message, "tz"), frequencies, in_zone=True)
    message = Message(
        "{metric} is submitted {frequencies}: there are no figures per {period}", values
    )
    return TooFine(Problem(message, "period"), frequencies, in_zone=False)

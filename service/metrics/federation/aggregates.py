"""Answering aggregate queries over members: each is asked, at the same time, and what they say is
merged. Who does not answer is named.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from service.metrics.federation.members import Members
from service.metrics.federation.merging import (
    MEMBER,
    group_in,
    in_unit,
    is_asked,
    largest,
    merged,
    merged_whole,
    only_unit,
    query_for,
    sorted_groups,
)
from service.metrics.federation.source import MemberAway
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.ranges import Span
from service.metrics.query.result import Result, Whole, check_nobody_missing
from service.metrics.query.selected import TooFine, several_units
from service.metrics.query.selection import Group
from service.metrics.query.source import Source
from service.metrics.query.spec import AggregateQuery
from sql.database import Connections
from sql.errors import Invalid, Problem
from sql.federation import HUB
from sql.messages import Message

Answer = TypeVar("Answer")
InOneUnit = TypeVar("InOneUnit", Result, Whole)
# How one installation is asked, with the query as it understands it: functions of `Aggregates`
# itself, which answer for one alone.
Ask = Callable[[Aggregates, AggregateQuery], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class _Answers(Generic[Answer]):
    """Answers by the name of the member, who is missing, and whose samples are all too coarse."""

    given: Mapping[str, Answer]
    missing_members: Sequence[str]
    too_coarse: Sequence[TooFine]


class FederatedAggregates(Aggregates):
    """Answers over this installation and its members; where it has none, as any other does."""

    def __init__(
        self,
        reads: Connections,
        source: Source,
        business_zone: ZoneInfo,
        minutes_kept: timedelta,
        closed_before: Callable[[str, str], datetime | None],
        members: Members,
    ) -> None:
        super().__init__(reads, source, business_zone, minutes_kept, closed_before)
        self._alone = Aggregates(reads, source, business_zone, minutes_kept, closed_before)
        self._members = members

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """The same, also of what was computed of this installation alone."""
        known = list(metrics)
        super().forget(known)
        self._alone.forget(known)

    async def result(self, query: AggregateQuery, now: datetime) -> Result:
        """The values of each period; members that did not answer are named in the result.

        Raises:
            Invalid: as for one installation; or the units of several differ.
            Busy: too many queries are read.
        """
        if not self._members.all:
            return await super().result(query, now)
        if query.most_groups is not None:
            return await self._of_largest(query, now)
        answers = await self._agreed(query, lambda one, part: Aggregates.result(one, part, now))
        result = merged(query, answers.given, answers.missing_members, now)
        omitted = {name for one in answers.too_coarse for name in one.frequencies}
        return replace(result, omitted=sorted({*result.omitted, *omitted}))

    async def whole(self, query: AggregateQuery) -> Whole:
        """The whole range as one period; members that did not answer are named with it.

        Raises:
            Invalid, Busy: as `result`.
        """
        if not self._members.all:
            return await super().whole(query)
        asked = replace(query, most_groups=None)
        answers = await self._agreed(asked, Aggregates.whole)
        whole = merged_whole(query, answers.given, answers.missing_members)
        if query.most_groups is None:
            return whole
        kept = largest(whole.totals, query.most_groups)
        return replace(whole, points={group: whole.points[group] for group in kept})

    async def groups(self, query: AggregateQuery) -> Sequence[Group]:
        """The groups that there are series of, here or at a member.

        Raises:
            Busy: a member did not answer.
        """
        if not self._members.all:
            return await super().groups(query)
        answers = await self._ask(query, Aggregates.groups)
        check_nobody_missing(answers)
        return sorted_groups(
            group_in(query, group, member)
            for member, groups in answers.given.items()
            for group in groups
        )

    async def materialized_until(self, result: Result) -> datetime | None:
        """From where on every sample counts at once, in all installations that answer."""
        if not self._members.all:
            return await super().materialized_until(result)
        answers = await self._ask(
            result.query, lambda one, _: Aggregates.materialized_until(one, result)
        )
        return max((one for one in answers.given.values() if one is not None), default=None)

    async def lacks_samples(self, query: AggregateQuery, spans: Sequence[Span]) -> bool:
        """Whether own samples wait for a refresh; those of members are not looked at."""
        if not self._members.all:
            return await super().lacks_samples(query, spans)
        return is_asked(query, HUB) and await super().lacks_samples(query_for(query, HUB), spans)

    @property
    def own(self) -> Aggregates:
        """What answers of this installation alone."""
        return self._alone if self._members.all else self

    def own_part(self, query: AggregateQuery) -> AggregateQuery:
        """The query as it is answered of this installation alone.

        Raises:
            Invalid: it is about members, too.
        """
        if not self._members.all:
            return query
        if MEMBER in query.group_by or query.selection.dimensions.get(MEMBER) != HUB:
            message = Message("This is answered of one installation alone: filter by member=hub")
            raise Invalid(Problem(message, MEMBER))
        return query_for(query, HUB)

    async def _of_largest(self, query: AggregateQuery, now: datetime) -> Result:
        """Only the groups with the largest values of the whole range over all, as many as are
        wanted.
        """
        assert query.most_groups is not None
        totals = await self.totals(replace(query, most_groups=None))
        kept = largest(totals, query.most_groups)
        result = await self.result(replace(query, most_groups=None, only_groups=kept), now)
        missing = sorted({*result.missing_members, *totals.missing_members})
        return replace(result, query=query, group_count=len(totals), missing_members=missing)

    async def _agreed(self, query: AggregateQuery, ask: Ask[InOneUnit]) -> _Answers[InOneUnit]:
        """The answers, all in one unit unless they are grouped by it or count samples.

        Raises:
            Invalid: they are in several, and the query wants none alone.
        """
        answers = await self._ask(query, ask)
        if "unit" in query.group_by or query.aggregation == "count":
            return answers
        units: set[str | None] = {one.unit for one in answers.given.values() if one.points}
        if len(units) < 2:
            return answers
        if query.units == "one":
            raise several_units(units)
        unit = only_unit(query, answers.given)
        alone = await self._ask(in_unit(query, unit), ask)
        for one in answers.given.values():
            units.update(one.units_left_out)
        left_out = tuple(units - {unit})
        given = {name: replace(one, units_left_out=left_out) for name, one in alone.given.items()}
        return replace(alone, given=given)

    async def _ask(self, query: AggregateQuery, ask: Ask[Answer]) -> _Answers[Answer]:
        """What each says that the query is about, all asked at the same time.

        Raises:
            Invalid: one cannot answer such a query, or the samples of all are too coarse.
        """
        asked = {
            name: self._one(name, query_for(query, name), ask)
            for name in (HUB, *self._members.all)
            if is_asked(query, name)
        }
        answers = dict(
            zip(asked, await asyncio.gather(*asked.values(), return_exceptions=True), strict=True)
        )
        too_coarse = [one for one in answers.values() if isinstance(one, TooFine)]
        for name, one in answers.items():
            if isinstance(one, TooFine):
                if one.in_zone or len(too_coarse) == len(answers):
                    raise _of_member(name, one) from one
            elif isinstance(one, Invalid):
                raise _of_member(name, one) from one
            elif isinstance(one, BaseException) and not isinstance(one, MemberAway):
                raise one
        missing = [name for name, one in answers.items() if isinstance(one, MemberAway)]
        given = {name: one for name, one in answers.items() if not isinstance(one, BaseException)}
        return _Answers(given, missing, too_coarse)

    async def _one(self, name: str, query: AggregateQuery, ask: Ask[Answer]) -> Answer:
        if name == HUB:
            return await ask(self, query)
        member = self._members.all[name]
        return await member.patience.answer(lambda: ask(member.aggregates, query))


def _of_member(name: str, error: Invalid) -> Invalid:
    """The error, saying whose it is."""
    (first, *_) = error.problems
    message = Message("member {member}: {problem}", {"member": name, "problem": first.message})
    problem = Problem(message, first.field)
    if isinstance(error, TooFine):
        return TooFine(problem, error.frequencies, in_zone=error.in_zone)
    return Invalid(problem)

"""The catalogue over members: what any of them has, with who has it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from service.metrics.catalog import Catalog, MetricEntry, entry_of
from service.metrics.federation.members import Member, Members
from service.metrics.federation.merging import MEMBER
from service.metrics.federation.source import MemberAway
from service.metrics.query.single_flight import SingleFlight
from sql.database import Connections, Pool
from sql.errors import NotFound
from sql.federation import HUB
from sql.scope import Scope

# In seconds; a metric that is new at a member is known here after so long.
_MAX_AGE = 5.0
Rows = Mapping[str, DictRow]


class MemberCatalogues(NamedTuple):
    """The metrics of each member by name, and whose are as they last were, if they are known."""

    of: Mapping[str, Rows]
    missing: Sequence[str]


class FederatedCatalog(Catalog):
    """The own catalogue, and beside it what members have. Kind, unit and aggregation of a metric
    are the own ones where it is known here, else those of the first member that has it.
    """

    def __init__(self, pool: Pool, read_pool: Pool, reads: Connections, members: Members) -> None:
        super().__init__(pool, read_pool, reads)
        self._members = members
        self._shared: SingleFlight[Rows] = SingleFlight(max_age=_MAX_AGE, finished=True)
        self._last: dict[tuple[str, Scope], Rows] = {}

    async def entries(
        self, scope: Scope, metric_names: Collection[str]
    ) -> Mapping[str, MetricEntry]:
        """The entry of each of those metrics; a hub's can be grouped and filtered by member."""
        own = await super().entries(scope, metric_names)
        if not self._members.all:
            return own
        theirs = await self.of_members(Scope(scope.tenant))
        return {name: _merged_entry(own[name], theirs.of) for name in metric_names}

    async def check_known(self, scope: Scope, metric: MetricEntry) -> None:
        """Refuse a metric that nobody in scope has, here or at a member.

        Raises:
            NotFound: as of one installation.
        """
        try:
            await super().check_known(scope, metric)
        except NotFound:
            theirs = await self.of_members(scope)
            if not any(metric.metric_name in rows for rows in theirs.of.values()):
                raise

    async def listed(self, scope: Scope) -> list[DictRow]:
        """Every metric in scope, here or at a member, without when it has samples."""
        own = await super().listed(scope)
        if not self._members.all:
            return own
        rows = _merged_rows(own, (await self.of_members(scope)).of)
        return [{**row, "dimensions": [*row["dimensions"], MEMBER]} for row in rows]

    async def rows(self, scope: Scope) -> list[DictRow]:
        """The same, with when there are samples and who has them."""
        own = await super().rows(scope)
        if not self._members.all:
            return own
        return _merged_rows(own, (await self.of_members(scope)).of)

    async def missing_members(self, scope: Scope) -> Sequence[str]:
        """Members that do not answer: of what they have is known what they last said."""
        return (await self.of_members(scope)).missing if self._members.all else ()

    async def of_members(self, scope: Scope) -> MemberCatalogues:
        """What each member has in scope, all asked at the same time; a few seconds old at most."""
        members = self._members.all
        found = await asyncio.gather(*(self._of(member, scope) for member in members.values()))
        answers = dict(zip(members, found, strict=True))
        known = {name: rows or self._last.get((name, scope), {}) for name, rows in answers.items()}
        return MemberCatalogues(known, [name for name, rows in answers.items() if rows is None])

    async def _of(self, member: Member, scope: Scope) -> Rows | None:
        """None where it does not answer."""

        async def read() -> Rows:
            rows = await member.source.catalogue(scope)
            return {row["metric_name"]: row for row in rows}

        subject = (member.name, scope)
        try:
            rows = await member.patience.answer(lambda: self._shared.get(subject, "", read))
        except MemberAway:
            return None
        self._last[subject] = rows
        return rows


def _merged_entry(own: MetricEntry, theirs: Mapping[str, Rows]) -> MetricEntry:
    found = [entry_of(rows[own.metric_name]) for rows in theirs.values() if own.metric_name in rows]
    if not (found or own.is_known):
        return own
    first = own if own.is_known else found[0]
    names = (name for one in (own, *found) for name in one.dimensions)
    return replace(first, dimensions=tuple(dict.fromkeys((*names, MEMBER))))


def _merged_rows(own: Sequence[DictRow], theirs: Mapping[str, Rows]) -> list[DictRow]:
    """By name of the metric, with `members` that have it."""
    found: dict[str, dict[str, DictRow]] = {row["metric_name"]: {HUB: row} for row in own}
    for member, rows in theirs.items():
        for name, row in rows.items():
            found.setdefault(name, {})[member] = row
    return [_merged_row(found[name]) for name in sorted(found)]


def _merged_row(rows: Mapping[str, DictRow]) -> DictRow:
    first = next(iter(rows.values()))
    merged: dict[str, Any] = {
        **first,
        "dimensions": list(
            dict.fromkeys(name for row in rows.values() for name in row["dimensions"])
        ),
        "series": sum(row["series"] for row in rows.values()),
        "members": list(rows),
        "formula": first.get("formula"),
    }
    for name, choose in (("first_sample", min), ("last_sample", max)):
        if name in first:
            times = [row[name] for row in rows.values() if row[name]]
            merged[name] = choose(times, default=None)
    return merged

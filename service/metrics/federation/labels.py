"""The values that filters can have, over members."""

import asyncio
from collections.abc import Mapping, Sequence

from service.metrics.federation.members import Member, Members
from service.metrics.federation.merging import MEMBER
from service.metrics.federation.source import MemberAway
from service.metrics.query.labels import MOST_VALUES, label_values
from sql.database import Pool
from sql.federation import HUB
from sql.scope import Scope


class LabelValues:
    """Values of labels and dimensions here and at members that answer: what is there to choose
    from.
    """

    def __init__(self, pool: Pool, members: Members) -> None:
        self._pool = pool
        self._members = members

    async def values(
        self,
        scope: Scope,
        metrics: Sequence[str],
        names: Sequence[str],
        search: str = "",
        also: Sequence[str] = (),
    ) -> dict[str, list[str]]:
        """By name of a label or dimension, its values among the series of those metrics that
        contain a text, or here are among `also`; in alphabetical order the first `MOST_VALUES` of
        each.
        """
        members = self._members.all
        if not members:
            return await label_values(self._pool, scope, metrics, names, search, also)
        asked = [name for name in names if name != MEMBER]
        own = await label_values(self._pool, scope, metrics, asked, search, also)
        theirs = await asyncio.gather(
            *(_of(member, scope, metrics, asked, search) for member in members.values())
        )
        parts: list[Mapping[str, Sequence[str]]] = [own, *theirs]
        found = {
            name: sorted({value for part in parts for value in part.get(name, ())})[:MOST_VALUES]
            for name in asked
        }
        if MEMBER in names:
            found[MEMBER] = [one for one in (HUB, *members) if search.lower() in one]
        return {name: found[name] for name in names}


async def _of(
    member: Member, scope: Scope, metrics: Sequence[str], names: Sequence[str], search: str
) -> Mapping[str, Sequence[str]]:
    if not names:
        return {}
    try:
        return await member.patience.answer(
            lambda: member.source.label_values(scope, metrics, names, search)
        )
    except MemberAway:
        return {}

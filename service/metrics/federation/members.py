"""The members that a process asks: known to it within seconds, each with connections of its own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from service.metrics.federation.source import MemberSource, Patience
from service.metrics.query.aggregate import Aggregates
from sql.database import Connections, Pool, create_pool, fetch_all

# Of a process to this database, for one member: as many queries of it at once.
_CONNECTIONS = 4


def _nothing_closed(*_: str) -> None:
    """Which periods are closed is each installation's own."""


@dataclass(frozen=True, slots=True)
class Member:
    """An installation that is asked, and what is known of it."""

    name: str
    zone: ZoneInfo
    federated_at: datetime
    source: MemberSource
    aggregates: Aggregates
    patience: Patience
    pool: Pool


class Members:
    """All members, by name; `all` is empty where this installation is no hub."""

    def __init__(self, pool: Pool, url: str, reads: Connections, minutes_kept: timedelta) -> None:
        self.all: Mapping[str, Member] = {}
        self._pool = pool
        self._url = url
        self._reads = reads
        self._minutes_kept = minutes_kept

    def answer(self, missing: Sequence[str]) -> dict[str, Sequence[str]]:
        """What a hub says in each of its answers: which members did not answer. Nothing where
        there are none.
        """
        return {"missing_members": missing} if self.all else {}

    async def reload(self) -> None:
        """Read which there are now; what a member was reached by before is closed."""
        rows = {row["member_name"]: row for row in await fetch_all(self._pool, "members")}
        kept = {
            name: member
            for name, member in self.all.items()
            if name in rows and rows[name]["federated_at"] == member.federated_at
        }
        gone = [member for name, member in self.all.items() if name not in kept]
        new = {name: await self._open(row) for name, row in rows.items() if name not in kept}
        self.all = {name: kept.get(name) or new[name] for name in rows}
        await asyncio.gather(*(member.pool.close() for member in gone))

    async def close(self) -> None:
        """Close all connections."""
        members, self.all = self.all, {}
        await asyncio.gather(*(member.pool.close() for member in members.values()))

    async def _open(self, row: DictRow) -> Member:
        name, seconds = row["member_name"], row["timeout_seconds"]
        pool = create_pool(self._url, size=_CONNECTIONS, timeout=seconds, statement_seconds=seconds)
        await pool.open()
        source, zone = MemberSource(name, pool, row["timezone"]), ZoneInfo(row["timezone"])
        return Member(
            name=name,
            zone=zone,
            federated_at=row["federated_at"],
            source=source,
            aggregates=Aggregates(self._reads, source, zone, self._minutes_kept, _nothing_closed),
            patience=Patience(name, seconds),
            pool=pool,
        )

"""Closed periods: what is neither added nor corrected any more.

Only days that are over are closed, and some time later: samples of today are checked against
nothing. Older ones are checked against what is known here, so that each is named, and once more in
the transaction that stores them, so that none is in a period that was closed meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.ingest.metric_table import MetricTable
from service.metrics.ingest.sample import instant_of, microseconds
from sql import calendar
from sql.connections import Connection
from sql.database import Pool, connection, run
from sql.errors import Conflict, Problem
from sql.messages import Message, Term

# How long a day must be over before it is closed.
CLOSED_AFTER = timedelta(hours=1)
# How long a sample may be on its way from its check to its commit, clocks that differ included.
_ON_ITS_WAY = timedelta(minutes=30)


class Close(NamedTuple):
    """Samples of a type of metric up to the end of the day `until` are final."""

    close_id: int
    metric_type: str
    until: date

    @property
    def refusal(self) -> Message:
        """Why something of that time is refused."""
        return Message(
            "{type} is closed until {until} (close {id})",
            {
                "type": Term(self.metric_type),
                "until": self.until.isoformat(),
                "id": str(self.close_id),
            },
        )


class Late(NamedTuple):
    """The oldest of some samples of one type, where it is older than today."""

    tenant: str
    metric_type: str
    oldest: datetime


class Closed(Conflict):
    """The period is closed; `problems` name each sample."""


class ClosedPeriods:
    """The closes of every tenant, read anew every few seconds by whoever runs this."""

    def __init__(self, pool: Pool, metrics: MetricTable) -> None:
        self._pool = pool
        self._metrics = metrics
        self._zone: ZoneInfo | None = None
        self._closes: Mapping[str, Mapping[str, tuple[Close, datetime]]] = {}
        self._today = (0, 0)

    async def ready(self) -> None:
        """Have read them once."""
        if self._zone is None:
            await self.reload()

    async def reload(self) -> None:
        """Read them as they are now, changed here or in another process."""
        async with connection(self._pool) as conn:
            (installation,) = await run(conn, "business_timezone")
            rows = await run(conn, "every_close")
        found: dict[str, dict[str, tuple[Close, datetime]]] = {}
        for row in rows:
            close = Close(row["close_id"], row["metric_type"], row["until"])
            found.setdefault(row["tenant"], {})[close.metric_type] = close, row["before"]
        self._closes, self._zone = found, ZoneInfo(installation["timezone"])

    def today(self, now: int) -> int:
        """From when on nothing is closed now, nor while it is being stored, once `ready` was
        awaited; as `Sample.ts`.
        """
        if not self._today[0] <= now - microseconds_in(_ON_ITS_WAY) < self._today[1]:
            assert self._zone is not None
            start = calendar.floor(instant_of(now) - _ON_ITS_WAY, "day", self._zone)
            end = calendar.following(start, "day", self._zone)
            self._today = microseconds(start), microseconds(end)
        return self._today[0]

    def close_of(self, tenant: str, metric_type: str, ts: int) -> Close | None:
        """The close that a sample of then is in."""
        found = self._closes.get(tenant, {}).get(metric_type)
        return found[0] if found and ts < microseconds(found[1]) else None

    def closed_before(self, tenant: str, metric_name: str) -> datetime | None:
        """Up to when the figures of a metric are final."""
        if tenant not in self._closes:
            return None
        entry = self._metrics.of(tenant).get(metric_name)
        found = entry and self._closes[tenant].get(entry.metric_type)
        return found[1] if found else None


def microseconds_in(length: timedelta) -> int:
    """A length as differences of `Sample.ts`."""
    return length // timedelta(microseconds=1)


def oldest_of(types: Iterable[str], instants: Iterable[int], today: int) -> dict[str, int]:
    """The oldest instant of each type of metric among those before today; `types` stand at the
    same places.
    """
    oldest: dict[str, int] = {}
    for metric_type, ts in zip(types, instants, strict=True):
        if ts < today and ts < oldest.get(metric_type, today):
            oldest[metric_type] = ts
    return oldest


async def closes_touched(conn: Connection, late: Sequence[Late]) -> dict[int, Close]:
    """By their places, the closes that some would be in; until the transaction ends there are no
    others.
    """
    if not late:
        return {}
    columns = zip(*late, strict=True)
    params = dict(zip(("tenants", "metric_types", "oldest"), map(list, columns), strict=True))
    rows = await run(conn, "closed_by", params)
    return {
        row["place"] - 1: Close(row["close_id"], row["metric_type"], row["until"]) for row in rows
    }


async def check_open(conn: Connection, late: Sequence[Late]) -> None:
    """Return where none of those is in a closed period, nor will be before the transaction ends.

    Raises:
        Closed: naming the close.
    """
    touched = await closes_touched(conn, late)
    if touched:
        raise closed(touched[min(touched)])


def closed(close: Close) -> Closed:
    """The refusal of what is in that close as a whole."""
    return Closed(close.refusal)


def closed_samples(problems: Sequence[Problem]) -> Closed:
    """The refusal of a request for some of its samples."""
    return Closed(problems[0].message, problems)

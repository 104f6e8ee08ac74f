"""Time zones as Python and the database have them: each reads files of its own, and where they
differ, days computed here are not those computed there.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sql.database import Connections, fetch_all
from sql.errors import Invalid, Problem
from sql.messages import Message

# A change that both will know of by then is no trouble yet.
NOTICE = timedelta(days=31)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
_DAY, _STEP = timedelta(days=1), timedelta(hours=6)

# Seconds from UTC, from an instant on.
Offsets = list[tuple[datetime, int]]


class Zones:
    """Which zones the database agrees about; each is compared once."""

    def __init__(self, database: Connections) -> None:
        self._database = database
        self._first_differences: dict[str, datetime | None] = {}

    async def check(self, zone: ZoneInfo, now: datetime) -> None:
        """Return where days are the same here and there, up to soon after `now`.

        Raises:
            Invalid: they differ.
            DatabaseError: the database could not be asked.
        """
        if zone.key == "UTC":
            return
        if zone.key not in self._first_differences:
            self._first_differences[zone.key] = await self._compare(zone)
        first = self._first_differences[zone.key]
        if first is not None and first < now + NOTICE:
            raise Invalid(Problem(differing(zone.key, first), "tz"))

    async def _compare(self, zone: ZoneInfo) -> datetime | None:
        rows = await fetch_all(self._database, "offsets_of_zone", {"timezone": zone.key})
        there = [(row["instant"], row["seconds"]) for row in rows]
        return await asyncio.to_thread(first_difference, zone, there)


def differing(name: str, first: datetime) -> Message:
    """Why a zone cannot be used."""
    return Message(
        "{zone} is another time zone in the database than here, from {date} on: use the name of a "
        "place that both know alike, or bring the time zone data of both up to date",
        {"zone": name, "date": f"{first:%Y-%m-%d}"},
    )


def first_difference(zone: ZoneInfo, there: Iterable[tuple[datetime, int]]) -> datetime | None:
    """From when on the zone's offsets are not `there`, to six hours; None where they are."""
    different = set(offsets_of(zone)) ^ set(there)
    return min((instant for instant, _ in different), default=None)


def offsets_of(zone: ZoneInfo) -> Offsets:
    """Where the zone's offset from UTC changes, to six hours, from 2000 to 2037."""
    before = _offset(zone, _FIRST)
    changes = [(_FIRST, before)]
    day = _FIRST
    while (day := day + _DAY) <= _LAST:
        # Looking at every six hours of every day takes four times as long, at each start.
        if _offset(zone, day) == before:
            continue
        for instant in (day - _DAY + n * _STEP for n in range(1, 5)):
            if instant < _LAST and (offset := _offset(zone, instant)) != before:
                changes.append((instant, offset))
                before = offset
    return changes


def _offset(zone: ZoneInfo, instant: datetime) -> int:
    return round((instant.astimezone(zone).utcoffset() or timedelta()).total_seconds())

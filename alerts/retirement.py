"""Groups that are no more: without samples for as long as their rule says, they are not judged."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.figures import bucket_start
from alerts.rollups import read_alive, read_sample_counts
from alerts.selection import Group, Plan, Source
from sql.database import Connection
from sql.vocabulary import LEVELS, Frequency, Level

# Late samples may have come meanwhile.
_AGAIN = timedelta(minutes=10)
# Seconds up to which rollups by hour are read, and beyond them those by day.
_IN_HOURS = 3 * 86400

Key = tuple[int, str]


class Retirement:
    """Which silent groups are retired, as far as it is known at present."""

    def __init__(self) -> None:
        self._checked: dict[Key, tuple[datetime, bool]] = {}

    def known(self, now: datetime) -> dict[Key, bool]:
        """The groups that were checked not long ago."""
        self._checked = {
            key: (at, retired)
            for key, (at, retired) in self._checked.items()
            if abs(now - at) < _AGAIN
        }
        return {key: retired for key, (_, retired) in self._checked.items()}

    def forget(self, rule_id: int) -> None:
        """Its rule is another one now."""
        self._checked = {key: one for key, one in self._checked.items() if key[0] != rule_id}

    async def check(
        self, conn: Connection, groups: Iterable[tuple[Plan, Group]], now: datetime, zone: ZoneInfo
    ) -> None:
        """Find out of these groups, with one query for each rollup and instant."""
        asked: dict[tuple[Source, datetime], set[int]] = {}
        of_group: dict[Key, list[tuple[tuple[Source, datetime], int]]] = {}
        for plan, group in groups:
            members = of_group.setdefault((plan.stored.rule_id, group.key), [])
            for source, series in group.sources.items():
                place = place_of(source.frequency, plan.watch.retire, now, zone)
                asked.setdefault(place, set()).update(series)
                members += [(place, one) for one in series]
        alive = {place: await _alive(conn, place, ids, now) for place, ids in asked.items()}
        for key, members in of_group.items():
            retired = bool(members) and not any(one in alive[place] for place, one in members)
            self._checked[key] = now, retired


async def _alive(
    conn: Connection, place: tuple[Source, datetime], series: set[int], now: datetime
) -> set[int]:
    source, since = place
    alive = await read_alive(conn, source, sorted(series), since)
    if rest := sorted(series - alive):
        # Their samples may wait for a refresh.
        alive |= (await read_sample_counts(conn, source.frequency, rest, since, now)).keys()
    return alive


def place_of(
    frequency: Frequency, retire: float, now: datetime, zone: ZoneInfo
) -> tuple[Source, datetime]:
    """The rollup that shows whether a group is silent, and the bucket that it is read from."""
    level: Level = "hour" if retire <= _IN_HOURS else "day"
    if level not in LEVELS[frequency]:
        level = LEVELS[frequency][0]
    return Source(frequency, level), bucket_start(now - timedelta(seconds=retire), level, zone)

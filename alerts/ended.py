"""Series that ended: their last value is no part of what there is now, or was then.

A series whose label was renamed or retired has a last value in a long window still, and would be
added to that of the series that goes on.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.figures import STEPS, alive
from alerts.rollups import read_last_samples, read_last_steps
from alerts.selection import Group, Plan, Source
from sql.database import Connection
from sql.durations import Calendar, Window
from sql.vocabulary import Frequency, Level

_Range = tuple[Frequency, datetime, datetime]
_LENGTHS: Mapping[Level, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


# The rollup that tells in which of its steps a series ended; of more buckets, the one by day.
_STEPS: Mapping[Frequency, Level] = {
    "real_time": "hour",
    "hourly": "hour",
    "daily": "day",
    "monthly": "month",
}
_MOST_BUCKETS = 2_000_000


class Ends(NamedTuple):
    """When series were seen last in each whole period, by its start in UTC, and how exactly that
    is known.
    """

    seen: dict[int, dict[datetime, datetime]]
    exactly: timedelta

    def living(self, start: datetime, frequencies: Mapping[int, Frequency]) -> set[int]:
        """Those of some series that went on at the end of the period that started then."""
        seen = {one: self.seen.get(one, {}).get(start) for one in frequencies}
        last = {one: at for one, at in seen.items() if at is not None}
        return alive(last, frequencies, self.exactly)


def may_end(plan: Plan, group: Group) -> bool:
    """True where some series of the group may have ended within the window while others go on."""
    if plan.watch.aggregation != "last" or sum(map(len, group.sources.values())) < 2:
        return False
    length = _length(plan.watch.window)
    return any(length > 2 * STEPS[source.frequency] for source in group.sources)


def _length(window: Window) -> timedelta:
    if isinstance(window, Calendar):
        return _LENGTHS[window.period]
    return timedelta(seconds=window.seconds)


async def living(
    conn: Connection, groups: Iterable[tuple[Plan, Group, datetime, datetime]]
) -> dict[tuple[int, str, datetime], set[int]]:
    """By rule, group and start of the window, the series that go on at its end."""
    asked: dict[_Range, set[int]] = {}
    wanted = list(groups)
    for _, group, since, before in wanted:
        for source, series in group.sources.items():
            asked.setdefault((source.frequency, since, before), set()).update(series)
    last = {
        place: await read_last_samples(conn, place[0], sorted(series), *place[1:])
        for place, series in asked.items()
    }
    found: dict[tuple[int, str, datetime], set[int]] = {}
    for plan, group, since, before in wanted:
        frequencies = {
            one: source.frequency for source, its in group.sources.items() for one in its
        }
        seen = {
            one: last[frequency, since, before][one]
            for one, frequency in frequencies.items()
            if one in last[frequency, since, before]
        }
        found[plan.stored.rule_id, group.key, since] = alive(seen, frequencies)
    return found


async def read_ends(
    conn: Connection,
    window: Calendar,
    series: Mapping[Frequency, Sequence[int]],
    since: datetime,
    before: datetime,
    zone: ZoneInfo,
) -> Ends:
    """When each of these series was seen last in every period between two instants."""
    number = sum(map(len, series.values()))
    by_day = number * ((before - since) / timedelta(hours=1)) > _MOST_BUCKETS
    ends = Ends({}, timedelta(days=1) if by_day else timedelta())
    for frequency, ids in series.items():
        level = _STEPS[frequency]
        if by_day and level == "hour":
            level = "day"
        for row in await read_last_steps(
            conn, Source(frequency, level), ids, since, before, (window.period, zone)
        ):
            of_series = ends.seen.setdefault(row["series_id"], {})
            of_series[row["period_start"].astimezone(UTC)] = row["last_step"]
    return ends

"""Series that ended: their last value is no part of what there is now.

A series whose label was renamed or retired has a last value in a long window still, and would be
added to that of the series that goes on.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from alerts.figures import STEPS, alive
from alerts.rollups import read_last_samples
from alerts.selection import Group, Plan
from sql.database import Connection
from sql.durations import Calendar, Window
from sql.vocabulary import Frequency

_Range = tuple[Frequency, datetime, datetime]
_LENGTHS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


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
) -> dict[tuple[int, str], set[int]]:
    """By rule and group, the series that go on at the end of the window."""
    asked: dict[_Range, set[int]] = {}
    wanted = list(groups)
    for _, group, since, before in wanted:
        for source, series in group.sources.items():
            asked.setdefault((source.frequency, since, before), set()).update(series)
    last = {
        place: await read_last_samples(conn, place[0], sorted(series), *place[1:])
        for place, series in asked.items()
    }
    found: dict[tuple[int, str], set[int]] = {}
    for plan, group, since, before in wanted:
        frequencies = {
            one: source.frequency for source, its in group.sources.items() for one in its
        }
        seen = {
            one: last[frequency, since, before][one]
            for one, frequency in frequencies.items()
            if one in last[frequency, since, before]
        }
        found[plan.stored.rule_id, group.key] = alive(seen, frequencies)
    return found

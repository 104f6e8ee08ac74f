"""Time zones in which days can be computed from hours.

Day, week and month figures are computed from hour rollups, which are UTC hours; in a
zone such as Asia/Kolkata (+05:30) they would be silently wrong. So would they be where
midnight comes twice (America/Havana): PostgreSQL puts the hour between into the day before.
"""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sql.messages import Message, Value

# From the first year a sample can be in to well past the last one this code will see;
# daylight-saving rules show in every month of a year.
_FIRST, _LAST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)

# Files beside those of zones, which PostgreSQL does not know.
_OF_THE_MACHINE = ("localtime", "posixrules", "posix/", "right/")


class BadTimezone(ValueError):
    """The zone does not exist, or its days are not made of whole UTC hours."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


@cache
def check_whole_hours(name: str) -> ZoneInfo:
    """The zone of that IANA name, such as ``America/Sao_Paulo``.

    Raises:
        BadTimezone: it is unknown, its offset from UTC is not a whole hour, or midnight
            comes twice there.
    """
    try:
        if name.startswith(_OF_THE_MACHINE):
            raise ZoneInfoNotFoundError(name)
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        values: dict[str, Value] = {"zone": repr(name)}
        raise BadTimezone(
            Message("{zone} is not a time zone; use a name such as UTC", values)
        ) from error
    instant = _FIRST
    while instant < _LAST:
        offset = instant.astimezone(zone).utcoffset() or timedelta()
        if offset % timedelta(hours=1):
            values = {"zone": name, "offset": f"{instant.astimezone(zone):%z}"}
            raise BadTimezone(
                Message(
                    "{zone} is at {offset} from UTC, not a whole number of hours: its days cannot "
                    "be computed from hours",
                    values,
                )
            )
        if _midnight_comes_twice(instant, zone):
            values = {"zone": name, "date": f"{instant:%Y-%m-%d}"}
            raise BadTimezone(Message("in {zone} midnight comes twice on {date}", values))
        instant += timedelta(days=1)
    return zone


def _midnight_comes_twice(day: datetime, zone: ZoneInfo) -> bool:
    first = datetime.combine(day, time(), tzinfo=zone)
    second = first.replace(fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    return before is not None and after is not None and before > after

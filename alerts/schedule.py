"""Weekly schedules on the clock of the business time zone, such as opening hours; all pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

from alerts.expectation.days import is_holiday
from sql.messages import Message
from sql.vocabulary import WEEKDAYS, Weekday

_DAY = timedelta(days=1)
TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
END = r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"


class Schedule(BaseModel):
    """The days of the week and their hours, from a time of day up to another. Where that is
    not later, they go on over midnight and belong to the day on which they begin. Without
    `holidays`, those of the country are left out.
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, serialize_by_alias=True, frozen=True
    )

    days: tuple[Weekday, ...] = Field(WEEKDAYS, min_length=1, max_length=7)
    from_: Annotated[str, Field(pattern=TIME)] = Field("00:00", alias="from")
    to: Annotated[str, Field(pattern=END)] = "24:00"
    holidays: StrictBool = True

    @field_validator("days")
    @classmethod
    def _in_order(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if len(set(days)) < len(days):
            raise ValueError(Message("A name is given twice"))
        return tuple(sorted(days, key=WEEKDAYS.index))

    @property
    def stored(self) -> dict[str, Any]:
        """The fields as JSON, without those that are as usual."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def includes(self, instant: datetime, zone: ZoneInfo, country: str = "") -> bool:
        """True where the instant is within the hours of one of the days; `country` is the one, or
        its state, whose holidays count.
        """
        local = instant.astimezone(zone)
        minute, day = local.hour * 60 + local.minute, local.date()
        begins, ends = _minutes(self.from_), _minutes(self.to)
        if begins < ends:
            return begins <= minute < ends and self._has(day, country)
        before = minute < ends and self._has(day - _DAY, country)
        return (minute >= begins and self._has(day, country)) or before

    def edges(self, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """The instants between the two, in UTC, at which hours begin or end."""
        day = since.astimezone(zone).date() - _DAY
        while day <= until.astimezone(zone).date():
            for text in (self.from_, self.to):
                edge = _instant(day, text, zone)
                if since < edge < until:
                    yield edge
            day += _DAY

    def _has(self, day: date, country: str) -> bool:
        if WEEKDAYS[day.weekday()] not in self.days:
            return False
        return self.holidays or not is_holiday(country, day)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _instant(day: date, text: str, zone: ZoneInfo) -> datetime:
    days, minute = divmod(_minutes(text), 24 * 60)
    at = time(minute // 60, minute % 60)
    return datetime.combine(day + days * _DAY, at, tzinfo=zone).astimezone(UTC)

"""Periods on the calendar of a time zone; pure functions."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["minute", "hour", "day", "week", "month"]
# Those that rules judge and forecasts are made of.
LongPeriod = Literal["hour", "day", "week", "month"]

# Of periods on the UTC clock: an hour that is repeated in autumn stays two hours.
_ON_THE_CLOCK: dict[Period, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor(instant: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """The start of the period that `instant` is in, in `zone`."""
    if length := _ON_THE_CLOCK.get(period):
        utc = instant.astimezone(UTC)
        return (utc - (utc - _EPOCH) % length).astimezone(zone)
    return _midnight(_first_day(instant.astimezone(zone).date(), period), zone)


def following(start: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """The start of the next period, which is the end of the one that starts at `start`."""
    if length := _ON_THE_CLOCK.get(period):
        return (start.astimezone(UTC) + length).astimezone(zone)
    # From the middle of the first day, whatever daylight-saving time does at its edges.
    day = start.astimezone(zone).date()
    ahead = {"day": 1, "week": 7, "month": 31}[period]
    return _midnight(_first_day(day + timedelta(days=ahead), period), zone)


def ceiling(instant: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """The end of the period that `instant` is in, or `instant` where one starts there."""
    start = floor(instant, period, zone)
    # On the UTC clock: to Python an hour that is repeated equals nothing in another zone.
    at_start = start.astimezone(UTC) == instant.astimezone(UTC)
    return start if at_start else following(start, period, zone)


def label(start: datetime, period: Period, zone: ZoneInfo) -> str:
    """How the period is called: its local date, its month, or its hour or minute with the
    offset.
    """
    local = start.astimezone(zone)
    if period in _ON_THE_CLOCK:
        return local.isoformat().replace("+00:00", "Z")
    return f"{local:%Y-%m}" if period == "month" else f"{local:%Y-%m-%d}"


def instant_text(instant: datetime) -> str:
    """ISO 8601 with the offset of its zone, ``Z`` for UTC."""
    return instant.isoformat().replace("+00:00", "Z")


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of that day in `zone`."""
    return _midnight(day, zone)


def _first_day(day: date, period: Period) -> date:
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day`. Where midnight does not exist (São Paulo's summer time
    began at 00:00) that is 01:00: going through UTC lands there. Where it comes twice, the
    first.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC).astimezone(zone)

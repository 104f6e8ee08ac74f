"""Periods on the calendar of a time zone; pure functions."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["minute", "hour", "day", "week", "month", "quarter", "year"]
# Those that rules judge and forecasts are made of.
LongPeriod = Literal["hour", "day", "week", "month"]
# Those that ranges are widened to.
HourOrLonger = Literal["hour", "day", "week", "month", "quarter", "year"]
WeekStart = Literal["monday", "sunday", "saturday"]

# Of periods on the UTC clock: an hour that is repeated in autumn stays two hours.
_ON_THE_CLOCK: dict[Period, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
}
# Of the longest of each, so that the day after it is in the next one.
_DAYS: dict[Period, int] = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_MONTHS: dict[Period, int] = {"month": 1, "quarter": 3, "year": 12}
_BEFORE_MONDAY: dict[WeekStart, int] = {"monday": 0, "sunday": 1, "saturday": 2}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Weeks:
    """The weeks of the installation, which are the same for as long as a process lives."""

    days_before_monday = 0


def begin_weeks_on(day: WeekStart) -> None:
    """Have the weeks of this process begin on that day: once, as it starts."""
    _Weeks.days_before_monday = _BEFORE_MONDAY[day]


def days_before_monday() -> int:
    """How many days before Monday the weeks of the installation begin."""
    return _Weeks.days_before_monday


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
    return _midnight(_first_day(day + timedelta(days=_DAYS[period]), period), zone)


def ceiling(instant: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """The end of the period that `instant` is in, or `instant` where one starts there."""
    start = floor(instant, period, zone)
    # On the UTC clock: to Python an hour that is repeated equals nothing in another zone.
    at_start = start.astimezone(UTC) == instant.astimezone(UTC)
    return start if at_start else following(start, period, zone)


def label(start: datetime, period: Period, zone: ZoneInfo) -> str:
    """How the period is called: its local date, its month, quarter (``2026-Q4``) or year, or its
    hour or minute with the offset.
    """
    local = start.astimezone(zone)
    if period in _ON_THE_CLOCK:
        return local.isoformat().replace("+00:00", "Z")
    if period == "quarter":
        return f"{local:%Y}-Q{_quarter(local)}"
    return f"{local:{_LABELS.get(period, '%Y-%m-%d')}}"


def first_day_of(text: str, period: Period) -> date:
    """The day that a period begins on which is called so, if there is one.

    Raises:
        ValueError: none is.
    """
    if period == "quarter":
        year, quarter = text.split("-Q")
        month = {"1": "01", "2": "04", "3": "07", "4": "10"}.get(quarter)
        return date.fromisoformat(f"{year}-{month}-01")
    return date.fromisoformat(text + {"month": "-01", "year": "-01-01"}.get(period, ""))


def instant_text(instant: datetime) -> str:
    """ISO 8601 with the offset of its zone, ``Z`` for UTC."""
    return instant.isoformat().replace("+00:00", "Z")


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of that day in `zone`."""
    return _midnight(day, zone)


_LABELS: dict[Period, str] = {"month": "%Y-%m", "year": "%Y"}


def _quarter(day: date) -> int:
    return (day.month + 2) // 3


def _first_day(day: date, period: Period) -> date:
    if period == "week":
        return day - timedelta(days=(day.weekday() + _Weeks.days_before_monday) % 7)
    if months := _MONTHS.get(period):
        return day.replace(month=(day.month - 1) // months * months + 1, day=1)
    return day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day`. Where midnight does not exist (São Paulo's summer time
    began at 00:00) that is 01:00: going through UTC lands there. Where it comes twice, the
    first.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC).astimezone(zone)

"""Ranges: those that move with the clock, by name (today, this month …), and rounded ones."""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from sql.calendar import Period, day_start, floor, following

EVER = datetime.min.replace(tzinfo=UTC)
_HOUR = timedelta(hours=1)

RangeName = Literal[
    "today",
    "yesterday",
    "last_24_hours",
    "last_7_days",
    "last_30_days",
    "last_90_days",
    "last_12_months",
    "last_week",
    "last_month",
    "this_week",
    "this_month",
    "this_year",
]
Unit = Literal["week", "month", "year"]
RANGE_NAMES: tuple[RangeName, ...] = get_args(RangeName)
_DAYS = {"last_7_days": 7, "last_30_days": 30, "last_90_days": 90}
_UNITS: dict[RangeName, Unit] = {"this_week": "week", "this_month": "month", "this_year": "year"}
_WHOLE: dict[RangeName, Literal["week", "month"]] = {"last_week": "week", "last_month": "month"}


class Span(NamedTuple):
    """From `since` up to, not including, `before`; `unit` of the calendar where that is one so
    far, or the `whole` of it. In UTC: a zone's own times cannot be compared or reckoned with
    where clocks change.
    """

    since: datetime
    before: datetime
    unit: Unit | None = None
    whole: bool = False


def span_between(
    since: datetime, before: datetime, unit: Unit | None = None, *, whole: bool = False
) -> Span:
    """The span between instants of any zone."""
    return Span(since.astimezone(UTC), before.astimezone(UTC), unit, whole)


def span_of(name: RangeName, now: datetime, zone: ZoneInfo) -> Span:
    """The range of that name in whole periods of `zone`: days, or hours where it is shorter.
    It ends with the period that `now` is in; `last_7_days` are today and the six before.
    """
    today = floor(now, "day", zone)
    tomorrow = following(today, "day", zone)
    if name == "yesterday":
        return span_between(_days_before(today, 1, zone), today)
    if unit := _WHOLE.get(name):
        this = floor(now, unit, zone)
        return span_between(_unit_before(this, unit, zone), this, unit, whole=True)
    if name == "last_24_hours":
        end = following(floor(now, "hour", zone), "hour", zone).astimezone(UTC)
        return Span(end - timedelta(hours=24), end)
    if name in _DAYS:
        return span_between(_days_before(today, _DAYS[name] - 1, zone), tomorrow)
    return span_between(_start(name, now, today, zone), tomorrow, _UNITS.get(name))


def period_for(span: Span) -> Period:
    """The period that divides a range into a number of points that a chart shows well."""
    # Of the days in it one may have 25 hours.
    length = span.before - span.since - timedelta(hours=1)
    if length <= timedelta(days=3):
        return "hour"
    if length <= timedelta(days=120):
        return "day"
    return "week" if length <= timedelta(days=366) else "month"


def days_or_hours(
    since: datetime | None, before: datetime | None, zone: ZoneInfo
) -> Literal["day", "hour"]:
    """Days where the range (in UTC; None: without end) is made of whole ones, else hours."""
    edges = [edge for edge in (since, before) if edge]
    return "day" if all(_is_midnight(edge, zone) for edge in edges) else "hour"


def previous(span: Span, zone: ZoneInfo) -> Span:
    """The same number of days before that range, or of hours where it is no whole days. Before a
    calendar unit so far comes as much of the unit before, at most all of it: before the first ten
    days of a month those of the last one.
    """
    days = (span.before.astimezone(zone).date() - span.since.astimezone(zone).date()).days
    if span.unit:
        start = _unit_before(span.since, span.unit, zone)
        if span.whole:
            return span_between(start, span.since)
        as_much = _days_before(start, -days, zone).astimezone(UTC)
        return span_between(start, min(as_much, span.since))
    if _is_midnight(span.since, zone) and _is_midnight(span.before, zone):
        return span_between(_days_before(span.since, days, zone), span.since)
    return Span(span.since - (span.before - span.since), span.since)


def period_a_year_before(start: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """The start in UTC of the period to compare with the one that starts then: 364 days before, on
    the same weekday; of a month or longer that of the year before.
    """
    if period in ("month", "quarter", "year"):
        return floor(year_before(start, zone), period, zone).astimezone(UTC)
    return period_days_before(start, 364, period, zone)


def period_days_before(start: datetime, days: int, period: Period, zone: ZoneInfo) -> datetime:
    """The start of the period in which the same time of day so many days before is, in UTC."""
    return floor(start.astimezone(zone) - timedelta(days=days), period, zone).astimezone(UTC)


def year_before(moment: datetime, zone: ZoneInfo) -> datetime:
    """The same time of day and day of the year before; the 28th for a 29 February."""
    local = moment.astimezone(zone)
    try:
        return local.replace(year=local.year - 1)
    except ValueError:
        return local.replace(year=local.year - 1, day=28)


def _unit_before(start: datetime, unit: Unit, zone: ZoneInfo) -> datetime:
    if unit == "year":
        return year_before(start, zone)
    return floor(_days_before(start, 1, zone), unit, zone)


def _start(name: RangeName, now: datetime, today: datetime, zone: ZoneInfo) -> datetime:
    if name == "this_week":
        return floor(now, "week", zone)
    if name == "this_month":
        return floor(now, "month", zone)
    local = now.astimezone(zone).date()
    if name == "this_year":
        return day_start(local.replace(month=1, day=1), zone)
    if name == "last_12_months":
        # With the month that `now` is in.
        months = local.year * 12 + local.month - 1 - 11
        first = local.replace(year=months // 12, month=months % 12 + 1, day=1)
        return day_start(first, zone)
    return today


def _days_before(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    return day_start(moment.astimezone(zone).date() - timedelta(days=days), zone)


def _is_midnight(moment: datetime, zone: ZoneInfo) -> bool:
    return moment == floor(moment, "day", zone).astimezone(UTC)


def rounded(
    since: datetime | None, before: datetime | None, now: datetime, *, exactly: bool = False
) -> tuple[datetime | None, datetime | None]:
    """A range that holds this one, at most two hours or a quarter longer. Its edges are in
    the text of a statement, whose plan is kept: rounded, they change as seldom as every sixteenth
    of the length. An end that lies ahead is left out: it spares nothing, and every sample that is
    not materialised yet would be compared with it, twice.
    """
    length = (before or now) - since if since else now - (before or now)
    # The power of two that fits into it at least eight times.
    step = _HOUR * (1 << max(length // (8 * _HOUR), 1).bit_length() - 1)
    if since and not exactly:
        since -= (since - EVER) % step
    if before and not exactly:
        before += (EVER - before) % step
    return since, before if before and before <= now else None

"""The axis of time: where it begins and ends, and what is written at it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from babel.dates import format_skeleton

from service.language.reader import Reader
from service.web.charts import Chart

_DAY = timedelta(days=1)
LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": _DAY,
    "week": timedelta(days=7),
    "month": timedelta(days=28),
    "quarter": timedelta(days=90),
    "year": timedelta(days=365),
}
# The width of a label.
_LABEL = 78
_MINUTES = (1, 2, 5, 10, 15, 30)
_HOURS = (1, 2, 3, 4, 6, 8, 12)
_DAYS = (1, 2, 3, 4, 7, 14, 28, 89, 181, 365, 730, 1825)
_MONTH = timedelta(days=28)


class TimeMark(NamedTuple):
    """A label of the axis, in one or two lines."""

    at: datetime
    lines: Sequence[str]


def time_range(chart: Chart) -> tuple[datetime, datetime]:
    """The first and the last instant of the axis: bars at both ends are whole, and what happened in
    the last period is on it.
    """
    first, last = chart.times[0], chart.times[-1]
    half = timedelta()
    if len(chart.times) == 1:
        half = length_of(chart) / 2
    elif chart.look == "bar":
        half = (last - first) / (len(chart.times) - 1) / 2
    return first - half, max([last + half, *(mark.at for mark in chart.marks)])


def time_marks(
    chart: Chart, low: datetime, high: datetime, room: float, reader: Reader
) -> list[TimeMark]:
    """The marks of an axis `room` pixels long."""
    least = (high - low) / max(room, _LABEL) * _LABEL
    length = length_of(chart)
    step = max(least, length)
    if length < _DAY and (clock := _clock_step(step, length)):
        return list(_with_days(_clock_times(low, high, clock, reader), reader))
    days = next((days for days in _DAYS if days * _DAY >= step), _DAYS[-1])
    apart = days * _DAY
    skeleton = "MMMd" if apart < _MONTH else "yMMM"
    return [
        TimeMark(at, [format_skeleton(skeleton, at.astimezone(reader.zone), locale=reader.locale)])
        for at in _spaced(list(_day_times(chart, low, high, reader)), apart, chart, reader)
    ]


def length_of(chart: Chart) -> timedelta:
    """About how long a period of the chart is."""
    return LENGTHS.get(chart.period, _DAY)


def _clock_step(step: timedelta, length: timedelta) -> timedelta | None:
    """The next round step within a day; None of a longer one."""
    minutes = [timedelta(minutes=n) for n in _MINUTES] if length < LENGTHS["hour"] else []
    steps = [*minutes, *(timedelta(hours=n) for n in _HOURS)]
    return next((one for one in steps if one >= step), None)


def _clock_times(
    low: datetime, high: datetime, step: timedelta, reader: Reader
) -> Iterator[datetime]:
    """Times of day, counted from each midnight."""
    for midnight in _midnights(low, high, reader):
        for number in range(int(_DAY / step)):
            at = (midnight + number * step).astimezone(UTC)
            if low <= at <= high:
                yield at


def _with_days(times: Iterator[datetime], reader: Reader) -> Iterator[TimeMark]:
    """Each with its clock, and with the day below where that is another than before."""
    before = ""
    for at in times:
        day = format_skeleton("MMMd", at.astimezone(reader.zone), locale=reader.locale)
        yield TimeMark(at, [reader.clock(at), day] if day != before else [reader.clock(at)])
        before = day


def _midnights(low: datetime, high: datetime, reader: Reader) -> Iterator[datetime]:
    day = low.astimezone(reader.zone).date()
    while (midnight := datetime.combine(day, time(), reader.zone)).astimezone(UTC) <= high:
        yield midnight
        day += _DAY


def _day_times(chart: Chart, low: datetime, high: datetime, reader: Reader) -> Iterator[datetime]:
    """Days where a chart by hours begins them, or the periods of the chart themselves."""
    if length_of(chart) >= _DAY:
        return iter(chart.times)
    midnights = (one.astimezone(UTC) for one in _midnights(low, high, reader))
    return (one for one in midnights if one >= low)


def _spaced(
    times: Sequence[datetime], apart: timedelta, chart: Chart, reader: Reader
) -> Iterator[datetime]:
    """Times so far apart, or half a day less, as clocks are changed. Months are named where they
    begin.
    """
    if apart >= _MONTH > length_of(chart):
        months = [at.astimezone(reader.zone).month for at in times]
        times = [at for n, at in enumerate(times) if n and months[n] != months[n - 1]]
    last: datetime | None = None
    for at in times:
        if last is None or at - last > apart - _DAY / 2:
            yield at
            last = at

"""The axis of values: where it begins and ends, and what is written at it."""

import math
import sys
from collections.abc import Iterable, Sequence
from itertools import chain

from babel.numbers import format_compact_currency, format_compact_decimal

from service.language.numbers import HUGE
from service.language.reader import Reader
from service.web.charts import Chart

# About so many marks.
_MARKS = 5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_DIGITS = 12
_ROOM = 0.08
# Below it there is nothing to tell apart.
_LEAST = 1e-300
_PERCENT = frozenset({"percent", "%", "percentage"})


def value_range(chart: Chart) -> tuple[float, float]:
    """The lowest and the highest value of the axis, which has zero where values are amounts."""
    values = list(_known(chain.from_iterable(line.values for line in chart.lines)))
    if chart.band:
        values += _known(chain(chart.band.lower, chart.band.upper))
    levels = [threshold.value for threshold in chart.thresholds]
    low, high = min(values, default=0.0), max(values, default=1.0)
    far = chart.look == "line" and not chart.amount and not levels and low > 0
    if far and high - low < high * 0.3:
        room = (high - low or high) * 0.15
        return _apart(low - room, high + room)
    bottom, top = min(0.0, low, *levels), max(0.0, high, *levels)
    room = (top / 2 - bottom / 2) * _ROOM
    return _apart(bottom - room if bottom else 0.0, top + room + room if top else 0.0)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Both as numbers that can be told apart."""
    limit = sys.float_info.max
    low, high = max(low, -limit), min(high, limit)
    return (low, high) if high / 2 - low / 2 >= _LEAST else (0.0, 1.0)


def value_marks(low: float, high: float) -> tuple[list[float], float]:
    """Round values between both, and how far apart they are."""
    least = high / _MARKS - low / _MARKS
    size = 10.0 ** math.floor(math.log10(least))
    step = next(one * size for one in _STEPS if one * size >= least * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)], step


def value_labels(
    marks: Sequence[float], step: float, unit: str | None, reader: Reader
) -> list[str]:
    """The marks in the reader's words: short, and no two alike."""
    largest = max(*map(abs, marks), 1.0, 1.0)
    if largest >= HUGE or unit in _PERCENT:
        return [reader.figure(mark, unit) for mark in marks]
    thousands = min(int(math.log10(largest) / 3 + 1e-9), 4)
    digits = _digits_of(step / 1000**thousands)
    if unit and unit in reader.locale.currencies:
        return [
            str(format_compact_currency(mark, unit, locale=reader.locale, fraction_digits=digits))
            for mark in marks
        ]
    behind = f" {reader.unit(unit)}" if unit and unit != "count" else ""
    return [
        format_compact_decimal(mark, locale=reader.locale, fraction_digits=digits) + behind
        for mark in marks
    ]


def _digits_of(step: float) -> int:
    """How many digits behind the point tell multiples of a step apart."""
    for digits in range(_MOST_DIGITS):
        whole = round(step * 10**digits)
        if whole and abs(step * 10**digits - whole) < 1e-6 * whole:
            return digits
    return _MOST_DIGITS


def _known(values: Iterable[float | None]) -> Iterable[float]:
    return (value for value in values if value is not None)

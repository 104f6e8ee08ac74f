"""Durations and windows as people write them: ``90s``, ``5m``, ``1h30m``, ``hour``."""

import re
from typing import Literal, NamedTuple, get_args

from sql.calendar import LongPeriod
from sql.messages import Listing, Message, Value

Unit = Literal["d", "h", "m", "s"]
_SECONDS: dict[Unit, int] = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)

# The same for schemas, where a duration is not nothing.
DURATION_PATTERN = r"^(?=.)(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?$|^0$"
MAX_SECONDS = 366 * 86400
MIN_WINDOW, MAX_WINDOW = 60, 90 * 86400

PERIODS: tuple[LongPeriod, ...] = get_args(LongPeriod)


class Calendar(NamedTuple):
    """Whole periods on the calendar of the business time zone."""

    period: LongPeriod

    def __str__(self) -> str:
        return self.period


class Trailing(NamedTuple):
    """The time up to now."""

    seconds: int

    def __str__(self) -> str:
        return duration_text(self.seconds)


Window = Calendar | Trailing


def parse_duration(value: object) -> float:
    """Seconds of a text such as ``5m``, or of a plain number of seconds.

    Raises:
        ValueError: it is neither, or longer than 366 days.
    """
    seconds = -1
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and value == "0":
        seconds = 0
    elif isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
        numbers = zip(match.groups(), _SECONDS.values(), strict=True)
        seconds = sum(int(number) * size for number, size in numbers if number)
    if seconds < 0:
        raise ValueError(
            Message(
                "{value} is not a duration; write 90s, 5m, 1h, 1d or 1h30m", {"value": repr(value)}
            )
        )
    if seconds > MAX_SECONDS:
        raise ValueError(Message("At most 366 days"))
    return float(seconds)


def duration_text(seconds: float) -> str:
    """The shortest way to write it: ``0s``, ``90s``, ``5m``, ``1h30m``."""
    rest, text = int(seconds), ""
    for unit, size in _SECONDS.items():
        number, rest = divmod(rest, size)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def parse_window(text: str) -> Window:
    """A calendar period by its name, or a trailing window by its duration.

    Raises:
        ValueError: it is neither, no whole minutes, or not between a minute and 90 days.
    """
    if text in PERIODS:
        return Calendar(text)
    try:
        seconds = int(parse_duration(text))
    except ValueError as error:
        values: dict[str, Value] = {"value": repr(text), "windows": Listing(PERIODS)}
        raise ValueError(
            Message("{value} is no window; use {windows} or a duration like 5m", values)
        ) from error
    if seconds % 60 or not MIN_WINDOW <= seconds <= MAX_WINDOW:
        raise ValueError(Message("A trailing window is whole minutes, from 1m to 90d"))
    return Trailing(seconds)

"""Rendering: notifications as text in one language. Who delivers brings the renderer; English as it
is written here needs none.
"""

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sql.messages import Message

_SPANS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Renderer(Protocol):
    """One language with its formats; instants are shown in the zone that comes with them."""

    @property
    def language(self) -> str:
        """The tag of the language, such as ``pt-BR``."""

    def message(self, message: Message) -> str:
        """A message with its values."""

    def built_in(self, text: str) -> str:
        """A text that the installation came with, translated; a user's text stays as it is."""

    def figure(self, value: float, unit: str | None) -> str:
        """A value and its unit."""

    def moment(self, instant: datetime, zone: ZoneInfo) -> str:
        """A date and a time of day, to the second where it has seconds."""

    def clock(self, instant: datetime, zone: ZoneInfo) -> str:
        """A time of day, to the minute."""

    def day(self, instant: datetime, zone: ZoneInfo) -> str:
        """A date."""

    def month(self, instant: datetime, zone: ZoneInfo) -> str:
        """A month and its year."""

    def duration(self, length: timedelta) -> str:
        """The two largest units of a length of time, such as ``1 h 5 min``."""

    def span(self, seconds: int) -> str:
        """A trailing window, such as ``5 minutes``."""


class English:
    """English, with ISO dates."""

    language = "en"

    def message(self, message: Message) -> str:
        """A message with its values."""
        return str(message)

    def built_in(self, text: str) -> str:
        """As it is."""
        return text

    def figure(self, value: float, unit: str | None) -> str:
        """``1,234.5 BRL``."""
        return f"{_number(value)} {unit or ''}".strip()

    def moment(self, instant: datetime, zone: ZoneInfo) -> str:
        """``2025-06-14 15:00``."""
        local = instant.astimezone(zone)
        return f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"

    def clock(self, instant: datetime, zone: ZoneInfo) -> str:
        """``15:00``."""
        return f"{instant.astimezone(zone):%H:%M}"

    def day(self, instant: datetime, zone: ZoneInfo) -> str:
        """``2025-06-14``."""
        return f"{instant.astimezone(zone):%Y-%m-%d}"

    def month(self, instant: datetime, zone: ZoneInfo) -> str:
        """``2025-06``."""
        return f"{instant.astimezone(zone):%Y-%m}"

    def duration(self, length: timedelta) -> str:
        """``1 h 5 min``."""
        return " ".join(f"{count} {unit}" for count, unit in largest_units(length))

    def span(self, seconds: int) -> str:
        """``hour``, ``5 minutes``."""
        parts = units_of(seconds)
        if [count for count, _ in parts] == [1]:
            return parts[0][1]
        return " ".join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in parts)


def largest_units(length: timedelta) -> list[tuple[int, str]]:
    """The two largest units of a length of time: d, h, min, s."""
    seconds = max(0, round(length.total_seconds()))
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return [(count, unit) for count, unit in parts[:2] if count] or [(0, "s")]


def units_of(seconds: int) -> list[tuple[int, str]]:
    """Days, hours, minutes and seconds, those that there are."""
    parts: list[tuple[int, str]] = []
    for size, unit in _SPANS:
        count, seconds = divmod(seconds, size)
        parts += [(count, unit)] if count else []
    return parts


def _number(value: float) -> str:
    """The number with thousands separators and its significant decimals."""
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    if 1 <= abs(value) < 1e15:
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:.4g}"

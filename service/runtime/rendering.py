"""Notifications in the language of the installation."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.units import format_unit

from alerts.rendering import English, Renderer, largest_units, units_of
from service.language.reader import Reader
from sql.messages import Message

_UNITS = {"d": "day", "h": "hour", "min": "minute", "s": "second"}
_DATE = "dd/MM/yyyy"


def renderer_of(language: str, zone: ZoneInfo) -> Renderer:
    """Writes notifications in that language."""
    if language == English.language:
        return English()
    return ReaderRenderer(Reader(language, Locale.parse(language, sep="-"), zone))


@dataclass(frozen=True)
class ReaderRenderer:
    """Writes notifications as for a reader of pages, with days first."""

    reader: Reader

    @property
    def language(self) -> str:
        """The tag of the language."""
        return self.reader.language

    def message(self, message: Message) -> str:
        """A message with its values."""
        return self.reader.message(message)

    def built_in(self, text: str) -> str:
        """A text that the installation came with, translated; a user's text stays as it is."""
        return self.reader.built_in(text)

    def figure(self, value: float, unit: str | None) -> str:
        """A value and its unit: money as money, percent as such."""
        return self.reader.figure(value, unit)

    def moment(self, instant: datetime, zone: ZoneInfo) -> str:
        """A date and a time of day, to the second where it has seconds."""
        length = "medium" if instant.second else "short"
        clock = format_time(instant, length, zone, self.reader.locale)
        return f"{self.day(instant, zone)} {clock}"

    def clock(self, instant: datetime, zone: ZoneInfo) -> str:
        """A time of day, to the minute."""
        return format_time(instant, "short", zone, self.reader.locale)

    def day(self, instant: datetime, zone: ZoneInfo) -> str:
        """A date."""
        return format_date(instant.astimezone(zone), _DATE, self.reader.locale)

    def month(self, instant: datetime, zone: ZoneInfo) -> str:
        """A month and its year."""
        return format_skeleton("yMMMM", instant.astimezone(zone), locale=self.reader.locale)

    def duration(self, length: timedelta) -> str:
        """The two largest units of a length of time."""
        return self._units([(n, _UNITS[unit]) for n, unit in largest_units(length)], "short")

    def span(self, seconds: int) -> str:
        """A trailing window, such as ``5 minutos``."""
        return self._units(units_of(seconds), "long")

    def _units(self, parts: list[tuple[int, str]], length: Literal["short", "long"]) -> str:
        locale = self.reader.locale
        return " ".join(format_unit(n, unit, length, locale=locale) for n, unit in parts)

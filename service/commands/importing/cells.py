"""Numbers and times as people write them; what could be two is an error, never a guess; pure."""

import re
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from service.commands.importing.file_map import TimeFormat

_MONEY = re.compile(r"^([+-]?)\s*(?:R\$|US\$|\$|€)?\s*([+-]?)\s*([0-9.,]+)$")
_GROUPED = {
    ".": re.compile(r"\d{1,3}(\.\d{3})*(,\d+)?|\d+(,\d+)?"),
    ",": re.compile(r"\d{1,3}(,\d{3})*(\.\d+)?|\d+(\.\d+)?"),
}
_DAY_FIRST = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII
)


class BadCell(ValueError):
    """A cell is not what it should be, or could be two things."""


def number_of(text: str, decimal: Literal["point", "comma"] | None) -> float:
    """The number, without currency and groups of thousands.

    Raises:
        BadCell: it is none, or which one depends on what the comma or the point is.
    """
    found = _MONEY.fullmatch(text.replace("\u00a0", " ").strip())
    if found is None or (found[1] and found[2]):
        raise BadCell(f"{text!r} is no number")
    digits = found[3]
    groups = "." if (decimal or _decimal(digits, text)) == "comma" else ","
    if not _GROUPED[groups].fullmatch(digits):
        raise BadCell(
            f"{text!r} is no number with a decimal {'comma' if groups == '.' else 'point'}"
        )
    return float(found[1] + found[2] + digits.replace(groups, "").replace(",", "."))


def _decimal(digits: str, text: str) -> Literal["point", "comma"]:
    """What divides the decimals, where that can be only one."""
    marks = [mark for mark in digits if mark in ".,"]
    if not marks:
        return "point"
    if len(marks) == 1 and len(digits.rpartition(marks[0])[2]) == 3:
        raise BadCell(f"{text!r} can be two numbers: say decimal: point or comma in the map")
    # Groups may come again, decimals come once and last.
    is_decimal = len(marks) == 1 or marks[-1] != marks[0]
    return "comma" if (marks[-1] == ",") == is_decimal else "point"


def instant_of(text: str, form: TimeFormat, zone: ZoneInfo | None) -> str:
    """The instant in ISO 8601, in UTC. Of an hour that comes twice the first is meant.

    Raises:
        BadCell: it is none of that form, or has no offset and the map no zone.
    """
    try:
        moment = datetime.fromisoformat(text if form == "iso" else _as_iso(text, form))
    except ValueError as error:
        raise BadCell(f"{text!r} is no time of the form {form}") from error
    if moment.tzinfo is None:
        if zone is None:
            raise BadCell(f"{text!r} has no offset: say the zone in the map")
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC).isoformat()


def _as_iso(text: str, form: TimeFormat) -> str:
    found = _DAY_FIRST.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    first, second, year, *clock = found.groups()
    day, month = (first, second) if form == "dd/mm/yyyy" else (second, first)
    hour, minute, seconds = (int(part or 0) for part in clock)
    return f"{year}-{month:0>2}-{day:0>2}T{hour:02}:{minute:02}:{seconds:02}"

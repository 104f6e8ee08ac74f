"""From InfluxDB's line protocol to points."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping as Map

from line_protocol_parser import (  # type: ignore[import-untyped]
    LineFormatError,
    parse_line,
)

from service.metrics.ingest.sample import FARTHEST, UNIX_EPOCH
from service.metrics.mapping.point import Point, Points, Tags
from service.metrics.mapping.remembered import Remembered
from sql.errors import Problem
from sql.messages import Message

# By what a request says of its precision: the nanoseconds of a unit.
PRECISIONS = {
    "ns": 1,
    "n": 1,
    "us": 1_000,
    "u": 1_000,
    "µ": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
MAX_LINE = 64 * 1024
_MAX_SHOWN = 100

Series = tuple[str, Tags]
# By how measurement and tags are written.
_known: Remembered[bytes, Series] = Remembered()


def decode(body: bytes, nanoseconds: int) -> Points:
    """The points of a body whose timestamps count units of so many nanoseconds, one of each field
    that is a number; the problems of lines that cannot be read, by their numbers from 1.
    """
    points: list[Point] = []
    places: list[int] = []
    problems: list[Problem] = []
    useless: Counter[str] = Counter()
    for number, line in _lines(body):
        try:
            (measurement, tags), fields, ts = _read(line, nanoseconds)
        except (LineFormatError, ValueError) as error:
            problems.append(_unreadable(line, number, error))
            continue
        for field, value in fields.items():
            if isinstance(value, str):
                useless["text"] += 1
                continue
            name = measurement if field == "value" else f"{measurement}_{field}"
            points.append(Point(name, tags, float(value), ts))
            places.append(number)
    return Points(points, problems, useless, places)


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with something in them. A text in quotes may go over several."""
    begun, since = b"", 0
    for number, line in enumerate(body.split(b"\n"), start=1):
        if begun:
            line = begun + b"\n" + line
        if b'"' in line and _is_open(line) and len(line) <= MAX_LINE:
            begun, since = line, since or number
            continue
        if line and not line.isspace() and not line.lstrip().startswith(b"#"):
            yield since or number, line
        begun, since = b"", 0
    if begun:
        yield since, begun


def _is_open(line: bytes) -> bool:
    return (line.count(b'"') - line.count(b'\\"')) % 2 == 1


def _read(line: bytes, nanoseconds: int) -> tuple[Series, Map[str, float | str], int | None]:
    """Measurement and tags, fields and instant of a line.

    Raises:
        LineFormatError, ValueError: it cannot be read.
    """
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes")
    # Up to the first blank, where none is escaped.
    series, _, rest = line.partition(b" ")
    known = _known.get(series)
    if known is not None:
        parsed = parse_line("m " + rest.decode())
    else:
        parsed = parse_line(line.decode())
        known = parsed["measurement"], tuple(sorted(parsed["tags"].items()))
        if series and b"\\" not in series:
            _known.put(series, known, len(series))
    time = parsed["time"]
    if time is None:
        return known, parsed["fields"], None
    ts = time * nanoseconds // 1000 + UNIX_EPOCH
    if not -FARTHEST <= ts <= FARTHEST:
        raise ValueError("the timestamp is out of range")
    return known, parsed["fields"], ts


def _unreadable(line: bytes, number: int, error: Exception) -> Problem:
    shown = line[:_MAX_SHOWN].decode("utf-8", "replace")
    reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
    return Problem(
        Message("unable to parse '{line}': {reason}", {"line": shown, "reason": reason}),
        index=number,
    )

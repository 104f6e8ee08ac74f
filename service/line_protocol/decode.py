"""From InfluxDB's line protocol to points."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from line_protocol_parser import (  # type: ignore[import-untyped]
    LineFormatError,
    parse_line,
)

from service.http.bodies import check_items
from service.metrics.ingest.sample import FARTHEST, UNIX_EPOCH
from service.metrics.mapping.point import Foreign, Point, Points, Tags
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

# What comes before the value, where a line has one field, no escapes and no texts, as nearly all
# have: that is looked for before the parser is asked.
_usual = re.compile(rb'[^\s\\"#][^\s\\"]* [^\s\\"=,]+').fullmatch
# Of 64 bits.
_MOST = 2**63 - 1
_MOST_DIGITS = 19
# By what comes before the value.
_series: Remembered[bytes, Foreign] = Remembered()
# By how measurement and tags are written.
_known: Remembered[bytes, tuple[str, Tags]] = Remembered()


def decode(body: bytes, nanoseconds: int) -> Points:
    """The points of a body whose timestamps count units of so many nanoseconds, one of each field
    that is a number; the problems of lines that cannot be read, by their numbers from 1.

    Raises:
        ApiError: 413, there are too many.
    """
    check_items(body.count(b"\n"))
    points: list[Point] = []
    places: list[int] = []
    problems: list[Problem] = []
    useless: Counter[str] = Counter()
    find = _series.get
    for number, line in _lines(body):
        head, _, time = line.rpartition(b" ")
        written, _, text = head.rpartition(b"=")
        series = find(written)
        if (
            series is not None
            and time.isdigit()
            and len(time) <= _MOST_DIGITS
            and len(line) <= MAX_LINE
        ):
            stamp, value = int(time), _number(text)
            ts = stamp * nanoseconds // 1000 + UNIX_EPOCH
            if value is not None and stamp <= _MOST and ts <= FARTHEST:
                points.append(Point(series, value, ts))
                places.append(number)
                continue
        if not line or line.isspace() or line.lstrip().startswith(b"#"):
            continue
        try:
            read = _read(line, nanoseconds)
        except (LineFormatError, ValueError) as error:
            problems.append(_unreadable(line, number, error))
            continue
        check_items(len(points) + len(read))
        for one, field, instant in read:
            if isinstance(field, str):
                useless["text"] += 1
                continue
            points.append(Point(one, float(field), instant))
            places.append(number)
        if len(read) == 1 and _usual(written):
            _series.put(written, read[0][0], len(written))
    return Points(points, problems, useless, places)


def _number(text: bytes) -> float | None:
    """The number that a text is, where that is plain to see."""
    if text.replace(b".", b"", 1).isdigit():
        return float(text)
    if text.endswith(b"i"):
        text = text[:-1]
        return float(text) if text.isdigit() and len(text) < _MOST_DIGITS else None
    digits = text[1:].replace(b".", b"", 1)
    return float(text) if text.startswith(b"-") and digits.isdigit() else None


def _lines(body: bytes) -> Iterable[tuple[int, bytes]]:
    """By their numbers. A text in quotes may go over several."""
    lines = enumerate(body.split(b"\n"), start=1)
    return _with_texts(lines) if b'"' in body else lines


def _with_texts(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    begun, since = b"", 0
    for number, line in lines:
        if begun:
            line = begun + b"\n" + line
        if b'"' in line and _is_open(line) and len(line) <= MAX_LINE:
            begun, since = line, since or number
            continue
        yield since or number, line
        begun, since = b"", 0
    if begun:
        yield since, begun


def _is_open(line: bytes) -> bool:
    return (line.count(b'"') - line.count(b'\\"')) % 2 == 1


def _read(line: bytes, nanoseconds: int) -> list[tuple[Foreign, float | str, int | None]]:
    """Series, value and instant of each field of a line.

    Raises:
        LineFormatError, ValueError: it cannot be read.
    """
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes")
    # Up to the first blank, where none is escaped.
    written, _, rest = line.partition(b" ")
    known = _known.get(written)
    if known is not None:
        parsed = parse_line("m " + rest.decode())
    else:
        parsed = parse_line(line.decode())
        known = parsed["measurement"], tuple(sorted(parsed["tags"].items()))
        if written and b"\\" not in written:
            _known.put(written, known, len(written))
    ts = _instant(parsed["time"], nanoseconds)
    return [(_foreign(*known, field), value, ts) for field, value in parsed["fields"].items()]


def _foreign(measurement: str, tags: Tags, field: str) -> Foreign:
    return Foreign(measurement if field == "value" else f"{measurement}_{field}", tags)


def _instant(time: int | None, nanoseconds: int) -> int | None:
    if time is None:
        return None
    ts = time * nanoseconds // 1000 + UNIX_EPOCH
    if not -FARTHEST <= ts <= FARTHEST:
        raise ValueError("the timestamp is out of range")
    return ts


def _unreadable(line: bytes, number: int, error: Exception) -> Problem:
    shown = line[:_MAX_SHOWN].decode("utf-8", "replace")
    reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
    return Problem(
        Message("unable to parse '{line}': {reason}", {"line": shown, "reason": reason}),
        index=number,
    )

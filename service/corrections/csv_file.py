"""CSV as people have it: rows of another system's figures."""

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sql.errors import Invalid, Problem
from sql.messages import Message

_THOUSANDS = re.compile(r"-?\d{1,3}(\.\d{3})+")
_LIKE_THOUSANDS = re.compile(r"-?\d{1,3}\.\d{3}")
_PERIOD, _VALUE, _COUNT = "period", "value", "count"


class Row(NamedTuple):
    """The cells by their columns, and the number of the line that they end in."""

    line: int
    cells: dict[str, Any]


def rows_of(content: bytes) -> list[Row]:
    """Each row below the header: `period`, `value` as a number, `count` as a whole one, any other
    column as a label (None where it is empty). Where columns are divided by semicolons, numbers
    have a decimal comma.

    Raises:
        Invalid: the file or lines of it cannot be read; named by their numbers.
    """
    lines = _text(content).splitlines()
    semicolons = bool(lines) and ";" in lines[0]
    reader = csv.DictReader(lines, delimiter=";" if semicolons else ",", strict=True)
    problems: list[Problem] = []
    rows: list[Row] = []
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        _check_header(names)
        reader.fieldnames = names
        for row in reader:
            cells = dict(_cells(row, reader.line_num, semicolons, problems))
            rows.append(Row(reader.line_num, cells))
    except csv.Error as error:
        problems.append(
            in_line(reader.line_num, Message("It cannot be read: {why}", {"why": str(error)}))
        )
    if problems:
        raise Invalid(*problems[:20])
    if not rows:
        raise Invalid(Problem(Message("The file has no rows"), "file"))
    return rows


def in_line(line: int, problem: Message) -> Problem:
    """That problem, at the file."""
    return Problem(Message("Line {line}: {problem}", {"line": line, "problem": problem}), "file")


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(Problem(Message("The file is not UTF-8"), "file")) from error


def _check_header(names: list[str]) -> None:
    if _PERIOD not in names or not {_VALUE, _COUNT} & set(names):
        message = Message("The first line has to name the columns period and value or count")
        raise Invalid(Problem(message, "file"))
    if len(set(names)) < len(names) or "" in names:
        raise Invalid(Problem(Message("Each column needs a name of its own"), "file"))


def _cells(
    row: Mapping[str | None, Any], line: int, semicolons: bool, problems: list[Problem]
) -> Iterator[tuple[str, Any]]:
    if None in row or None in row.values():
        problems.append(in_line(line, Message("It has another number of columns than the first")))
        return
    for name, text in row.items():
        assert name is not None
        cell = text.strip()
        if name in (_VALUE, _COUNT) and cell:
            number = _number(cell, semicolons)
            if number is None or (name == _COUNT and number != int(number)):
                values = {"text": cell[:50], "name": name}
                message = Message("'{text}' is no number that can be only one ({name})", values)
                problems.append(in_line(line, message))
            elif name == _COUNT and number < 0:
                problems.append(in_line(line, Message("A count cannot be negative")))
            else:
                yield name, int(number) if name == _COUNT else number
        elif name == _PERIOD and not cell:
            problems.append(in_line(line, Message("The period is missing")))
        else:
            yield name, cell or None


def _number(text: str, semicolons: bool) -> float | None:
    """The number; None where it is none, or one of two."""
    if semicolons:
        whole, comma, decimals = text.partition(",")
        if _LIKE_THOUSANDS.fullmatch(text):
            return None
        if _THOUSANDS.fullmatch(whole):
            whole = whole.replace(".", "")
        elif comma and "." in whole:
            return None
        text = f"{whole}.{decimals}" if comma else whole
    try:
        number = float(text) if "_" not in text else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < float("inf") else None

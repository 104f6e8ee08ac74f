"""From rows of a file to samples."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from service.ingest.decode import decode_lines
from service.ingest.models import MetricIn
from service.metrics.ingest.sample import Decoded
from sql.errors import Invalid, Problem
from sql.messages import Listing, Message, choices

FIELDS = tuple(field.name for field in msgspec.structs.fields(MetricIn))
# Begins the name of a column with a key of metadata.
METADATA = "metadata."
REQUIRED = tuple(field.name for field in msgspec.structs.fields(MetricIn) if field.required)
_OTHER_COLUMNS = Message("It has another number of columns than the first")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class CsvDecoder:
    """Decodes rows of CSV (RFC 4180) whose columns are called as the fields of a sample;
    `metadata.KEY` is a key of its metadata.
    """

    def __init__(self, header: bytes) -> None:
        """Read the names of the columns.

        Raises:
            Invalid: a column is no field, or one that every sample has is missing.
        """
        try:
            (names,) = csv.reader([header.decode()], strict=True)
        except (UnicodeDecodeError, csv.Error, ValueError) as error:
            raise Invalid(Problem(Message("The first line names no columns"), "file")) from error
        self._names = [name.strip() for name in names]
        if problems := list(_wrong(self._names)):
            raise Invalid(*problems)

    def decode(self, rows: Sequence[tuple[int, bytes]]) -> Decoded:
        """The samples of rows, each with its line, and what is wrong with the others."""
        lines, problems = [], []
        for line, row in rows:
            try:
                (cells,) = csv.reader([row.decode()], strict=True)
            except UnicodeDecodeError:
                problems.append(Problem(Message("It is not UTF-8"), index=line))
            except (csv.Error, ValueError) as error:
                message = Message("It cannot be read: {why}", {"why": str(error)})
                problems.append(Problem(message, index=line))
            else:
                if len(cells) == len(self._names):
                    lines.append((line, msgspec.json.encode(self._fields(cells))))
                else:
                    problems.append(Problem(_OTHER_COLUMNS, index=line))
        decoded = decode_lines(lines)
        return Decoded(decoded.samples, [*problems, *decoded.problems], decoded.places)

    def _fields(self, cells: Sequence[str]) -> dict[str, Any]:
        """The fields of a sample; an empty cell is none."""
        fields: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        for name, cell in zip(self._names, cells, strict=True):
            if not cell:
                continue
            if name == "value":
                fields[name] = _number(cell)
            elif name == "metadata":
                fields[name] = _json(cell)
            elif name.startswith(METADATA):
                metadata[name.removeprefix(METADATA)] = cell
            else:
                fields[name] = cell
        if metadata:
            fields["metadata"] = metadata
        return fields


def _wrong(names: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with a header."""
    known = Listing((*FIELDS, "metadata.KEY"))
    for name in names:
        if name not in FIELDS and not name.startswith(METADATA):
            message = Message(
                "The column '{name}' is none of {names}", {"name": name[:50], "names": known}
            )
            yield Problem(message, "file")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        message = Message("There is no column {names}", {"names": choices(missing)})
        yield Problem(message, "file")
    has_both = "metadata" in names and any(name.startswith(METADATA) for name in names)
    if len(set(names)) < len(names) or has_both:
        yield Problem(Message("Each column needs a name of its own"), "file")


def _number(text: str) -> float | str:
    """The number; what is none stays as it is, and is told so."""
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else text


def _json(text: str) -> object:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(text)
    return text

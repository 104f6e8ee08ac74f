"""From rows of a file to samples."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from service.ingest.decode import decode_lines
from service.ingest.models import MetricIn
from service.metrics.ingest.sample import Decoded, Sample, microseconds_of
from sql.errors import Invalid, Problem
from sql.messages import Listing, Message, choices

FIELDS = tuple(field.name for field in msgspec.structs.fields(MetricIn))
# Begins the name of a column with a key of metadata.
METADATA = "metadata."
REQUIRED = tuple(field.name for field in msgspec.structs.fields(MetricIn) if field.required)
_OTHER_COLUMNS = Message("It has another number of columns than the first")
# Sets of labels of which a sample is kept.
_MOST_ALIKE = 20_000
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
        self._columns = _Columns.of(self._names)
        # By the cells of labels, as they came, a sample that has them.
        self._alike: dict[tuple[str, ...], Sample] = {}

    def decode(self, rows: Sequence[tuple[int, bytes]]) -> Decoded:
        """The samples of rows, each with its line, and what is wrong with the others."""
        samples: list[Sample] = []
        places: list[int] = []
        problems: list[Problem] = []
        plain = _plain([row for _, row in rows])
        for (line, row), text in zip(rows, plain or repeat(None, len(rows)), strict=True):
            sample = None if text is None else self._like_another(text.split(","))
            if sample is None:
                decoded = self._decode(line, row)
                problems += decoded.problems
                samples += decoded.samples
                places += decoded.places or ()
            else:
                samples.append(sample)
                places.append(line)
        return Decoded(samples, problems, places)

    def _like_another(self, cells: Sequence[str]) -> Sample | None:
        """The sample of a row with the labels of one before; None where they are others, where it
        has metadata as JSON, and of a row that is none.
        """
        columns = self._columns
        try:
            one = self._alike.get(columns.labels(cells))
            if one is None or len(cells) != len(self._names) or columns.has_json(cells):
                return None
            value, at = cells[columns.value], columns.timestamp
            number = float(value)
            ts = None if at is None or not cells[at] else microseconds_of(cells[at])
        except (ValueError, IndexError):
            return None
        # What else Python takes for numbers.
        if not isfinite(number) or "_" in value or not value.isascii():
            return None
        return Sample(
            one.metric_name,
            one.metric_type,
            number,
            one.frequency,
            one.unit,
            one.service_name,
            one.affiliate_id,
            one.region,
            {key: cells[place] for key, place in columns.metadata if cells[place]} or None,
            ts,
        )

    def _decode(self, line: int, row: bytes) -> Decoded:
        try:
            (cells,) = csv.reader([row.decode()], strict=True)
        except UnicodeDecodeError:
            return Decoded([], [Problem(Message("It is not UTF-8"), index=line)])
        except (csv.Error, ValueError) as error:
            message = Message("It cannot be read: {why}", {"why": str(error)})
            return Decoded([], [Problem(message, index=line)])
        if len(cells) != len(self._names):
            return Decoded([], [Problem(_OTHER_COLUMNS, index=line)])
        decoded = decode_lines([(line, msgspec.json.encode(self._fields(cells)))])
        for sample in decoded.samples:
            self._remember(cells, sample)
        return decoded

    def _remember(self, cells: Sequence[str], sample: Sample) -> None:
        if len(self._alike) == _MOST_ALIKE:
            self._alike.clear()
        # Without what is its own: of many sets of labels that would be as much as all their rows.
        kept = msgspec.structs.replace(sample, metadata=None, ts=None)
        self._alike[self._columns.labels(cells)] = kept

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


def _plain(rows: Sequence[bytes]) -> Sequence[str] | None:
    """Rows as text, of which a comma ends each cell; None where any has quotes, or is no text."""
    together = b"\n".join(rows)
    if b'"' in together or b"\r" in together or b"\0" in together:
        return None
    try:
        texts = together.decode().split("\n")
    except UnicodeDecodeError:
        return None
    return texts if len(texts) == len(rows) else None


class _Columns(NamedTuple):
    """Places of columns: those that are a sample's own, `json` and by their keys `metadata`, and
    what gives the cells of all others.
    """

    value: int
    timestamp: int | None
    json: int | None
    metadata: Sequence[tuple[str, int]]
    labels: Callable[[Sequence[str]], tuple[str, ...]]

    @classmethod
    def of(cls, names: Sequence[str]) -> "_Columns":
        """The places of these names, each of which occurs once."""
        places = {name: place for place, name in enumerate(names)}
        value, timestamp, json = places["value"], places.get("timestamp"), places.get("metadata")
        metadata = [
            (name.removeprefix(METADATA), place)
            for name, place in places.items()
            if name.startswith(METADATA)
        ]
        own = {value, timestamp, json, *(place for _, place in metadata)}
        # There are at least the name, type and frequency of the metric.
        labels = itemgetter(*(place for place in places.values() if place not in own))
        return cls(value, timestamp, json, metadata, labels)

    def has_json(self, cells: Sequence[str]) -> bool:
        """True where its metadata is in one cell."""
        return self.json is not None and bool(cells[self.json])


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

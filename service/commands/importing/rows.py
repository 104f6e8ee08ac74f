"""Rows of a CSV file as lines of JSON, each on the line that it has in the file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from service.commands.importing.cells import BadCell, instant_of, number_of
from service.commands.importing.file_map import FileMap
from service.imports.decode import METADATA

_NAMED = 20


class BadFile(Exception):
    """The file is not as the map says; the message names the lines."""


class Form(NamedTuple):
    """How a file is written."""

    encoding: str
    delimiter: str


def form_of(file: Path, given: FileMap) -> Form:
    """How that file is written: as the map says, or as it can only be.

    Raises:
        BadFile: its first line has both commas and semicolons, or it cannot be read.
    """
    encoding = given.encoding or _encoding(file)
    try:
        with file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding) as stream:
            header = stream.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{file} cannot be read: {error}") from error
    if given.delimiter:
        return Form(encoding, given.delimiter)
    found = [mark for mark in ",;\t" if mark in header]
    if len(found) > 1:
        raise BadFile("line 1: say in the map what delimiter divides columns: it has several")
    return Form(encoding, found[0] if found else ",")


class MappedFile:
    """The rows of a file that count, as a map has them."""

    def __init__(self, file: Path, given: FileMap, form: Form) -> None:
        self._file = file
        self._map = given
        self._form = form
        self._zone = None if given.zone is None else ZoneInfo(given.zone)
        self.left_out = 0

    def check(self) -> int:
        """How many rows there are to send.

        Raises:
            BadFile: rows are not as the map says; the first of them are named.
        """
        problems: list[str] = []
        number = 0
        for line, cells in self._rows():
            try:
                number += self._sample(cells) is not None
            except BadCell as error:
                problems.append(f"line {line}: {error}")
                if len(problems) == _NAMED:
                    break
        if problems:
            raise BadFile("\n".join([*problems, "Nothing was sent."]))
        return number

    def lines(self) -> Iterator[bytes]:
        """Lines of JSON; empty where the file has no row that counts."""
        at = 0
        self.left_out = 0
        for line, cells in self._rows():
            sample = self._sample(cells)
            if sample is None:
                self.left_out += 1
                continue
            yield b"\n" * (line - 1 - at) + msgspec.json.encode(sample) + b"\n"
            at = line

    def _rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        encoding = "utf-8-sig" if self._form.encoding == "utf-8" else self._form.encoding
        try:
            with self._file.open(encoding=encoding, newline="") as stream:
                reader = csv.DictReader(stream, delimiter=self._form.delimiter, strict=True)
                self._check_header([name.strip() for name in reader.fieldnames or ()])
                reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
                for row in reader:
                    if None in row or None in row.values():
                        raise BadFile(
                            f"line {reader.line_num}: another number of columns than the first"
                        )
                    yield reader.line_num, {name: cell.strip() for name, cell in row.items()}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise BadFile(f"{self._file} cannot be read: {error}") from error

    def _check_header(self, names: list[str]) -> None:
        wanted = [*self._map.columns.values(), *self._map.keep]
        missing = [name for name in wanted if name not in names]
        if missing:
            raise BadFile(f"line 1: there is no column {missing[0]!r}, only {', '.join(names)}")
        if len(set(names)) < len(names):
            raise BadFile("line 1: two columns have the same name")

    def _sample(self, cells: dict[str, str]) -> dict[str, Any] | None:
        """The fields of a sample; None where the row does not count."""
        if any(cells[column] not in kept for column, kept in self._map.keep.items()):
            return None
        texts = {field: cells[column] for field, column in self._map.columns.items()}
        fields: dict[str, Any] = {}
        metadata: dict[str, str] = {}
        for field, text in (self._map.values | texts).items():
            if field.startswith(METADATA):
                metadata |= {field.removeprefix(METADATA): text} if text else {}
            elif text:
                fields[field] = text
        if "value" in fields:
            fields["value"] = number_of(fields["value"], self._map.decimal)
        if "timestamp" in fields:
            fields["timestamp"] = instant_of(fields["timestamp"], self._map.time, self._zone)
        else:
            raise BadCell("it has no time")
        return fields | ({"metadata": metadata} if metadata else {})


def _encoding(file: Path) -> str:
    """UTF-8 where it is that throughout, else Latin-1."""
    try:
        with file.open(encoding="utf-8") as stream:
            while stream.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    except OSError as error:
        raise BadFile(f"{file} cannot be read: {error}") from error
    return "utf-8"

"""Rows of an import as COPY takes them: those like submitted ones, and those beside them; pure."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.metrics.ingest.checks import Row
from service.metrics.ingest.prepare import copy_row
from service.metrics.ingest.sample import instant_of
from service.metrics.ingest.series import SeriesKey
from sql.vocabulary import Frequency

# As `copy_row`, with the number of the batch before the metadata.
_pack_imported = struct.Struct("!h iq iq ii id ii i").pack


@dataclass(slots=True)
class _Part:
    """Rows of a frequency, and the first and last instant of them as `Sample.ts`."""

    since: int
    until: int
    rows: list[bytes] = field(default_factory=list)

    def add(self, ts: int, row: bytes) -> None:
        self.since, self.until = min(self.since, ts), max(self.until, ts)
        self.rows.append(row)


class Packed:
    """Rows by frequency: `submitted` ones, and those `imported` in the batch of that number."""

    def __init__(self, batch_id: int, submitted_since: Mapping[Frequency, int]) -> None:
        self._batch_id = batch_id
        self._submitted_since = submitted_since
        self._submitted: dict[Frequency, _Part] = {}
        self._imported: dict[Frequency, _Part] = {}

    def add(self, rows: Sequence[Row], found: Mapping[SeriesKey, int], first_id: int) -> None:
        """Pack rows; `found` are the ids of series by their keys."""
        for number, (frequency, series, ts, value, metadata, _) in enumerate(rows, first_id):
            series_id = series if isinstance(series, int) else found[series]
            if ts >= self._submitted_since[frequency]:
                parts, row = self._submitted, copy_row(ts, number, series_id, value, metadata)
            else:
                parts, row = self._imported, self._row(ts, number, series_id, value, metadata)
            if frequency not in parts:
                parts[frequency] = _Part(ts, ts)
            parts[frequency].add(ts, row)

    @property
    def submitted(self) -> dict[str, bytes]:
        """Rows by frequency."""
        return {frequency: b"".join(part.rows) for frequency, part in self._submitted.items()}

    @property
    def imported(self) -> dict[str, bytes]:
        """Rows by frequency."""
        return {frequency: b"".join(part.rows) for frequency, part in self._imported.items()}

    @property
    def submitted_extents(self) -> list[dict[str, Any]]:
        """Of each frequency from when to when they are."""
        return [_extent(*item) for item in self._submitted.items()]

    @property
    def imported_extents(self) -> list[dict[str, Any]]:
        """The same of imported ones, and how many they are."""
        return [_extent(*item) for item in self._imported.items()]

    def _row(
        self, ts: int, number: int, series_id: int, value: float, metadata: bytes | None
    ) -> bytes:
        size = -1 if metadata is None else len(metadata)
        row = _pack_imported(6, 8, ts, 8, number, 4, series_id, 8, value, 4, self._batch_id, size)
        return row if metadata is None else row + metadata


def _extent(frequency: Frequency, part: _Part) -> dict[str, Any]:
    return {
        "frequency": frequency,
        "since": instant_of(part.since),
        "until": instant_of(part.until),
        "number": len(part.rows),
    }

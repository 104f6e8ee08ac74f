"""Workbooks of a spreadsheet, written row by row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO, Any
from zoneinfo import ZoneInfo

import msgspec
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Excel opens no more in a sheet; its first is the heading.
_ROWS = 1_048_576
_WIDTH = 18


class Workbook:
    """A workbook in `file` with those columns, in as many sheets as it takes. Times are told in
    `zone`, texts are never run as formulas.
    """

    def __init__(
        self, file: IO[bytes], columns: Sequence[str], zone: ZoneInfo, time_format: str
    ) -> None:
        self._book = xlsxwriter.Workbook(file, {"constant_memory": True})
        self._columns = columns
        self._zone = zone
        self._time = self._book.add_format({"num_format": time_format})
        self._heading = self._book.add_format({"bold": True})
        self._sheet = self._add_sheet()
        self._row = 1

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows."""
        for row in rows:
            if self._row == _ROWS:
                self._sheet, self._row = self._add_sheet(), 1
            for number, column in enumerate(self._columns):
                self._write(number, row.get(column))
            self._row += 1

    def close(self) -> None:
        """Finish the file."""
        self._book.close()

    def _write(self, column: int, value: Any) -> None:
        place = self._row, column
        if isinstance(value, bool):
            self._sheet.write_boolean(*place, value)
        elif isinstance(value, int | float):
            self._sheet.write_number(*place, value)
        elif isinstance(value, datetime):
            # A spreadsheet knows no zones.
            local = value.astimezone(self._zone).replace(tzinfo=None)
            self._sheet.write_datetime(*place, local, self._time)
        elif value is not None:
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            self._sheet.write_string(*place, text)

    def _add_sheet(self) -> Worksheet:
        sheet = self._book.add_worksheet()
        sheet.set_column(0, len(self._columns) - 1, _WIDTH)
        sheet.freeze_panes(1, 0)
        for number, column in enumerate(self._columns):
            sheet.write_string(0, number, column, self._heading)
        return sheet

"""Named queries, kept as SQL in sql/queries/*.sql.

A query starts with two comment lines, its name and its purpose::

    -- name: find_series
    -- The series that a selection covers.

and ends at the next name or at the end of the file. Values are psycopg's
``%(name)s``; ``{name}`` stands for an identifier or another query and is filled in
with `Query.format`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

from psycopg import sql

from sql.calendar import Period, days_before_monday
from sql.vocabulary import Frequency

FOLDER = Path(__file__).parent / "queries"
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One statement and the name it has in logs and metrics."""

    name: str
    body: sql.SQL | sql.Composed

    def format(self, **parts: sql.Composable) -> "Query":
        """Fill in ``{part}`` placeholders; other queries go in by their `body`."""
        assert isinstance(self.body, sql.SQL)
        return Query(self.name, self.body.format(**parts))

    def rendered(self) -> "Query":
        """The same in one piece, to be kept; parts need nothing of a connection."""
        return Query(self.name, sql.SQL(self.body.as_string()))


def union_all(queries: Iterable[Query]) -> sql.Composed:
    """Queries of the same columns as one."""
    between = query("union_all").body
    assert isinstance(between, sql.SQL)
    return between.join(one.body for one in queries)


def samples_of(frequency: Frequency) -> sql.Identifier:
    """The table of the samples of a frequency."""
    return sql.Identifier("fature", f"sample_{frequency}")


def imported_of(frequency: Frequency) -> sql.Identifier:
    """The table of the imported samples of a frequency."""
    return sql.Identifier("fature", f"imported_{frequency}")


def start_of_period(period: Period) -> sql.Composable:
    """The start of the period that ``h.bucket`` is in, by the parameters `period` and `zone`."""
    days = days_before_monday()
    if period != "week" or not days:
        return query("period_start").body
    return query("week_start").format(before_monday=sql.Literal(f"{days} days")).body


def array_of(values: Iterable[int | str]) -> str:
    """An array as PostgreSQL writes it, of what needs no quotes: numbers, instants. Making one
    of a list takes psycopg longer than the database takes to read some hundred series.
    """
    return f"{{{','.join(map(str, values))}}}"


def joined(arrays: Iterable[str]) -> str:
    """Arrays as PostgreSQL writes them, none of them empty, as one."""
    return f"{{{','.join(array[1:-1] for array in arrays)}}}"


def repeated(value: str, count: int) -> str:
    """The array of so many of that value."""
    return f"{{{','.join([value] * count)}}}"


def numbers_of(array: str) -> list[int]:
    """The numbers of an array as PostgreSQL writes it, which is not empty."""
    return [int(number) for number in array[1:-1].split(",")]


@cache
def query(name: str) -> Query:
    """The query of that name.

    Raises:
        KeyError: there is none.
    """
    return _all_queries()[name]


@cache
def _all_queries() -> dict[str, Query]:
    found: dict[str, Query] = {}
    for path in sorted(FOLDER.glob("*.sql")):
        _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            assert name not in found, f"two queries are named {name}"
            # The text is this package's own file, as literal as one in the code.
            literal = cast("LiteralString", text.strip().rstrip(";"))
            found[name] = Query(name, sql.SQL(literal))
    return found

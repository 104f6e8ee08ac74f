"""Groups of a breakdown as rows of answers and files."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.http.files import Batches, Table
from service.metrics.breakdowns import Breakdowns
from service.metrics.query.breakdown import Breakdown, BreakdownQuery, Row
from sql.vocabulary import MAX_ROWS

_VALUES = ("value", "share", "baseline", "change", "change_percent")


def columns_of(query: BreakdownQuery) -> tuple[str, ...]:
    """The names of the fields of its rows."""
    return (*query.figures.group_by, *_VALUES)


def rows_of(found: Breakdown) -> Iterator[dict[str, Any]]:
    """The groups of a breakdown with their fields."""
    names = found.query.figures.group_by
    for group, row in found.rows:
        yield {**dict(zip(names, group, strict=True)), **values_of(row)}


def values_of(row: Row) -> Mapping[str, float | None]:
    """The fields of a row but for its group."""
    return {name: getattr(row, name) for name in _VALUES}


def groups_table(breakdowns: Breakdowns, query: BreakdownQuery, now: datetime) -> Table:
    """All groups from where a query begins on."""
    figures = query.figures
    batches = _batches(breakdowns, query, now)
    return Table(figures.metric_name, columns_of(query), batches, figures.zone)


async def _batches(breakdowns: Breakdowns, query: BreakdownQuery, now: datetime) -> Batches:
    query = replace(query, limit=MAX_ROWS)
    while True:
        found = await breakdowns.breakdown(query, now)
        yield list(rows_of(found))
        if found.next is None:
            return
        query = replace(query, after=found.next)

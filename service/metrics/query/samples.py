"""Samples as submitted, page by page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from service.metrics.query.selection import Grouping, Selection, group_series
from sql.database import Connections, fetch_all
from sql.statements import imported_of, joined, query, samples_of, union_all
from sql.vocabulary import Order

_START: dict[Order, tuple[str, int]] = {
    "desc": ("infinity", 2**63 - 1),
    "asc": ("-infinity", 0),
}
_QUERIES: dict[Order, tuple[str, str]] = {
    "desc": ("samples_newest_first", "page_newest_first"),
    "asc": ("samples_oldest_first", "page_oldest_first"),
}


class Position(NamedTuple):
    """The sample that a page ended with: its instant, in UTC, and its id."""

    at: datetime
    sample_id: int


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """Samples of a selection from `since` to before `before` (in UTC; None: ever), up to `limit`
    that follow `after` (None: from the first) in that order.
    """

    selection: Selection
    since: datetime | None = None
    before: datetime | None = None
    order: Order = "desc"
    limit: int = 100
    after: Position | None = None


class SamplePage(NamedTuple):
    """Samples with their labels, and where the page after them begins (None: there is none)."""

    rows: list[DictRow]
    next: Position | None


async def sample_page(reads: Connections, wanted: SampleQuery) -> SamplePage:
    """The page of samples that a query asks for."""
    grouping = Grouping(wanted.selection)
    parts = (await group_series(reads, [grouping]))[grouping].parts
    if not parts:
        return SamplePage([], None)
    outer, inner = _QUERIES[wanted.order]
    pages = [
        query(inner).format(samples=relation)
        for frequency in dict.fromkeys(part.frequency for part in parts)
        for relation in (samples_of(frequency), imported_of(frequency))
    ]
    at, sample_id = wanted.after or _START[wanted.order]
    values: dict[str, Any] = {
        "series": joined(part.series for part in parts),
        "since": wanted.since or "-infinity",
        "before": wanted.before or "infinity",
        "cursor_ts": at,
        "cursor_id": sample_id,
        "limit": wanted.limit + 1,
    }
    rows = await fetch_all(reads, query(outer).format(pages=union_all(pages)), values)
    page = rows[: wanted.limit]
    more = len(rows) > len(page)
    return SamplePage(page, Position(page[-1]["timestamp"], page[-1]["id"]) if more else None)

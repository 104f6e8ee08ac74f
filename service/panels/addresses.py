"""Addresses of pages that show, or explain, what a panel shows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

from service.panels.config import Compare, Query, TimeRange
from sql.calendar import instant_text
from sql.vocabulary import Aggregation

FILTER = "filter."


def explorer_address(query: Query, chosen: TimeRange, compare: Compare = "none") -> str:
    """The explorer with the same selection and range."""
    return f"/explore?{urlencode(list(selection_pairs(query, chosen, compare)))}"


def selection_pairs(
    query: Query, chosen: TimeRange, compare: Compare = "none"
) -> Iterator[tuple[str, str]]:
    """A selection as parameters of an address; what is as usual is left out."""
    yield "metric_name", query.metric_name
    if query.aggregation:
        yield "aggregation", query.aggregation
    if query.period != "auto":
        yield "period", query.period
    if chosen.last:
        yield "range", chosen.last
    else:
        dates = {name: getattr(chosen, name) for name in ("start_date", "end_date")}
        yield from ((name, str(day)) for name, day in dates.items() if day)
    yield from (("group_by", name) for name in query.group_by)
    yield from ((FILTER + name, value) for name, value in query.filters.items())
    if compare != "none":
        yield "compare", compare


def why_address(
    query: Query,
    aggregation: Aggregation,
    since: datetime,
    before: datetime,
    compare: Compare,
) -> str:
    """The page that explains the change of a selection in that range."""
    pairs = [
        ("metric_name", query.metric_name),
        ("aggregation", aggregation),
        ("start_date", instant_text(since)),
        ("end_date", instant_text(before - timedelta(microseconds=1))),
        *(query.filters.items()),
        *([] if compare == "none" else [("compare", compare)]),
    ]
    return f"/explain?{urlencode(pairs)}"

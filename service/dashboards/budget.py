"""The budget of a page: how long its figures may take, and how many they may be. Panels that do not
fit are asked for one by one.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from service.metrics.query.ranges import Span, period_for
from service.metrics.query.rollups import HOURS
from service.panels.config import AlertsPanel, Panel, Query
from service.panels.figures import Figures
from service.panels.pictures import MAX_COLUMNS
from service.panels.reading import MAX_GROUPS
from sql.vocabulary import MAX_ROWS

# In seconds: of a page with several panels, and of one that is asked for alone.
PAGE_SECONDS = 5.0
PANEL_SECONDS = 10.0
# How many of its queries with groups are read at once; in the order of the panels.
GROUPED_AT_ONCE = 2
# About a kilobyte each ten of them, until the page is made.
MAX_VALUES = 100_000
# Of the tables of a page: a cell takes some microseconds to write.
_MAX_CELLS = 12_000
_MOST_ROWS = 100
_FEWEST_ROWS = 3


def fitting(panels: Sequence[Panel], span: Span, now: datetime) -> frozenset[str]:
    """The ids of those, the first ones before others, whose values are not too many for a page."""
    found: list[str] = []
    values = 0.0
    for panel in panels:
        more = sum(_values_of(panel, span, now))
        if not found or values + more <= MAX_VALUES:
            found.append(panel.id)
            values += more
    return frozenset(found)


def _values_of(panel: Panel, span: Span, now: datetime) -> Iterator[float]:
    """About how many values each of its queries has at most."""
    if isinstance(panel, AlertsPanel):
        return
    hours = (min(span.before, now) - span.since).total_seconds() / 3600
    ranges = 1 if getattr(panel, "compare", "none") == "none" else 2
    for query in panel.queries:
        yield ranges * min(_periods(query, span, hours) * _groups(query), MAX_ROWS)


def _periods(query: Query, span: Span, hours: float) -> float:
    period = period_for(span) if query.period == "auto" else query.period
    return max(hours, 0) / HOURS[period] + 1


def _groups(query: Query) -> int:
    return MAX_GROUPS if query.group_by else 1


def rows_of_tables(figures: Sequence[Figures]) -> int:
    """How many periods each table of a page shows."""
    columns = sum(
        len(one.lines[:MAX_COLUMNS]) * (2 if any(line.before for line in one.lines) else 1)
        for one in figures
    )
    return min(max(_MAX_CELLS // max(columns, 1), _FEWEST_ROWS), _MOST_ROWS)

"""Rows of aggregate queries with what was expected of them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from service.metrics.expected.completeness import Shares
from service.metrics.expected.judging import Told
from service.metrics.query.result import Result
from service.metrics.query.selection import Group

_BAND = ("expected", "lower", "upper")
COLUMNS = (*_BAND, "completeness")


class ToldOfRows(NamedTuple):
    """What was expected of periods before they began, and how complete they are, by group."""

    told: Mapping[Group, Mapping[datetime, Told]]
    completeness: Shares

    def added(self, result: Result, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows of a result with it."""
        found = []
        for point, row in zip(result.shown, rows, strict=True):
            group = result.groups[point.group]
            one = self.told.get(group, {}).get(point.start)
            band = dict(zip(_BAND, one, strict=False)) if one else dict.fromkeys(_BAND)
            share = self.completeness.get((group, point.start))
            found.append({**row, **band, "completeness": share})
        return found

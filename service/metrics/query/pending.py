"""Samples that came late and wait for the next refresh: until then rollups do not have them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from service.metrics.query.ranges import Span
from service.metrics.query.result import Result


class Pending(NamedTuple):
    """A stretch in which a rollup lacks samples, from `since` to `until`, both in it."""

    relation: str
    since: datetime
    until: datetime


def awaits_refresh(result: Result, pending: Iterable[Pending], spans: Sequence[Span]) -> bool:
    """Whether rollups of a result may lack samples of any of these spans; pure."""
    return any(
        one.relation in result.rollups and one.since < span.before and one.until >= span.since
        for one in pending
        for span in spans
    )

"""Addresses of pages that explain what the explorer shows."""

from collections.abc import Sequence
from datetime import UTC
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.explore.exploration import Exploration
from service.metrics.explanations import UNEXPLAINED
from service.metrics.query.ranges import Span
from service.panels.addresses import why_address
from service.panels.figures import Figures
from sql import calendar


class Whys(NamedTuple):
    """Why the whole range changed, and each of its periods, newest first."""

    range: str
    periods: Sequence[str]


def whys_of(asked: Exploration, figures: Figures, span: Span, zone: ZoneInfo) -> Whys | None:
    """The addresses; None of what cannot be explained."""
    if figures.aggregation in UNEXPLAINED or not figures.lines:
        return None
    query, compare = asked.query, asked.compare
    whole = why_address(query, figures.aggregation, span.since, span.before, compare)
    periods = [
        why_address(
            query,
            figures.aggregation,
            start,
            calendar.following(start, figures.period, zone).astimezone(UTC),
            compare,
        )
        for start in reversed(figures.times)
    ]
    return Whys(whole, periods)

"""Bands of the past: what was expected of periods before they began, of what was known then."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from alerts.bands import (
    Band,
    anchor,
    bands,
    period_starts,
    walked,
)
from alerts.baselines import Stretch
from alerts.figures import bucket_end, periods
from alerts.past import History
from alerts.past_figures import values_of
from alerts.selection import Group, Plan
from sql.calendar import LongPeriod
from sql.durations import Calendar

if TYPE_CHECKING:
    from alerts.expectation.expected import Expected


class Walk(NamedTuple):
    """What was expected of the periods of a group that start between two instants: `starts` are of
    all that it was made of.
    """

    starts: Sequence[datetime]
    expected: "Expected"
    judged: Stretch


Walks = Mapping[str, Sequence[Walk]]


def walks_of(plan: Plan, history: History, since: datetime, until: datetime) -> Walks:
    """What was expected of the periods of each group, for rules that judge by it."""
    window = plan.watch.window
    if plan.watch.direction is None or not isinstance(window, Calendar):
        return {}
    first = periods(window, since, history.zone).previous
    return {
        group.key: list(_walks(plan, group, history, Stretch(first, until), window.period))
        for group in plan.groups
    }


def _walks(
    plan: Plan, group: Group, history: History, judged: Stretch, period: LongPeriod
) -> Iterator[Walk]:
    """One for the periods of each month."""
    zone = history.zone
    starts = period_starts(judged.start, judged.end, period, zone)
    by_anchor: dict[datetime, list[datetime]] = {}
    for start in starts:
        by_anchor.setdefault(anchor(start, period, zone), []).append(start)
    for since, those in by_anchor.items():
        end = bucket_end(those[-1], period, zone)
        values = values_of(plan, group, history, Stretch(since, end))
        if (expected := walked(values, period, zone, plan.watch.country)) is not None:
            yield Walk(values.starts, expected, Stretch(those[0], end))


def bands_of(walks: Sequence[Walk], rarity: float) -> dict[datetime, Band]:
    found: dict[datetime, Band] = {}
    for walk in walks:
        made = bands(walk.expected, walk.starts, rarity)
        start, end = walk.judged
        found |= {at: band for at, band in made.items() if start <= at < end}
    return found

"""What is usual for the groups of anomaly rules, as the leader keeps it: a profile of each, made
anew when a row of it is over (the day of hours), and the band of the period that is judged next.

Making a profile takes a tenth of a second, so a tick makes as many as it has time for; a group
whose band is not there yet is judged at a later one.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import structlog

from alerts.bands import (
    Band,
    Values,
    anchor,
    bands,
    expected_next,
    period_starts,
    profile_of,
    row_start,
)
from alerts.baselines import Stretch
from alerts.expectation.sensitivity import RARITIES
from alerts.figures import bucket_end, periods
from alerts.past import History, read_values
from alerts.replay import figure_of, rarity_kept, values_of
from alerts.selection import Group, Plan
from sql.calendar import LongPeriod
from sql.database import Connection
from sql.durations import Calendar
from sql.vocabulary import Frequency

if TYPE_CHECKING:
    from alerts.expectation.profile import Profile

_log = structlog.get_logger()

# How long a budget of alerts is kept in a backtest.
_BUDGET_DAYS = timedelta(days=30)

Key = tuple[int, str]


class _Kept(NamedTuple):
    """A profile of what was before `row`, and how rare what is told is."""

    row: datetime
    profile: "Profile | None"
    rarity: float


class Profiles:
    """Profiles by rule and group, and bands by the start of their period as well."""

    def __init__(self) -> None:
        self._kept: dict[Key, _Kept] = {}
        self._bands: dict[Key, tuple[datetime, Band | None]] = {}

    def band(self, rule_id: int, group: Group, start: datetime) -> Band | None:
        """The band of a period; None where it is not known, or not yet."""
        known, band = self._bands.get((rule_id, group.key), (None, None))
        return band if known == start else None

    def forget(self, rule_id: int) -> None:
        """Its rule is another one now."""
        self._kept = {key: one for key, one in self._kept.items() if key[0] != rule_id}
        self._bands = {key: one for key, one in self._bands.items() if key[0] != rule_id}

    async def refresh(
        self,
        conn: Connection,
        plans: Iterable[Plan],
        series: tuple[dict[int, datetime], Mapping[int, Frequency]],
        now: datetime,
        zone: ZoneInfo,
        seconds: float,
    ) -> None:
        """Make the bands of what is judged now that are missing, for as long as there is time.
        `series` are since when there are samples of each, and how often they come.
        """
        until = time.monotonic() + seconds
        for plan, judged in self._missing(plans, now, zone):
            if time.monotonic() >= until:
                return
            try:
                since = self._since(plan, judged, zone)
                history = await read_values(conn, plan, *series, Stretch(since, judged.end), zone)
                await asyncio.to_thread(self._learn, plan, history, judged)
            except Exception as error:
                if conn.closed:
                    raise
                _log.error("alert_rule_not_learnt", rule=plan.stored.rule_id, exc_info=error)
                self._give_up(plan, judged)

    def _missing(
        self, plans: Iterable[Plan], now: datetime, zone: ZoneInfo
    ) -> Iterator[tuple[Plan, Stretch]]:
        for plan in plans:
            window = plan.watch.window
            if plan.watch.direction is None or not isinstance(window, Calendar):
                continue
            around = periods(window, now, zone, plan.watch.settle)
            judged = Stretch(around.previous, around.current)
            keys = [(plan.stored.rule_id, group.key) for group in plan.groups]
            if any(self._bands.get(key, (None, None))[0] != judged.start for key in keys):
                yield plan, judged

    def _give_up(self, plan: Plan, judged: Stretch) -> None:
        """Nothing is expected of this period; the next one is tried again."""
        for group in plan.groups:
            self._bands[plan.stored.rule_id, group.key] = judged.start, None

    def _since(self, plan: Plan, judged: Stretch, zone: ZoneInfo) -> datetime:
        """Where the values begin that are needed: those of the row where its profiles are there."""
        row = row_start(judged.start, _period(plan), zone)
        known = [self._kept.get((plan.stored.rule_id, group.key)) for group in plan.groups]
        if all(one is not None and one.row == row for one in known):
            return row
        return anchor(judged.start, _period(plan), zone)

    def _learn(self, plan: Plan, history: History, judged: Stretch) -> None:
        rule_id, zone = plan.stored.rule_id, history.zone
        row = row_start(judged.start, _period(plan), zone)
        if history.since < row:
            rarity = _rarity(plan, history, row)
            for group in plan.groups:
                values = values_of(plan, group, history, Stretch(history.since, row))
                profile = profile_of(values, _period(plan), zone, plan.watch.country)
                self._kept[rule_id, group.key] = _Kept(row, profile, rarity)
        for group in plan.groups:
            kept = self._kept[rule_id, group.key]
            band = _band(plan, group, history, kept, judged)
            self._bands[rule_id, group.key] = judged.start, band


def _band(plan: Plan, group: Group, history: History, kept: _Kept, judged: Stretch) -> Band | None:
    if kept.profile is None:
        return None
    period, zone = _period(plan), history.zone
    starts = period_starts(kept.row, judged.end, period, zone)
    values = [_value(plan, group, history, start) for start in starts]
    expected = expected_next(kept.profile, Values(starts, values), plan.watch.country)
    return bands(expected, starts, kept.rarity).get(judged.start)


def _value(plan: Plan, group: Group, history: History, start: datetime) -> float | None:
    end = bucket_end(start, _period(plan), history.zone)
    return figure_of(plan, group, history, Stretch(start, end)).value


def _rarity(plan: Plan, history: History, row: datetime) -> float:
    if plan.watch.alerts_per_month is None:
        return RARITIES[plan.watch.sensitivity]
    since = max(history.since, row - _BUDGET_DAYS)
    return rarity_kept(plan, history, since, row)


def _period(plan: Plan) -> LongPeriod:
    window = plan.watch.window
    assert isinstance(window, Calendar)
    return window.period

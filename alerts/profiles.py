"""What is usual for the groups of anomaly rules, as the leader keeps it: a profile of each, made
anew when a row of it is over (the day of hours), and the band of the period that is judged next.

Making a profile takes a tenth of a second, so a tick makes as many as it has time for; a group
whose band is not there yet is judged at a later one.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

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
from alerts.learning import Learner
from alerts.past import History
from alerts.past_figures import figure_of, values_of
from alerts.replay import rarity_kept
from alerts.selection import Group, Plan
from sql.calendar import LongPeriod
from sql.durations import Calendar

if TYPE_CHECKING:
    from alerts.expectation.profile import Profile

# How long a budget of alerts is kept in a backtest.
_BUDGET_DAYS = timedelta(days=30)

Key = tuple[int, str]


class _Kept(NamedTuple):
    """A profile of what was before `row`, and how rare what is told is."""

    row: datetime
    profile: "Profile | None"
    rarity: float


class Profiles(Learner):
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

    def _give_up(self, plan: Plan, judged: Stretch, zone: ZoneInfo) -> None:
        for group in plan.groups:
            self._bands[plan.stored.rule_id, group.key] = judged.start, None

    def _needed(self, plan: Plan, judged: Stretch, zone: ZoneInfo) -> Stretch:
        # Those of the row where its profiles are there.
        row = row_start(judged.start, _period(plan), zone)
        known = [self._kept.get((plan.stored.rule_id, group.key)) for group in plan.groups]
        if all(one is not None and one.row == row for one in known):
            return Stretch(row, judged.end)
        return Stretch(anchor(judged.start, _period(plan), zone), judged.end)

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

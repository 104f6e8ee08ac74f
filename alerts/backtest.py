"""Backtests: what a rule would have done, by the same decision over the buckets of the past.

The past is stepped through at the edges of the finest buckets there are, and at the
instants at which waiting alone changes a state.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.bands import MONTH_DAYS, Band
from alerts.baselines import Stretch
from alerts.decision import (
    INACTIVE,
    Observation,
    Reading,
    next_state,
)
from alerts.past import History, read_history
from alerts.registry import check_rule
from alerts.replay import Episode, replayed, with_lessons, with_threshold
from alerts.rules import Rule
from alerts.selection import Group, Plan
from sql.database import Pool
from sql.scope import Scope

# About as many as it takes to find a threshold.
_REPLAYS = 10


@dataclass(frozen=True, slots=True)
class Backtest:
    """The events that would have been from `since` to `until`, what is seen at `until`, and for
    rules that judge by it what was usual of each group, by the starts of its periods.
    """

    since: datetime
    until: datetime
    plan: Plan
    episodes: Sequence[Episode]
    latest: Sequence[tuple[Group, Observation]]
    bands: Mapping[str, Mapping[datetime, Band]]


class Sighting(NamedTuple):
    """The reading of a group, and whether the rule's condition holds."""

    group: Group
    reading: Reading
    is_firing: bool


class Backtests:
    """Makes backtests, so many at once: each takes a core for up to 5 s, and whoever reads
    metrics may ask for one.
    """

    def __init__(self, pool: Pool, zone: ZoneInfo, at_once: int, country: str = "") -> None:
        self._pool = pool
        self._zone = zone
        self._country = country
        self._places = asyncio.Semaphore(at_once)

    async def run(self, scope: Scope, rule: Rule, days: int, now: datetime) -> Backtest:
        """The backtest over the last `days`, once it is its turn.

        Raises:
            Forbidden: the rule is of another service than the caller's.
            Invalid: it does not fit the catalogue.
            RuleProblem: it cannot be judged, or not in a few seconds.
        """
        await check_rule(self._pool, scope, rule)
        async with self._places:
            return await backtest(self._pool, scope, rule, days, now, self._zone, self._country)

    async def fitted(
        self, scope: Scope, rule: Rule, days: int, now: datetime, alerts_per_month: float
    ) -> Backtest | None:
        """The backtest of a rule of which the threshold is yet to be found: the one nearest to
        what is usual that would have kept to a budget. None where no threshold says anything, or
        nothing is known of what is usual.

        Raises:
            Forbidden, Invalid, RuleProblem: as `run`.
        """
        await check_rule(self._pool, scope, rule)
        judged = Stretch(now - timedelta(days=days), now)
        async with self._places:
            plan, history = await read_history(
                self._pool, scope.tenant, rule, judged, self._zone, self._country, _REPLAYS
            )
            return await asyncio.to_thread(_fitted, plan, history, judged, alerts_per_month)


async def backtest(
    pool: Pool,
    scope: Scope,
    rule: Rule,
    days: int,
    now: datetime,
    zone: ZoneInfo,
    country: str = "",
) -> Backtest:
    """When the rule would have opened and resolved in the last `days`; holidays are those of
    `country`.

    Raises:
        RuleProblem: it cannot be judged, or not in a few seconds.
    """
    judged = Stretch(now - timedelta(days=days), now)
    plan, history = await read_history(pool, scope.tenant, rule, judged, zone, country)
    return await asyncio.to_thread(_tested, plan, history, judged)


def _tested(plan: Plan, history: History, judged: Stretch) -> Backtest:
    since, now = judged
    replay = replayed(plan, history, since, now)
    latest = [
        (group, with_lessons(plan, replay, group, seen, now, history.zone))
        for group, seen in history.latest
    ]
    bands = {key: lessons.bands for key, lessons in replay.lessons.items()}
    return Backtest(since, now, plan, replay.episodes, latest, bands)


def _fitted(
    plan: Plan, history: History, judged: Stretch, alerts_per_month: float
) -> Backtest | None:
    """The backtest of a rule with a threshold that kept to the budget; None where it can say
    nothing.
    """
    if plan.watch.direction is not None:
        tested = _tested(plan, history, judged)
        return tested if any(tested.bands.values()) else None
    months = max((judged.end - judged.start) / timedelta(days=MONTH_DAYS), 1.0)
    threshold = with_threshold(plan, history, *judged, alerts_per_month * months)
    if threshold is None:
        return None
    rule = plan.stored.rule.model_copy(update={"threshold_value": threshold})
    watch = plan.watch._replace(threshold=threshold, recovery=threshold)
    fitting = replace(plan, stored=plan.stored._replace(rule=rule), watch=watch)
    return _tested(fitting, history, judged)


def sightings(result: Backtest) -> Iterator[Sighting]:
    """The readings at the end of the backtest, without waiting for how long they hold."""
    watch = result.plan.watch._replace(hold=0.0)
    for group, observation in result.latest:
        state, transitions = next_state(watch, INACTIVE, observation, result.until)
        reading = transitions[0].reading if transitions else observation.settled
        yield Sighting(group, reading, state.phase == "open")

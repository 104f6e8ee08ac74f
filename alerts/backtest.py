"""Backtests: what a rule would have done, by the same decision over the buckets of the past.

The past is stepped through at the edges of the finest buckets there are, and at the
instants at which waiting alone changes a state.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.bands import Band
from alerts.baselines import Stretch
from alerts.decision import (
    INACTIVE,
    Observation,
    Reading,
    next_state,
)
from alerts.past import read_history
from alerts.registry import check_rule
from alerts.replay import Episode, replayed, with_lessons
from alerts.rules import Rule
from alerts.selection import Group, Plan
from sql.database import Pool
from sql.scope import Scope


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
    since = now - timedelta(days=days)
    plan, history = await read_history(pool, scope.tenant, rule, Stretch(since, now), zone, country)
    replay = await asyncio.to_thread(replayed, plan, history, since, now)
    latest = [
        (group, with_lessons(plan, replay, group, seen, now, zone))
        for group, seen in history.latest
    ]
    bands = {key: lessons.bands for key, lessons in replay.lessons.items()}
    return Backtest(since, now, plan, replay.episodes, latest, bands)


def sightings(result: Backtest) -> Iterator[Sighting]:
    """The readings at the end of the backtest, without waiting for how long they hold."""
    watch = result.plan.watch._replace(hold=0.0)
    for group, observation in result.latest:
        state, transitions = next_state(watch, INACTIVE, observation, result.until)
        reading = transitions[0].reading if transitions else observation.settled
        yield Sighting(group, reading, state.phase == "open")

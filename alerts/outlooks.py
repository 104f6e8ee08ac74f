"""The outlooks of the groups of forecast rules, as the leader keeps them: a forecast of each, made
anew when a day of its history is over.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.baselines import Stretch
from alerts.expectation.projection import Ahead
from alerts.figures import bucket_end
from alerts.learning import Learner
from alerts.outlook import Outlook, history_before, origin_of, so_far
from alerts.past import History
from alerts.past_outlooks import outlook_at
from alerts.selection import Group, Plan

# After a forecast failed: its day is too long to go without.
_RETRY_SECONDS = 300.0


class _Kept(NamedTuple):
    """A forecast of what comes after `origin`, to be used up to another instant; None where too
    little is known.
    """

    origin: datetime
    until: datetime
    outlook: Outlook | None


class Outlooks(Learner):
    """Outlooks by rule and group."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], _Kept] = {}
        # When rules whose forecasts failed are tried again, by the clock of this process.
        self._retries: dict[int, float] = {}

    def ahead(self, rule_id: int, group: Group, came: Stretch) -> Ahead | None:
        """The forecast of what comes after what came so far; None where it is not known, or not
        yet.
        """
        kept = self._kept.get((rule_id, group.key))
        if kept is None or kept.outlook is None or not kept.origin <= came.end < kept.until:
            return None
        return kept.outlook.since(came.end)

    def forget(self, rule_id: int) -> None:
        """Its rule is another one now."""
        self._kept = {key: one for key, one in self._kept.items() if key[0] != rule_id}
        self._retries.pop(rule_id, None)

    def _missing(
        self, plans: Iterable[Plan], now: datetime, zone: ZoneInfo
    ) -> Iterator[tuple[Plan, Stretch]]:
        for plan in plans:
            if not plan.watch.foresees or self._waits(plan.stored.rule_id):
                continue
            came = so_far(plan.watch, now, zone, plan.watch.settle)
            origin = origin_of(plan.watch, came.end, zone)
            known = [self._kept.get((plan.stored.rule_id, group.key)) for group in plan.groups]
            if any(one is None or one.origin != origin for one in known):
                yield plan, came

    def _needed(self, plan: Plan, judged: Stretch, zone: ZoneInfo) -> Stretch:
        origin = origin_of(plan.watch, judged.end, zone)
        return Stretch(history_before(plan.watch, origin, zone), origin)

    def _learn(self, plan: Plan, history: History, judged: Stretch) -> None:
        origin = origin_of(plan.watch, judged.end, history.zone)
        until = bucket_end(origin, "day", history.zone)
        for group in plan.groups:
            outlook = outlook_at(plan, group, history, judged)
            self._kept[plan.stored.rule_id, group.key] = _Kept(origin, until, outlook)

    def _give_up(self, plan: Plan, judged: Stretch, zone: ZoneInfo) -> None:
        self._retries[plan.stored.rule_id] = time.monotonic() + _RETRY_SECONDS

    def _waits(self, rule_id: int) -> bool:
        return rule_id in self._retries and time.monotonic() < self._retries[rule_id]

"""Learning from history what rules are judged by: so much of it a tick as there is time for."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from alerts.baselines import Stretch
from alerts.past import History, read_values
from alerts.selection import Plan
from sql.database import Connection
from sql.vocabulary import Frequency

_log = structlog.get_logger()


class Learner(ABC):
    """What is kept of some rules and made anew as time goes on."""

    async def refresh(
        self,
        conn: Connection,
        plans: Iterable[Plan],
        series: tuple[dict[int, datetime], Mapping[int, Frequency]],
        now: datetime,
        zone: ZoneInfo,
        seconds: float,
    ) -> None:
        """Make what is missing of what is judged now, for as long as there is time. `series` are
        since when there are samples of each, and how often they come.
        """
        until = time.monotonic() + seconds
        for plan, judged in self._missing(plans, now, zone):
            if time.monotonic() >= until:
                return
            try:
                stretch = self._needed(plan, judged, zone)
                history = await read_values(conn, plan, *series, stretch, zone)
                await asyncio.to_thread(self._learn, plan, history, judged)
            except Exception as error:
                if conn.closed:
                    raise
                _log.error("alert_rule_not_learnt", rule=plan.stored.rule_id, exc_info=error)
                self._give_up(plan, judged, zone)

    @abstractmethod
    def _missing(
        self, plans: Iterable[Plan], now: datetime, zone: ZoneInfo
    ) -> Iterator[tuple[Plan, Stretch]]:
        """The rules of which something is missing, and what of each is judged now."""

    @abstractmethod
    def _needed(self, plan: Plan, judged: Stretch, zone: ZoneInfo) -> Stretch:
        """Where the values are that it is made of."""

    @abstractmethod
    def _learn(self, plan: Plan, history: History, judged: Stretch) -> None:
        """Make it, in a thread."""

    @abstractmethod
    def _give_up(self, plan: Plan, judged: Stretch, zone: ZoneInfo) -> None:
        """Nothing is known of what is judged now; it is tried again some time later."""

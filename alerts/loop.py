"""The loop: one leader among all processes judges every rule at every tick."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from alerts.announce import Voice, group_key, silences_at
from alerts.decision import INACTIVE, State, next_state
from alerts.memory import Memory
from alerts.observe import Figures, observe, read_figures, read_first_samples
from alerts.rules import readable
from alerts.selection import Plan, RuleProblem
from alerts.store import Decided, close_events, commit
from sql.database import Connection, dedicated_connection, run
from sql.errors import DatabaseError, translated_errors

# Rules judged before others in this process get a turn.
_TURN = 200
_ALIVE = 300.0

TICK_SECONDS = Histogram(
    "fature_alert_tick_seconds",
    "Time in which all rules were judged.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
INTERRUPTIONS = Counter("fature_alert_loop_interruptions_total", "Ticks that could not be ended.")

_log = structlog.get_logger()


class Remembered(NamedTuple):
    """A state as it was read."""

    version: int
    text: str
    state: State


States = dict[tuple[int, str], Remembered]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tick did: rules judged, states changed, rules that could not be judged."""

    rules: int
    changes: int
    errors: dict[int, str]


async def run_alerts(
    url: str,
    zone: ZoneInfo,
    voice: Voice,
    interval: float,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Tick every `interval` seconds while leading, and try to lead while not, until
    cancelled. The lock belongs to the session that also does the writing, so that who
    lost it cannot write; it is free as soon as its session ends.
    """
    while True:
        try:
            async with dedicated_connection(url) as conn:
                await _session(conn, zone, voice, interval, clock)
        except DatabaseError as error:
            INTERRUPTIONS.inc()
            _log.warning("alert_loop_interrupted", reason=str(error))
        except Exception as error:
            INTERRUPTIONS.inc()
            _log.error("alert_loop_failed", exc_info=error)
        await asyncio.sleep(min(interval, 5.0))


async def _session(
    conn: Connection,
    zone: ZoneInfo,
    voice: Voice,
    interval: float,
    clock: Callable[[], datetime],
) -> None:
    await run(conn, "alert_session")
    memory = Memory()
    leads = False
    while True:
        started = time.monotonic()
        if not leads:
            leads = await lead(conn)
            if leads:
                _log.info("alert_loop_leads")
        if leads:
            await tick(conn, memory, clock(), zone, voice)
        await asyncio.sleep(max(interval - (time.monotonic() - started), 0.0))


async def lead(conn: Connection) -> bool:
    """Try to become the leader for as long as this session lasts."""
    (row,) = await run(conn, "alert_lead")
    return bool(row["leads"])


async def tick(
    conn: Connection, memory: Memory, now: datetime, zone: ZoneInfo, voice: Voice
) -> Outcome:
    """Judge every active rule once and write what follows. A rule that cannot be judged or
    written carries the reason in `last_error` and does not keep the others from it.

    Raises:
        DatabaseError: the session is gone, or the rules themselves cannot be read.
    """
    started = time.perf_counter()
    with translated_errors():
        await _close_stale(conn, voice, now)
        await memory.refresh(conn)
        states = await _read_states(conn)
        silences = await silences_at(conn, now)
    plans, errors = memory.plans()
    figures = await read_figures(conn, plans, memory.first_seen, now, zone, silences)
    decided, broken = await _decide(plans, states, figures)
    if figures.unsure:
        unsure = {one: memory.frequencies[one] for one in figures.unsure}
        await read_first_samples(conn, unsure, memory.first_seen)
        decided, broken = await _decide(plans, states, figures)
    errors |= broken
    errors |= await commit(conn, decided, voice, now)
    await _record(conn, memory, errors, now)
    TICK_SECONDS.observe(time.perf_counter() - started)
    return Outcome(len(plans), len(decided), errors)


async def _read_states(conn: Connection) -> States:
    return {
        group_key(row["rule_id"], row["group_labels"]): Remembered(
            row["version"], row["state"], msgspec.json.decode(row["state"], type=State)
        )
        for row in await run(conn, "alert_states")
    }


async def _decide(
    plans: list[Plan], states: States, figures: Figures
) -> tuple[list[Decided], dict[int, str]]:
    """What changes, and the rules that cannot be judged."""
    decided: list[Decided] = []
    broken: dict[int, str] = {}
    for position, plan in enumerate(plans):
        if position % _TURN == 0:
            await asyncio.sleep(0)
        try:
            decided += _decide_rule(plan, states, figures)
        except RuleProblem as problem:
            broken[plan.stored.rule_id] = str(problem)
        except Exception as error:
            _log.error("alert_rule_failed", rule=plan.stored.rule_id, exc_info=error)
            broken[plan.stored.rule_id] = f"{type(error).__name__}: {error}"
    return decided, broken


def _decide_rule(plan: Plan, states: States, figures: Figures) -> list[Decided]:
    return list(_decide_groups(plan, states, figures))


def _decide_groups(plan: Plan, states: States, figures: Figures) -> Iterator[Decided]:
    for group in plan.groups:
        observation = observe(plan, group, figures)
        remembered = states.get((plan.stored.rule_id, group.key))
        before = remembered.state if remembered else INACTIVE
        after, transitions = next_state(plan.watch, before, observation, figures.now)
        if after != before:
            was = remembered.text if remembered else None
            yield Decided(plan, group, was, after, transitions)


async def _close_stale(conn: Connection, voice: Voice, now: datetime) -> None:
    """Whoever edits a rule closes its events; this is for edits made in the database."""
    for stale in await run(conn, "stale_alert_rules"):
        async with conn.transaction():
            (row,) = await run(conn, "alert_rules_by_id", {"rules": [stale["rule_id"]]})
            reason = "The rule was edited" if row["is_active"] else "The rule was deactivated"
            await close_events(conn, row, readable(row), reason, voice, now)


async def _record(conn: Connection, memory: Memory, errors: dict[int, str], now: datetime) -> None:
    changed = memory.changed_errors(errors)
    due = memory.due_heartbeat(now, _ALIVE)
    with translated_errors():
        if changed:
            rows = [{"rule_id": rule, "last_error": text} for rule, text in changed.items()]
            await run(conn, "record_alert_errors", {"errors": msgspec.json.encode(rows).decode()})
        if due:
            await run(conn, "record_alert_evaluation", {"rules": due, "at": now})
    for rule, text in changed.items():
        if text:
            _log.warning("alert_rule_broken", rule=rule, reason=text)

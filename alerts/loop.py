"""The loop: one leader among all processes judges every rule at every tick."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from alerts.announce import silences_at
from alerts.context import MessageContext
from alerts.decision import INACTIVE, State, next_state
from alerts.doubts import find_negative, without_stale
from alerts.errors import RuleProblem
from alerts.keeping import EVERYTHING, Keeping
from alerts.memory import Memory, unforeseen
from alerts.observe import observe
from alerts.recording import record
from alerts.registry import DEACTIVATED, EDITED
from alerts.restating import restate
from alerts.rollups import read_first_samples
from alerts.rule_rows import readable
from alerts.selection import Plan, about_group
from alerts.steps import group_key
from alerts.store import Decided, close_events, commit
from alerts.window_figures import Figures, read_figures
from sql.database import Connection, dedicated_connection, run
from sql.errors import DatabaseError, translated_errors
from sql.messages import Message

# Rules judged before others in this process may go on.
_BATCH = 200

# Seconds of a tick in which it is learnt what is usual, and in which forecasts are made.
_LEARNING, _FORECASTING = 0.5, 0.25

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
    """The outcome of a tick: rules judged, states changed, rules that could not be judged."""

    rules: int
    changes: int
    errors: dict[int, Message]


async def run_alerts(
    url: str,
    zone: ZoneInfo,
    context: MessageContext,
    interval: float,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    keeping: Keeping = EVERYTHING,
) -> None:
    """Tick every `interval` seconds while leading, and try to lead while not, until
    cancelled. The lock belongs to the session that also does the writing, so that who
    lost it cannot write; it is free as soon as its session ends.
    """
    while True:
        try:
            async with dedicated_connection(url) as conn:
                await _session(conn, zone, context, interval, clock, keeping)
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
    context: MessageContext,
    interval: float,
    clock: Callable[[], datetime],
    keeping: Keeping,
) -> None:
    await run(conn, "alert_session")
    memory = Memory(context.country, keeping)
    leads = False
    while True:
        started = time.monotonic()
        if not leads:
            leads = await lead(conn)
            if leads:
                _log.info("alert_loop_leads")
        if leads:
            await tick(conn, memory, clock(), zone, context)
        await asyncio.sleep(max(interval - (time.monotonic() - started), 0.0))


async def lead(conn: Connection) -> bool:
    """Try to become the leader for as long as this session lasts."""
    (row,) = await run(conn, "alert_lead")
    return bool(row["leads"])


async def tick(
    conn: Connection, memory: Memory, now: datetime, zone: ZoneInfo, context: MessageContext
) -> Outcome:
    """Judge every active rule once and write what follows. A rule that cannot be judged or
    written carries the reason in `last_error` and does not keep the others from it.

    Raises:
        DatabaseError: the session is gone, or the rules themselves cannot be read.
    """
    started = time.perf_counter()
    with translated_errors():
        await _close_stale(conn, context, now)
        await memory.refresh(conn)
        await _restate(conn, memory.keeping, now, zone, context)
        states = await _read_states(conn)
        silences = await silences_at(conn, now, zone, context.country)
    plans, errors = memory.plans()
    series = memory.first_seen, memory.frequencies
    await memory.profiles.refresh(conn, plans, series, now, zone, _LEARNING)
    await memory.outlooks.refresh(conn, plans, series, now, zone, _FORECASTING)
    figures = await read_figures(conn, plans, memory.first_seen, now, zone, silences)
    figures.retired, figures.negative = memory.retirement.known(now), set(memory.negative)
    figures.band, figures.ahead = memory.profiles.band, memory.outlooks.ahead
    decided, broken = await _decide(plans, states, figures)
    if await _look_up(conn, memory, figures, decided):
        decided, broken = await _decide(plans, states, figures)
    errors |= broken
    decided = await without_stale(conn, decided, figures)
    errors |= await commit(conn, decided, context, now)
    await record(conn, memory, errors, silences, context, now)
    TICK_SECONDS.observe(time.perf_counter() - started)
    return Outcome(len(plans), len(decided), errors)


async def _restate(
    conn: Connection, keeping: Keeping, now: datetime, zone: ZoneInfo, context: MessageContext
) -> None:
    """Where what was decided cannot be decided again, that keeps nothing from being decided now."""
    try:
        await restate(conn, keeping, now, zone, context)
    except DatabaseError as error:
        if conn.closed:
            raise
        _log.error("alert_events_not_restated", reason=str(error))


async def _look_up(
    conn: Connection, memory: Memory, figures: Figures, decided: list[Decided]
) -> bool:
    """Find out what the decision had to know and did not; whether it is to be made again."""
    again = bool(figures.unsure or figures.unchecked)
    if figures.unsure:
        unsure = {one: memory.frequencies[one] for one in figures.unsure}
        await read_first_samples(conn, unsure, memory.first_seen)
    if figures.unchecked:
        groups = figures.unchecked.values()
        await memory.retirement.check(conn, groups, figures.now, figures.zone)
        figures.retired = memory.retirement.known(figures.now)
    return await find_negative(conn, memory, decided, figures) or again


async def _read_states(conn: Connection) -> States:
    return {
        group_key(row["rule_id"], row["group_labels"]): Remembered(
            row["version"], row["state"], msgspec.json.decode(row["state"], type=State)
        )
        for row in await run(conn, "alert_states")
    }


async def _decide(
    plans: list[Plan], states: States, figures: Figures
) -> tuple[list[Decided], dict[int, Message]]:
    """The changes, and the rules of which something cannot be judged."""
    decided: list[Decided] = []
    broken: dict[int, Message] = {}
    for position, plan in enumerate(plans):
        if position % _BATCH == 0:
            await asyncio.sleep(0)
        try:
            changes, troubles = _decide_rule(plan, states, figures)
        except Exception as error:
            _log.error("alert_rule_failed", rule=plan.stored.rule_id, exc_info=error)
            broken[plan.stored.rule_id] = unforeseen(error)
            continue
        decided += changes
        if troubles:
            broken[plan.stored.rule_id] = troubles[0]
    return decided, broken


def _decide_rule(
    plan: Plan, states: States, figures: Figures
) -> tuple[list[Decided], list[Message]]:
    """The changes, and why some groups cannot be judged: the others are."""
    decided: list[Decided] = []
    troubles = list(plan.troubles)
    for group in plan.groups:
        try:
            observation = observe(plan, group, figures)
        except RuleProblem as problem:
            troubles.append(about_group(group.labels, problem.reason))
            continue
        remembered = states.get((plan.stored.rule_id, group.key))
        before = remembered.state if remembered else INACTIVE
        after, transitions = next_state(plan.watch, before, observation, figures.now)
        if after != before:
            was = remembered.text if remembered else None
            decided.append(Decided(plan, group, observation, was, after, transitions))
    return decided, troubles


async def _close_stale(conn: Connection, context: MessageContext, now: datetime) -> None:
    """Whoever edits a rule closes its events; this is for edits made in the database."""
    for stale in await run(conn, "stale_alert_rules"):
        async with conn.transaction():
            (row,) = await run(conn, "alert_rules_by_id", {"rules": [stale["rule_id"]]})
            reason = EDITED if row["is_active"] else DEACTIVATED
            await close_events(conn, row, readable(row), reason, context, now)

"""How long a tick of the alert loop takes with many rules."""

import asyncio
import time
from datetime import UTC, datetime
from statistics import median
from zoneinfo import ZoneInfo

import psycopg

from alerts.context import MessageContext
from alerts.loop import tick
from alerts.memory import Memory
from bench.figures import Figures, Ticks
from bench.scale import Kit
from bench.statements import statement
from sql.database import dedicated_connection, run

_PREPARATION = ("alert_metrics", "alert_series", "alert_samples_real_time", "alert_samples_hourly")
_REPEAT = 5


def measure_ticks(figures: Figures, kit: Kit, url: str) -> None:
    """Ticks with few and with many active rules over the same metrics, in an empty database."""
    metrics = kit.scale.alert_metrics
    with psycopg.connect(url, autocommit=True) as conn:
        for name in _PREPARATION:
            conn.execute(statement(name), {"metrics": metrics})
        conn.execute("ANALYZE")
    for rules in (metrics, 10 * metrics):
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(statement("alert_no_rules"))
            conn.execute(statement("alert_rules"), {"metrics": metrics, "rules": rules})
        first, *others = asyncio.run(_seconds(url))
        figures.ticks.append(Ticks(rules, metrics, first, median(others)))
        kit.tell(f"{rules:,} alert rules: {median(others):.2f} s a tick")


async def _seconds(url: str) -> list[float]:
    """Of the first tick, which reads every rule, and of those after it."""
    memory, zone, context = Memory(), ZoneInfo("UTC"), MessageContext("UTC")
    seconds = []
    async with dedicated_connection(url) as conn:
        await run(conn, "alert_session")
        for _ in range(_REPEAT + 1):
            started = time.perf_counter()
            await tick(conn, memory, datetime.now(UTC), zone, context)
            seconds.append(time.perf_counter() - started)
    return seconds

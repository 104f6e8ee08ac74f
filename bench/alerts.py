"""How long a tick takes with many rules."""

import time
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg

from alerts.announce import Voice
from alerts.loop import tick
from alerts.memory import Memory
from sql.database import dedicated_connection, run

_METRICS = """
INSERT INTO fature.metric (metric_name, metric_type, kind, default_aggregation, frequency)
SELECT 'bench_' || m, 'performance', 'ratio', 'avg',
CASE WHEN m %% 2 = 0 THEN 'real_time' ELSE 'hourly' END
FROM generate_series(1, %(metrics)s) AS m ON CONFLICT DO NOTHING
"""
_SERIES = """
INSERT INTO fature.series (metric_name, metric_type, frequency, region)
SELECT metric_name, metric_type, frequency, r
FROM fature.metric, unnest(ARRAY['SP', 'RJ', 'MG']) AS r
WHERE starts_with(metric_name, 'bench_') ON CONFLICT DO NOTHING
"""
_REAL_TIME = """
INSERT INTO fature.sample_real_time (ts, id, series_id, value)
SELECT t, 0, series_id, random() * 100
FROM fature.series, generate_series(%(now)s - interval '30 minutes', %(now)s, '30 seconds') AS t
WHERE starts_with(metric_name, 'bench_') AND frequency = 'real_time'
"""
_HOURLY = """
INSERT INTO fature.sample_hourly (ts, id, series_id, value)
SELECT t, 0, series_id, random() * 100
FROM fature.series, generate_series(%(now)s - interval '2 days', %(now)s, '20 minutes') AS t
WHERE starts_with(metric_name, 'bench_') AND frequency = 'hourly'
"""
_RULES = """
INSERT INTO fature.alert_rule (rule_name, metric_name, condition, threshold_value, severity)
SELECT 'bench ' || n, 'bench_' || 1 + n %% %(metrics)s, '>', 1000 + n, 'low'
FROM generate_series(1, %(rules)s) AS n
"""


class TickCost(NamedTuple):
    """Seconds of the first tick, which reads every rule, and of one after it."""

    rules: int
    first: float
    steady: float


def prepare(url: str, *, metrics: int, now: datetime) -> None:
    """Series of so many metrics, half of them real_time, with fresh samples."""
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in (_METRICS, _SERIES, _REAL_TIME, _HOURLY):
            conn.execute(statement, {"metrics": metrics, "now": now})
        conn.execute("ANALYZE")


async def tick_cost(url: str, *, rules: int, metrics: int = 1000, repeat: int = 5) -> TickCost:
    """The cost of a tick with that many active rules and no others, over metrics that
    `prepare` made; the steady figure is the median of `repeat` ticks.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DELETE FROM fature.alert_rule")
        conn.execute(_RULES, {"metrics": metrics, "rules": rules})
    memory, zone, voice = Memory(), ZoneInfo("UTC"), Voice("UTC")
    seconds = []
    async with dedicated_connection(url) as conn:
        await run(conn, "alert_session")
        for _ in range(repeat + 1):
            started = time.perf_counter()
            await tick(conn, memory, datetime.now(UTC), zone, voice)
            seconds.append(time.perf_counter() - started)
    return TickCost(rules, seconds[0], sorted(seconds[1:])[repeat // 2])

"""The alert loop in tests: rules and samples put in, ticks at a clock of the test's own."""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from alerts.context import Author, MessageContext
from alerts.loop import Outcome, tick
from alerts.memory import Memory
from alerts.rules import SETTLE, Rule
from sql.database import Connection, dedicated_connection
from sql.scope import Scope

UTC_ZONE = ZoneInfo("UTC")
CONTEXT = MessageContext("UTC", "http://fature.example")
SCOPE = Scope("default")
SETTLING = timedelta(seconds=SETTLE)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def execute(url: str, statement: str, *params: Any) -> list[dict[str, Any]]:
    """The rows of a statement."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn:
        cursor = conn.execute(statement.encode(), params)
        return cursor.fetchall() if cursor.description else []


def add_samples(
    url: str,
    metric: str,
    samples: Iterable[tuple[datetime, float]],
    *,
    kind: str = "flow",
    frequency: str = "hourly",
    **labels: str,
) -> None:
    """Samples of one series, made with its metric where they are not there."""
    aggregation = {"flow": "sum", "stock": "last", "ratio": "avg"}[kind]
    execute(
        url,
        """
        INSERT INTO fature.metric
        (metric_name, metric_type, kind, default_aggregation, frequency)
        VALUES (%s, 'revenue', %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        metric, kind, aggregation, frequency,
    )  # fmt: skip
    execute(
        url,
        """
        INSERT INTO fature.series (metric_name, metric_type, frequency, region, unit)
        VALUES (%s, 'revenue', %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        metric, frequency, labels.get("region"), labels.get("unit"),
    )  # fmt: skip
    (series,) = execute(
        url,
        """
        SELECT series_id FROM fature.series
        WHERE metric_name = %s AND frequency = %s AND region IS NOT DISTINCT FROM %s
        AND unit IS NOT DISTINCT FROM %s
        """,
        metric, frequency, labels.get("region"), labels.get("unit"),
    )  # fmt: skip
    with psycopg.connect(url, autocommit=True) as conn, conn.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO fature.sample_{frequency} (ts, id, series_id, value)"
            " VALUES (%s, nextval('fature.sample_id'), %s, %s)",
            [(ts, series["series_id"], value) for ts, value in samples],
        )


def pause_refreshes(url: str) -> None:
    """Nothing is materialised from now on, so that samples of any time count at once."""
    if execute(url, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"):
        execute(
            url,
            """
            SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs
            WHERE proc_name = 'policy_refresh_continuous_aggregate'
            """,
        )


def rule_of(metric: str, **fields: Any) -> Rule:
    """A rule with what must be given, and more."""
    smallest = {
        "rule_name": f"rule {secrets.token_hex(4)}",
        "metric_name": metric,
        "condition": ">",
        "threshold_value": 100,
        "severity": "high",
        "notification_channels": ["email", "webhook"],
    }
    return Rule.model_validate(smallest | fields)


def events_of(url: str, rule_id: int | None = None) -> list[dict[str, Any]]:
    """The events, oldest first."""
    return execute(
        url,
        "SELECT * FROM fature.alert_event WHERE %s::int IS NULL OR rule_id = %s ORDER BY event_id",
        rule_id, rule_id,
    )  # fmt: skip


def outbox(url: str) -> list[tuple[str, str]]:
    """Transition and channel of each notification of an event."""
    rows = execute(
        url,
        """
        SELECT t.transition, n.channel FROM fature.alert_notification AS n
        INNER JOIN fature.alert_transition AS t ON n.transition_id = t.transition_id
        ORDER BY t.transition_id, n.channel
        """,
    )
    return [(row["transition"], row["channel"]) for row in rows]


class Leader:
    """A session that ticks when told to."""

    def __init__(self, conn: Connection, zone: ZoneInfo = UTC_ZONE) -> None:
        self.conn, self.memory, self.zone = conn, Memory(), zone

    async def tick(self, now: datetime) -> Outcome:
        """One tick."""
        return await tick(self.conn, self.memory, now, self.zone, CONTEXT)


@asynccontextmanager
async def leader(url: str) -> AsyncIterator[Leader]:
    """A session that ticks when it is told to."""
    async with dedicated_connection(url) as conn:
        yield Leader(conn)


def author(now: datetime) -> Author:
    """Somebody who changes something."""
    return Author("tester", now, CONTEXT)


def minutes(number: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=number)

"""Metrics from the database, the same for every process: read when Prometheus scrapes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg.rows import DictRow

from service.metrics.ingest.room import SeriesRoom, Usage
from sql.database import Pool, connection, run
from sql.errors import DatabaseError
from sql.statements import query, samples_of
from sql.vocabulary import FREQUENCIES

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(slots=True)
class Facts:
    """One reading; empty but for `now` where the database is away."""

    now: datetime
    up: bool = False
    watermarks: list[DictRow] = field(default_factory=list)
    oldest: dict[str, datetime | None] = field(default_factory=dict)
    events: list[DictRow] = field(default_factory=list)
    rules: Mapping[str, Any] = field(default_factory=dict)
    notifications: list[DictRow] = field(default_factory=list)
    near_limits: Sequence[Usage] = ()


async def read_facts(pool: Pool, room: SeriesRoom, now: datetime) -> Facts:
    """Everything in a few small statements on one connection."""
    facts = Facts(now)
    try:
        async with connection(pool) as conn:
            facts.watermarks = await run(conn, "watermarks")
            for frequency in FREQUENCIES:
                samples = samples_of(frequency)
                (row,) = await run(conn, query("oldest_sample").format(samples=samples))
                facts.oldest[frequency] = row["oldest"]
            facts.events = await run(conn, "open_events")
            (facts.rules,) = await run(conn, "alert_rules_state")
            facts.notifications = await run(conn, "notifications_by_status")
        facts.near_limits = await room.near_limits()
    except DatabaseError:
        return Facts(now)
    facts.up = True
    return facts


class FactsCollector(Collector):
    """A reading as gauges; ages and lags in seconds."""

    def __init__(self, facts: Facts, keep: Mapping[str, timedelta]) -> None:
        self._facts = facts
        self._keep = keep

    def collect(self) -> Iterator[Metric]:
        """The gauges of the reading."""
        facts = self._facts
        yield GaugeMetricFamily(
            "fature_database_up", "Whether the database answered.", float(facts.up)
        )
        if not facts.up:
            return
        yield from self._storage()
        yield from self._alerts()

    def _storage(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "fature_rollup_lag_seconds",
            "How far behind now a rollup is materialised; what is newer is computed live.",
            labels=["rollup"],
        )
        for row in self._facts.watermarks:
            lag.add_metric([row["relation"]], self._age(row["watermark"]))
        yield lag
        overdue = GaugeMetricFamily(
            "fature_retention_lag_seconds",
            "How much older than declared the oldest sample is; up to one chunk is normal.",
            labels=["frequency"],
        )
        for frequency, oldest in self._facts.oldest.items():
            past = self._age(oldest) - self._keep[frequency].total_seconds() if oldest else 0.0
            overdue.add_metric([frequency], max(past, 0.0))
        yield overdue
        used = GaugeMetricFamily(
            "fature_series_used_ratio",
            "Of the series that a tenant or one of its services may have, from 0.8 on.",
            labels=["tenant", "service_name"],
        )
        for usage in self._facts.near_limits:
            tenant, service = usage.owner
            used.add_metric([tenant, service or ""], usage.series / usage.most)
        yield used

    def _alerts(self) -> Iterator[Metric]:
        open_events = GaugeMetricFamily(
            "fature_alert_events_open", "Events that are not resolved.", labels=["severity"]
        )
        found = {row["severity"]: row["events"] for row in self._facts.events}
        for severity in SEVERITIES:
            open_events.add_metric([severity], found.get(severity, 0))
        yield open_events
        rules = self._facts.rules
        yield GaugeMetricFamily("fature_alert_rules", "Active rules.", rules["active"])
        yield GaugeMetricFamily(
            "fature_alert_rules_broken", "Active rules that cannot be judged.", rules["broken"]
        )
        if rules["last_evaluated_at"]:
            yield GaugeMetricFamily(
                "fature_alert_last_judged_age_seconds",
                "How long ago rules were last judged, by whichever process leads.",
                self._age(rules["last_evaluated_at"]),
            )
        notifications = GaugeMetricFamily(
            "fature_notifications", "Notifications in the outbox.", labels=["channel", "status"]
        )
        for row in self._facts.notifications:
            notifications.add_metric([row["channel"], row["status"]], row["notifications"])
        yield notifications

    def _age(self, instant: datetime) -> float:
        return (self._facts.now - instant).total_seconds()

"""Random figures of several tenants and services: each analyst's views hold exactly the rows of
their tenant.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from sql.analysts import let_in
from sql.migrator import migrate
from sql.vocabulary import FREQUENCIES
from tests.conftest import DatabaseServer, run_refresh_jobs
from tests.integration.readers import add_tenants

TENANTS = ("acme", "globex", "initech")
SERVICES = ("orders", "payments", None)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Sample:
    tenant: str
    service: str | None
    # The same names in every tenant.
    metric: str
    frequency: str
    hours_ago: int
    value: float


SAMPLES = st.lists(
    st.builds(
        Sample,
        tenant=st.sampled_from(TENANTS),
        service=st.sampled_from(SERVICES),
        metric=st.sampled_from(("revenue", "orders")),
        frequency=st.sampled_from(FREQUENCIES),
        hours_ago=st.integers(0, 72),
        value=st.integers(-1000, 1000).map(float),
    ),
    min_size=1,
    max_size=12,
)


@dataclass
class Office:
    """A database, each tenant's analyst and one who sees every tenant."""

    url: str
    owner: Connection[TupleRow]
    analysts: dict[str, Connection[TupleRow]]
    everyone: Connection[TupleRow]
    views: list[str]
    series: dict[tuple[Any, ...], int]
    stored: list[tuple[int, Sample]]


@pytest.fixture(scope="module")
def office(database_of: DatabaseServer) -> Any:
    url = database_of.new_database(migrated=False)
    migrate(url, engine=database_of.engine, timezone="UTC")
    add_tenants(url, *TENANTS)
    run = secrets.token_hex(4)

    def log_in(name: str, tenant: str | None) -> Connection[TupleRow]:
        made = let_in(url, f"{name}_{run}", tenant)
        conninfo = make_conninfo(url, user=made.name, password=made.password)
        return psycopg.connect(conninfo, autocommit=True)

    with psycopg.connect(url, autocommit=True) as owner:
        names = "SELECT viewname::text FROM pg_views WHERE schemaname = 'analytics' ORDER BY 1"
        views = [name for (name,) in owner.execute(names)]
        analysts = {tenant: log_in(tenant, tenant) for tenant in TENANTS}
        everyone = log_in("everyone", None)
        yield Office(url, owner, analysts, everyone, views, {}, [])
        for conn in (*analysts.values(), everyone):
            conn.close()


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(samples=SAMPLES, refresh=st.booleans())
def test_each_analyst_sees_exactly_the_rows_of_their_tenant(
    office: Office, samples: list[Sample], refresh: bool
) -> None:
    for sample in samples:
        store(office, sample)
    if refresh:
        run_refresh_jobs(office.url)
    for tenant, analyst in office.analysts.items():
        expected = sorted(
            (id, s.service, s.metric, s.frequency, s.value)
            for id, s in office.stored
            if s.tenant == tenant
        )
        seen = analyst.execute(
            "SELECT id, service_name, metric_name, frequency, value FROM analytics.metrics"
        ).fetchall()
        assert sorted(seen, key=lambda row: row[0]) == expected
        for view in office.views:
            rows = sql.SQL("SELECT to_jsonb(v)::text AS row FROM {} AS v {} ORDER BY 1")
            relation = sql.Identifier("analytics", view)
            of_tenant = sql.SQL("WHERE tenant = {}").format(sql.Literal(tenant))
            theirs = analyst.execute(rows.format(relation, sql.SQL(""))).fetchall()
            assert theirs == office.everyone.execute(rows.format(relation, of_tenant)).fetchall()
    # The rollups as well, from what was stored.
    totals = office.everyone.execute(
        "SELECT tenant, sum(sum_value), sum(sample_count) FROM analytics.metric_month GROUP BY 1"
    ).fetchall()
    for tenant, total, count in totals:
        values = [s.value for _, s in office.stored if s.tenant == tenant]
        assert (total, count) == (sum(values), len(values))
        own = "SELECT sum(sum_value), sum(sample_count) FROM analytics.metric_month"
        assert office.analysts[tenant].execute(own).fetchone() == (total, count)


def store(office: Office, sample: Sample) -> None:
    """A sample, and with each new series also health, a rule and an event of its tenant."""
    labels = {
        "tenant": sample.tenant,
        "metric": sample.metric,
        "service": sample.service,
        "frequency": sample.frequency,
    }
    key = tuple(labels.values())
    if key not in office.series:
        office.series[key] = new_series(office, labels)
    number = len(office.stored) + 1
    office.owner.execute(
        sql.SQL("INSERT INTO {} (ts, id, series_id, value) VALUES (%s, %s, %s, %s)").format(
            sql.Identifier("fature", f"sample_{sample.frequency}")
        ),
        (NOW - timedelta(hours=sample.hours_ago), number, office.series[key], sample.value),
    )
    office.stored.append((number, sample))


def new_series(office: Office, labels: dict[str, Any]) -> int:
    office.owner.execute(
        """
        INSERT INTO fature.metric
        (tenant, metric_name, metric_type, kind, default_aggregation, frequency)
        VALUES (%(tenant)s, %(metric)s, 'revenue', 'flow', 'sum', 'daily')
        ON CONFLICT DO NOTHING
        """,
        labels,
    )
    office.owner.execute(
        """
        INSERT INTO fature.service_health (tenant, service_name, status)
        VALUES (%(tenant)s, coalesce(%(service)s, 'none'), 'healthy')
        """,
        labels,
    )
    office.owner.execute(
        """
        INSERT INTO fature.alert_rule
        (tenant, rule_name, metric_name, condition, threshold_value, severity)
        VALUES (%(tenant)s, gen_random_uuid()::text, %(metric)s, '<', 1, 'low')
        """,
        labels,
    )
    office.owner.execute(
        """
        INSERT INTO fature.alert_event
        (tenant, rule_name, metric_name, condition, threshold_value, severity, aggregation,
         window_name, opened_at)
        VALUES (%(tenant)s, 'low', %(metric)s, '<', 1, 'low', 'sum', 'day', now())
        """,
        labels,
    )
    row = office.owner.execute(
        """
        INSERT INTO fature.series (tenant, metric_name, metric_type, frequency, service_name)
        VALUES (%(tenant)s, %(metric)s, 'revenue', %(frequency)s, %(service)s)
        RETURNING series_id
        """,
        labels,
    ).fetchone()
    assert row is not None
    return int(row[0])

"""Whoever reads the database directly: log-ins of analysts, and figures of two tenants."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from sql.analysts import let_in
from sql.migrator import migrate
from sql.vocabulary import FREQUENCIES
from tests.conftest import DatabaseServer, run_refresh_jobs

# In every text and every figure of the tenant globex, and nowhere else.
MARK = "globexmark"
FIGURE = 73190.4375
MINE, OTHER = "acme", "globex"


@dataclass
class Readers:
    """A database with figures of acme and globex, and how each reader logs in."""

    url: str
    urls: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def session(self, reader: str, *, read_only: bool = True) -> Iterator[Connection[TupleRow]]:
        """A session of a reader, who may have switched off what only guards against slips."""
        with psycopg.connect(self.urls[reader], autocommit=True) as conn:
            if not read_only:
                conn.execute("SET default_transaction_read_only = off")
            yield conn


def readers(server: DatabaseServer) -> Readers:
    """`analyst`, `grafana` and `tenant` (acme's), on a database of their own."""
    # Not from a template: rights on a database are not copied with it.
    url = server.new_database(migrated=False)
    migrate(url, engine=server.engine, timezone="UTC")
    add_tenants(url, MINE, OTHER)
    found = Readers(url)
    for reader, name, tenant in (
        ("analyst", f"ana_{secrets.token_hex(4)}", None),
        ("grafana", "fature_grafana", None),
        ("tenant", f"tess_{secrets.token_hex(4)}", MINE),
    ):
        made = let_in(url, name, tenant)
        found.urls[reader] = make_conninfo(url, user=name, password=made.password)
    with psycopg.connect(url, autocommit=True) as conn:
        # 7 and 1 can be cast to whatever the other tenant's cannot.
        store_tenant(conn, MINE, text="7", value=1)
        store_tenant(conn, OTHER, text=MARK, value=FIGURE)
    run_refresh_jobs(url)
    return found


def add_tenants(url: str, *tenants: str) -> None:
    """Tenants without anything."""
    with psycopg.connect(url) as conn:
        for tenant in tenants:
            conn.execute("INSERT INTO fature.tenant (tenant) VALUES (%s)", [tenant])


def store_tenant(conn: Connection[TupleRow], tenant: str, text: str, value: float) -> None:
    """Something in every table that a view of analysts shows."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    labels = {"tenant": tenant, "text": text, "value": value, "now": now}
    conn.execute(
        """
        INSERT INTO fature.metric
        (tenant, metric_name, metric_type, unit, kind, default_aggregation, frequency, description)
        VALUES (%(tenant)s, %(text)s, 'revenue', %(text)s, 'flow', 'sum', 'daily', %(text)s)
        """,
        labels,
    )
    for frequency in FREQUENCIES:
        row = conn.execute(
            """
            INSERT INTO fature.series
            (tenant, metric_name, metric_type, unit, frequency, service_name, affiliate_id, region,
             dimensions)
            VALUES (%(tenant)s, %(text)s, 'revenue', %(text)s, %(frequency)s, %(text)s, %(text)s,
                    %(text)s, jsonb_build_object('place', %(text)s::text))
            RETURNING series_id
            """,
            labels | {"frequency": frequency},
        ).fetchone()
        assert row is not None
        statement = sql.SQL(
            "INSERT INTO {} (ts, id, series_id, value, metadata) VALUES (%s, 1, %s, %s, %s)"
        ).format(sql.Identifier("fature", f"sample_{frequency}"))
        for age in (timedelta(), timedelta(days=3)):
            conn.execute(statement, (now - age, row[0], value, f'{{"note": "{text}"}}'))
        conn.execute(
            """
            INSERT INTO fature.void
            (sample_id, series_id, ts, value, metadata, reason, actor, replaced_by, new_value)
            VALUES (%(series)s, %(series)s, %(now)s, %(value)s,
                    jsonb_build_object('note', %(text)s::text), %(text)s, %(text)s, 1, %(value)s)
            """,
            labels | {"series": row[0]},
        )
    conn.execute(
        """
        INSERT INTO fature.service_health (tenant, service_name, status, version, error_rate)
        VALUES (%(tenant)s, %(text)s, 'healthy', %(text)s, %(value)s)
        """,
        labels,
    )
    conn.execute(
        """
        INSERT INTO fature.alert_rule
        (tenant, rule_name, metric_name, condition, threshold_value, severity, description,
         service_name)
        VALUES (%(tenant)s, %(text)s, %(text)s, '<', %(value)s, 'low', %(text)s, %(text)s)
        """,
        labels,
    )
    conn.execute(
        """
        INSERT INTO fature.alert_event
        (tenant, rule_name, metric_name, condition, threshold_value, severity, aggregation,
         window_name, value, unit, comment, opened_at)
        VALUES (%(tenant)s, %(text)s, %(text)s, '<', %(value)s, 'low', 'sum', 'day', %(value)s,
                %(text)s, %(text)s, now())
        """,
        labels,
    )
    conn.execute(
        """
        INSERT INTO fature.annotation (tenant, since, until, text, tags, metric_name, created_by)
        VALUES (%(tenant)s, %(now)s, %(now)s, %(text)s, ARRAY[%(text)s], %(text)s, %(text)s)
        """,
        labels,
    )
    conn.execute(
        """
        INSERT INTO fature.target
        (tenant, name, metric_name, service_name, period, value, direction, created_by, updated_by)
        VALUES (%(tenant)s, %(text)s, %(text)s, %(text)s, 'day', %(value)s, 'at_least', %(text)s,
                %(text)s)
        """,
        labels,
    )
    for period in ("hour", "day"):
        expect(conn, labels | {"period": period})


def expect(conn: Connection[TupleRow], labels: dict[str, object]) -> None:
    """A value that was expected of a period."""
    conn.execute(
        """
        WITH kept AS (
            INSERT INTO fature.expectation
            (selection_key, tenant, metric_name, aggregation, period, zone, filters, dimensions,
             unit, profile, valid_from, fitted_at, asked_at)
            VALUES (%(text)s || %(period)s, %(tenant)s, %(text)s, 'sum', %(period)s, 'UTC',
                    jsonb_build_object('region', %(text)s::text), '{}', %(text)s, '{}', %(now)s,
                    %(now)s, %(now)s)
            RETURNING expectation_id
        )

        INSERT INTO fature.expected
        (expectation_id, bucket, expected, lower, upper, below, above)
        SELECT
            expectation_id, %(now)s, %(value)s, %(value)s, %(value)s, ARRAY[%(value)s::float8],
            ARRAY[%(value)s::float8]
        FROM kept
        """,
        labels,
    )

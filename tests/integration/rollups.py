"""Helpers of the database tests: samples by SQL, jobs and refreshes by hand, and the
comparison of a rollup with what `date_trunc` makes of the samples.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from service.metrics.query.rollups import Buckets, RollupQuery
from sql.statements import array_of
from sql.vocabulary import LEVELS, Aggregation, Frequency, Level
from tests.engines import installations

timescale_only = pytest.mark.skipif(
    "timescale" not in installations(), reason="no local PostgreSQL has TimescaleDB"
)

Conn = Connection[TupleRow]
PolicyKind = Literal["policy_retention", "policy_compression"]
# Instant, id, series and value.
Sample = tuple[datetime, int, int, float]

_DIFFERENCES = """
WITH expected AS (
    SELECT
        date_trunc(%(level)s, ts, %(zone)s) AS bucket,
        series_id,
        sum(value::numeric) AS sum_value,
        count(*) AS sample_count,
        min(value) AS min_value,
        max(value) AS max_value,
        (array_agg(value ORDER BY ts, id))[1] AS first_value,
        (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
    FROM {samples}
    GROUP BY 1, 2
), actual AS (
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM {rollup}
)
(SELECT 'missing', e.* FROM (TABLE expected EXCEPT ALL TABLE actual) AS e)
UNION ALL
(SELECT 'unexpected', a.* FROM (TABLE actual EXCEPT ALL TABLE expected) AS a)
ORDER BY 2, 1
"""


@contextmanager
def session(url: str) -> Iterator[Conn]:
    """A connection on which each statement is a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


def new_series(conn: Conn, frequency: Frequency) -> int:
    """A series of a metric that nobody else uses."""
    name = f"metric_{secrets.token_hex(6)}"
    conn.execute(
        """
        INSERT INTO fature.metric (metric_name, metric_type, kind, default_aggregation, frequency)
        VALUES (%(name)s, 'revenue', 'flow', 'sum', %(frequency)s)
        """,
        {"name": name, "frequency": frequency},
    )
    return number(
        conn,
        """
        INSERT INTO fature.series (metric_name, metric_type, frequency)
        VALUES (%(name)s, 'revenue', %(frequency)s)
        RETURNING series_id
        """,
        {"name": name, "frequency": frequency},
    )


def store(conn: Conn, frequency: Frequency, samples: Iterable[Sample]) -> None:
    """Samples as the service writes them, but of any age; one transaction."""
    statement = sql.SQL("COPY {} (ts, id, series_id, value) FROM STDIN").format(
        relation(f"sample_{frequency}")
    )
    with conn.cursor().copy(statement) as copy:
        for sample in samples:
            copy.write_row(sample)


def differences(
    conn: Conn, frequency: Frequency, level: Level, timezone: str = "UTC"
) -> list[TupleRow]:
    """Buckets of a rollup that are not what its samples say, in either direction."""
    statement = sql.SQL(_DIFFERENCES).format(
        samples=relation(f"sample_{frequency}"), rollup=relation(f"rollup_{frequency}_{level}")
    )
    zone = "UTC" if level in ("minute", "hour") else timezone
    return conn.execute(statement, {"level": level, "zone": zone}).fetchall()


def all_differences(
    conn: Conn, frequency: Frequency, timezone: str = "UTC"
) -> dict[Level, list[TupleRow]]:
    """The `differences` of each level that has any."""
    found = {level: differences(conn, frequency, level, timezone) for level in LEVELS[frequency]}
    return {level: rows for level, rows in found.items() if rows}


def counted(conn: Conn, frequency: Frequency, series: int) -> dict[Level, int]:
    """How many samples of a series each level counts."""
    return {
        level: number(
            conn,
            sql.SQL(
                "SELECT coalesce(sum(sample_count), 0)::bigint FROM {} WHERE series_id = %(series)s"
            ).format(relation(f"rollup_{frequency}_{level}")),
            {"series": series},
        )
        for level in LEVELS[frequency]
    }


def everywhere(frequency: Frequency, count: int) -> dict[Level, int]:
    """The same count at every level of a frequency."""
    return dict.fromkeys(LEVELS[frequency], count)


def refresh(conn: Conn, frequency: Frequency, start: datetime, end: datetime) -> None:
    """Materialise every level of a frequency within explicit edges, lowest first."""
    for level in LEVELS[frequency]:
        conn.execute(
            """
            CALL refresh_continuous_aggregate(
                %(relation)s, %(start)s, %(end)s, options => '{"buckets_per_batch": 0}'
            )
            """,
            {"relation": f"fature.rollup_{frequency}_{level}", "start": start, "end": end},
        )


def run_policy(conn: Conn, kind: PolicyKind, name: str) -> None:
    """Run one policy of a table or rollup as the scheduler would."""
    job = number(
        conn,
        """
        SELECT j.job_id
        FROM timescaledb_information.jobs AS j
        LEFT JOIN timescaledb_information.continuous_aggregates AS c
            ON j.hypertable_name = c.materialization_hypertable_name
        WHERE j.proc_name = %(kind)s AND coalesce(c.view_name, j.hypertable_name) = %(name)s
        """,
        {"kind": kind, "name": name},
    )
    conn.execute("CALL run_job(%(job)s)", {"job": job})


def watermarks(conn: Conn) -> dict[str, datetime]:
    """Up to where each rollup that was ever refreshed is materialised."""
    return dict(conn.execute("SELECT relation, watermark FROM fature.rollup_watermark").fetchall())


def relation(name: str) -> sql.Identifier:
    """A relation of the schema fature."""
    return sql.Identifier("fature", name)


def number(conn: Conn, statement: Any, params: dict[str, Any] | None = None) -> int:
    """The one value of a statement that returns a whole number."""
    row = conn.execute(statement, params).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def rollup_query(
    buckets: Buckets,
    since: datetime | None,
    aggregation: Aggregation,
    series: Sequence[int],
    groups: Sequence[int],
    limit: int,
) -> RollupQuery:
    """The query for those series, each in the group of the number beside it."""
    return RollupQuery(
        buckets=buckets,
        since=since,
        aggregation=aggregation,
        series=array_of(series),
        groups=array_of(groups),
        count=len(series),
        group_count=max(groups) + 1,
        limit=limit,
    )

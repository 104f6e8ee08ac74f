"""Databases with many samples, in the state in which the policies keep them."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from bench.figures import Storage
from bench.statements import statement
from retention.apply import reconcile
from retention.policies import parse_keep
from sql.engine import Engine
from sql.migrator import migrate

DAYS = timedelta(days=90)
# More parts than loaders, so that all loaders are busy to the end.
_PARTS = 36
_STATEMENT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples from `since` to `before`."""

    url: str
    samples: int
    since: datetime
    before: datetime


def migrated(url: str) -> Engine:
    """Bring an empty database to the state in which `make run` has it; the engine it got."""
    capability, _ = migrate(url, engine="auto", timezone="UTC")
    reconcile(url, capability.engine, parse_keep(""), ZoneInfo("UTC"), datetime.now(UTC))
    return capability.engine


def load(url: str, samples: int, series: str) -> Dataset:
    """Hourly samples of the `series` that a statement makes, spread evenly over 90 days up to
    now, rolled up and turned into columns by the declared policies.
    """
    engine = migrated(url)
    now = datetime.now(UTC)
    dataset = Dataset(url, samples, now - DAYS, now)
    with _session(url) as conn, _alone(conn, engine):
        conn.execute(statement(series))
        _insert(conn, dataset)
        if engine == "timescale":
            _run_jobs(conn, "refresh_jobs")
            _run_jobs(conn, "columnstore_jobs")
        conn.execute("ANALYZE")
    return dataset


def storage(url: str) -> Storage | None:
    """Bytes per sample before and after columnstore; None where there is no columnstore."""
    with _session(url) as conn:
        try:
            row = conn.execute(statement("sample_bytes")).fetchone()
        except psycopg.errors.UndefinedFunction:
            return None
    return Storage(row[0] / row[2], row[1] / row[2]) if row and row[0] and row[2] else None


def _insert(conn: psycopg.Connection, dataset: Dataset) -> None:
    series = [row[0] for row in conn.execute(statement("series_ids"))]
    step = DAYS * len(series) / dataset.samples

    def insert(since: datetime, before: datetime) -> None:
        first = round((since - dataset.since) / step)
        values = {"series": series, "since": since, "before": before, "step": step, "first": first}
        with _session(dataset.url) as loader:
            loader.execute(statement("insert_samples"), values)

    edges = [dataset.since + part * DAYS / _PARTS for part in range(_PARTS + 1)]
    # Whoever makes a chunk keeps the others from making theirs up to its commit.
    for since in edges[:-1]:
        insert(since, since + step)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as loaders:
        list(loaders.map(insert, (since + step for since in edges[:-1]), edges[1:]))


def _run_jobs(conn: psycopg.Connection, which: str) -> None:
    for (job,) in conn.execute(statement(which)).fetchall():
        conn.execute(statement("run_job"), {"job_id": job})


@contextmanager
def _alone(conn: psycopg.Connection, engine: Engine) -> Iterator[None]:
    """Stop TimescaleDB's background workers meanwhile, so that only the caller runs jobs."""
    if engine == "timescale":
        conn.execute(statement("stop_background_workers"))
    yield
    if engine == "timescale":
        conn.execute(statement("start_background_workers"))


def _session(url: str) -> psycopg.Connection:
    options = f"-c statement_timeout={_STATEMENT_SECONDS}s"
    return psycopg.connect(url, autocommit=True, options=options)

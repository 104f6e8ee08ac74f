"""As docker-compose.yml has it: log-ins made once, migrations by the owner, and a service that
works through a PgBouncer which hands connections on after each transaction.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from deploy.compose.make_secrets import make_secrets
from retention.apply import reconcile
from retention.policies import parse_keep
from sql.embedded import find_installation
from sql.engine import Engine
from sql.migrator import migrate
from tests.acceptance.people import add_person
from tests.acceptance.reading import figures
from tests.clients import http_client
from tests.conftest import ROOT, Service, database_server, running_service
from tests.deploy.pgbouncer import PROGRAM, pgbouncer

pytestmark = [
    pytest.mark.one_engine,
    pytest.mark.skipif(
        PROGRAM is None, reason="PgBouncer is not installed (Debian: apt-get install pgbouncer)"
    ),
]

SAMPLE = {"metric_type": "revenue", "value": 2.5, "unit": "BRL", "frequency": "hourly"}


@dataclass
class Pooled:
    """The service behind PgBouncer, and the database itself as its owner."""

    service: Service
    owner_url: str


@pytest.fixture(scope="module")
def pooled(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooled]:
    folder = tmp_path_factory.mktemp("pooled")
    make_secrets(folder / "secrets", give=lambda *_: None)
    with database_server(folder / "postgres", engine) as server:
        url = server.new_database(migrated=False)
        make_log_ins(url, engine, folder / "secrets" / "database")
        migrate(url, engine=engine, timezone="UTC")
        reconcile(url, engine, parse_keep(""), ZoneInfo("UTC"), datetime.now(UTC))
        password = (folder / "secrets" / "database" / "metrics_password").read_text()
        own = make_conninfo(url, user="metrics", password=password)
        with (
            pgbouncer(own) as pool_url,
            running_service(
                folder, pool_url, FATURE_ALERT_INTERVAL="0", FATURE_WORKERS="2"
            ) as service,
        ):
            yield Pooled(service, url)


def make_log_ins(url: str, engine: Engine, secrets: Path) -> None:
    """The first start of the database's image."""
    script = (ROOT / "deploy" / "compose" / "roles.sql").read_text()
    script = script.replace("/run/secrets", str(secrets))
    psql = find_installation(postgres_home=None, engine=engine, data_version=None).bin / "psql"
    subprocess.run(
        [psql, "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-d", url],
        input=script,
        text=True,
        check=True,
    )


def test_grafana_logs_in_with_its_password_and_sees_views(pooled: Pooled, engine: Engine) -> None:
    secrets = pooled.service.log.parent / "secrets" / "database"
    password = (secrets / "grafana_password").read_text()
    with psycopg.connect(pooled.owner_url, user="fature_grafana", password=password) as conn:
        assert conn.execute("SELECT count(*) FROM analytics.catalog").fetchone() == (28,)
        limits = conn.execute("SHOW statement_timeout").fetchone()
        assert limits == ("30s",)


def test_requests_at_once_share_few_connections(pooled: Pooled, metric: str) -> None:
    """Batches, single samples and questions mixed, from more clients than connections."""
    body = {"metrics": [SAMPLE | {"metric_name": metric}] * 5}

    def talk(number: int) -> None:
        with http_client(
            pooled.service.url, headers=pooled.service.client.headers, timeout=30
        ) as client:
            for turn in range(10):
                key = {"Idempotency-Key": f"{metric}-{number}-{turn}"}
                for _ in range(2):
                    answer = client.post("/api/metrics/batch", json=body, headers=key)
                    assert answer.status_code == 201, answer.text
                assert client.get("/api/ready").status_code == 200
                figures(client, metric)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(talk, range(16)))
    # What the other worker took in counts within a second.
    time.sleep(1)
    found = figures(pooled.service.client, metric, aggregation="sum")
    assert sum(value or 0 for value in found.values()) == 16 * 10 * 5 * 2.5


def test_keys_users_rules_and_the_catalog_work(pooled: Pooled) -> None:
    client = pooled.service.client
    issued = client.post("/api/keys", json={"name": "pooled", "role": "writer"})
    assert issued.status_code == 201
    writer = {"X-API-Key": issued.json()["data"]["key"]}
    sample = SAMPLE | {"metric_name": "pooled"}
    with http_client(pooled.service.url, headers=writer) as other:
        assert other.post("/api/metrics", json=sample).status_code == 201
    person = add_person(client)
    log_in = {"email": person.email, "password": person.password}
    assert client.post("/api/auth/login", json=log_in).status_code == 200
    rule = {
        "rule_name": "pooled",
        "metric_name": "pooled",
        "condition": ">",
        "threshold_value": 1,
        "severity": "low",
    }
    assert client.post("/api/alerts/rules", json=rule).status_code == 201
    assert client.get("/api/metrics/catalog").json()["count"] >= 28
    assert client.get("/api/audit").json()["count"] >= 3
    assert client.get("/metrics").status_code == 200


def test_a_pool_that_finds_the_database_away_recovers(pooled: Pooled, metric: str) -> None:
    """Every connection of the pool to the database is cut; nobody has to restart anything."""
    sample = SAMPLE | {"metric_name": metric}
    with psycopg.connect(pooled.owner_url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'metrics'"
        )
    stored = 0
    for _ in range(20):
        answer = pooled.service.client.post("/api/metrics", json=sample)
        assert answer.status_code in (201, 503)
        stored += answer.status_code == 201
    assert stored >= 10
    found = figures(pooled.service.client, metric, aggregation="count")
    assert sum(value or 0 for value in found.values()) == stored
    log = pooled.service.log.read_text()
    assert "prepared statement" not in log
    assert "serving_with_log_in_role" not in log

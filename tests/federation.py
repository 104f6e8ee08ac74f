"""Members of a hub for tests: installations of their own, and samples in them."""

import os
import random
import re
import secrets
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from sql.engine import Engine
from sql.hub_access import let_hub_in
from tests.conftest import Service
from tests.killable import KillableServer, killable_server, postmaster_pid, until


@dataclass(frozen=True)
class Entry:
    """A sample with the labels of its series."""

    ts: datetime
    value: float
    metric: str
    frequency: str = "hourly"
    unit: str | None = "BRL"
    service: str | None = None
    region: str | None = None
    tenant: str = "default"


def put(url: str, entries: Iterable[Entry]) -> None:
    """Have samples stored as the service does, of any age."""
    with psycopg.connect(url) as conn:
        for number, one in enumerate(entries):
            conn.execute(
                "INSERT INTO fature.metric (tenant, metric_name, metric_type, unit, units, kind, "
                "default_aggregation, frequency) "
                "VALUES (%s, %s, 'revenue', %s, %s, 'flow', 'sum', %s) ON CONFLICT DO NOTHING",
                (one.tenant, one.metric, one.unit, [one.unit or ""], one.frequency),
            )
            conn.execute(
                "INSERT INTO fature.series (tenant, metric_name, metric_type, unit, frequency, "
                "service_name, region) VALUES (%s, %s, 'revenue', %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                (one.tenant, one.metric, one.unit, one.frequency, one.service, one.region),
            )
            conn.execute(
                f"INSERT INTO fature.sample_{one.frequency} (ts, id, series_id, value) "
                "SELECT %s, %s, series_id, %s FROM fature.series WHERE tenant = %s "
                "AND metric_name = %s AND unit IS NOT DISTINCT FROM %s AND frequency = %s "
                "AND service_name IS NOT DISTINCT FROM %s AND region IS NOT DISTINCT FROM %s",
                (
                    *(one.ts, 10**9 + number, one.value, one.tenant, one.metric),
                    *(one.unit, one.frequency, one.service, one.region),
                ),
            )


def random_entries(seed: int, metric: str, count: int, days: int = 40) -> list[Entry]:
    """Samples of some weeks in cents, of a few series."""
    dice = random.Random(seed)
    start = datetime.now(UTC) - timedelta(days=days)
    return [
        Entry(
            start + timedelta(minutes=dice.randrange(1, days * 1440 - 10)),
            dice.randrange(-(10**7), 10**8) / 100,
            metric,
            service=dice.choice(("checkout", "payment-service")),
            region=dice.choice((None, "SP", "RJ")),
        )
        for _ in range(count)
    ]


class Member:
    """An installation with the log-in of a hub."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.role = f"hub_{name}_{secrets.token_hex(3)}"
        self.login = make_conninfo(
            url, user=self.role, password=let_hub_in(url, self.role).password
        )

    def connections(self) -> int:
        """How many the hub has."""
        with psycopg.connect(self.url) as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [self.role]
            ).fetchone()
        assert row is not None
        return int(row[0])


class KillableMember(Member):
    """One on a PostgreSQL of its own, which may be killed, stopped for a while or held up."""

    def __init__(self, server: KillableServer, data_dir: Path, name: str) -> None:
        super().__init__(server.databases.new_database(), name)
        self.server = server
        self._data_dir = data_dir

    @contextmanager
    def hung(self) -> Iterator[None]:
        """All its processes are stopped for a while; the kernel goes on taking connections."""
        postmaster = postmaster_pid(self._data_dir)
        os.kill(postmaster, signal.SIGSTOP)
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        pids = [postmaster, *(int(pid) for pid in children)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Whoever asks for series or samples waits."""
        with psycopg.connect(self.url) as conn:
            conn.execute("LOCK TABLE fature.series, fature.sample_hourly IN ACCESS EXCLUSIVE MODE")
            yield


@contextmanager
def killable_member(data_dir: Path, engine: Engine, name: str) -> Iterator[KillableMember]:
    """Running at the start, stopped at the end."""
    with killable_server(data_dir, engine) as server:
        yield KillableMember(server, data_dir, name)


def wait_for_members(service: Service, *names: str) -> None:
    """Until the running hub asks exactly those."""

    def asked() -> set[str]:
        answer = service.client.get("/api/metrics/catalog").json()
        return {name for row in answer["data"] for name in row.get("members", ())} - {"hub"}

    until(lambda: asked() == set(names))


def printed_password(text: str) -> str:
    """The one that a command has printed."""
    (found,) = re.findall(r"^Password: (\S+)$", text, re.MULTILINE)
    return str(found)

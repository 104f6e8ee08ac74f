"""`make consume` with a broker: every message counts once, whoever is killed meanwhile."""

import json
import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg
import pytest

from sql.engine import Engine
from tests import forks
from tests.cable import cable
from tests.clients import http_client
from tests.conftest import free_port
from tests.forks import Process
from tests.kafka_broker import Broker, Message, connected_broker, needs_broker, running_broker
from tests.killable import killable_server, until

pytestmark = [pytest.mark.one_engine, needs_broker]

SECRET = "xq3LkV9tRz7uYw2cNb8mPd5sGf1hJa4e"
SECONDS = 120


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One for all tests: each has topics of its own."""
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@dataclass
class Member:
    """A running consumer and the port that tells of it."""

    process: Process
    client: httpx2.Client
    log: Path

    def ready(self) -> bool:
        try:
            return self.client.get("/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def problems(self) -> list[str]:
        try:
            problems: list[str] = self.client.get("/ready").json()["problems"]
        except httpx2.TransportError:
            return []
        return problems

    def metrics(self) -> str:
        return self.client.get("/metrics").text


@dataclass
class Case:
    """Two topics, one of them for dead letters, and a database that the samples go to."""

    broker: Broker
    database: str
    folder: Path
    topic: str = field(default_factory=lambda: f"orders-{secrets.token_hex(4)}")
    sent: Counter[float] = field(default_factory=Counter)

    @property
    def dead(self) -> str:
        return f"{self.topic}-dead"

    @contextmanager
    def consumer(self, **settings: str) -> Iterator[Member]:
        """A member of the group, ready; killed at the end unless it has ended."""
        port = free_port()
        log = self.folder / f"consume-{port}.log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
        environment |= self.settings() | {"FATURE_KAFKA_METRICS_PORT": str(port)} | settings
        with log.open("w") as output:
            process = forks.start("consume", environment=environment, stdout=output)
        with http_client(f"http://127.0.0.1:{port}", timeout=30) as client:
            member = Member(process, client, log)
            try:
                yield member
            finally:
                process.kill()
                process.wait(30)

    def settings(self) -> dict[str, str]:
        return {
            "FATURE_DATABASE_URL": self.database,
            "FATURE_DATA_DIR": str(self.folder),
            "FATURE_SECRET": SECRET,
            "FATURE_KAFKA_BROKERS": self.broker.address,
            "FATURE_KAFKA_TOPICS": self.topic,
            "FATURE_KAFKA_DEAD_LETTER_TOPIC": self.dead,
            "FATURE_KAFKA_API_KEY": self.key(),
        }

    def key(self, *options: str) -> str:
        """A key that may write, of the database."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
        environment |= {
            "FATURE_DATABASE_URL": self.database,
            "FATURE_DATA_DIR": str(self.folder),
            "FATURE_SECRET": SECRET,
        }
        issued = forks.run(
            "key", "kafka", "--role", "writer", *options, environment=environment, timeout=60
        )
        return issued.stdout.strip()

    def send(self, *values: float, partition: int = 0, size: int = 1) -> None:
        """Messages of so many samples each; a single one is no batch."""
        self.sent.update(values)
        groups = [values[at : at + size] for at in range(0, len(values), size)]
        self.broker.send(
            self.topic, [(None, message(*group)) for group in groups], partition=partition
        )

    def stored(self) -> Counter[float]:
        with psycopg.connect(self.database) as conn:
            rows = conn.execute("SELECT value FROM fature.sample_hourly").fetchall()
        return Counter(value for (value,) in rows)

    def all_is_stored(self) -> bool:
        return self.stored().total() >= self.sent.total()


@pytest.fixture
def case(broker: Broker, database: str, tmp_path: Path) -> Case:
    made = Case(broker, database, tmp_path)
    broker.create(made.topic, partitions=2)
    broker.create(made.dead)
    return made


def sample(value: float, **fields: object) -> dict[str, object]:
    return {
        "metric_name": "revenue",
        "metric_type": "revenue",
        "value": value,
        "frequency": "hourly",
        **fields,
    }


def message(*values: float) -> bytes:
    items = [sample(value) for value in values]
    return json.dumps(items[0] if len(items) == 1 else {"metrics": items}).encode()


def test_samples_and_batches_are_stored_and_what_is_refused_becomes_a_dead_letter(
    case: Case,
) -> None:
    service_key = case.key("--service", "shop")
    poison: list[Message] = [
        (b"k1", b"no JSON"),
        (b"k2", json.dumps(sample(1, metric_type="nonsense")).encode()),
        (b"k3", json.dumps({"metrics": [sample(1), {"value": 2}]}).encode()),
        (b"k4", json.dumps(sample(1, service_name="other")).encode()),
        (b"k5", json.dumps(sample(1, timestamp="2001-01-01T00:00:00Z")).encode()),
        (b"k6", None),
    ]
    with case.consumer(FATURE_KAFKA_API_KEY=service_key) as member:
        until(member.ready, SECONDS)
        case.send(*range(100))
        case.broker.send(case.topic, poison)
        case.send(*range(100, 350), size=100)
        case.send(*range(350, 400), partition=1)
        letters = case.broker.read(case.dead, len(poison))
        until(case.all_is_stored, SECONDS)
        nothing_waits = f'lag_messages{{partition="0",topic="{case.topic}"}} 0.0'
        until(lambda: nothing_waits in member.metrics(), SECONDS)
        metrics = member.metrics()
    assert case.stored() == case.sent
    assert sorted((one.key, one.value) for one in letters) == sorted(poison)
    told = {one.key: dict(one.headers) for one in letters}
    assert told[b"k1"]["fature.offset"] == b"100"
    assert told[b"k1"]["fature.topic"] == case.topic.encode()
    assert told[b"k2"]["fature.reason"].startswith(b"metric_type: Must be one of")
    assert json.loads(told[b"k3"]["fature.problems"])[0] == {
        "index": 1,
        "field": "metric_name",
        "message": "Required",
    }
    assert told[b"k4"]["fature.reason"] == b"This key posts for service_name shop only"
    assert b"Too old" in told[b"k5"]["fature.reason"]
    assert told[b"k6"]["fature.reason"] == b"The message has no value"
    with psycopg.connect(case.database) as conn:
        (services,) = (
            conn.execute("SELECT array_agg(DISTINCT service_name) FROM fature.series").fetchone()
            or ()
        )
    assert services == ["shop"]
    assert 'fature_kafka_dead_letters_total{reason="forbidden"' in metrics


def test_a_consumer_that_is_told_to_stop_or_killed_is_followed_by_the_next(case: Case) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        before = case.sent.total()
        for partition in (0, 1):
            case.send(*range(10_000), partition=partition, size=50)
        with case.consumer() as member:
            until(lambda before=before: case.stored().total() > before, SECONDS)  # type: ignore[misc]
            member.process.send_signal(how)
            code = member.process.wait(60)
            assert code == (0 if how == signal.SIGTERM else -signal.SIGKILL), member.log.read_text()
    with case.consumer():
        until(case.all_is_stored, SECONDS)
    assert case.stored() == case.sent


def test_two_consumers_share_the_partitions(case: Case) -> None:
    with case.consumer() as first:
        until(first.ready, SECONDS)
        case.send(*range(500))
        with case.consumer() as second:
            until(lambda: second.ready() and partitions_of(second) == 1, SECONDS)
            for partition in (0, 1):
                case.send(*range(1000, 1300), partition=partition)
            until(case.all_is_stored, SECONDS)
            assert partitions_of(first) == 1
            second.process.send_signal(signal.SIGTERM)
            assert second.process.wait(60) == 0
        case.send(*range(2000, 2300), partition=1)
        until(case.all_is_stored, SECONDS)
    assert case.stored() == case.sent


def partitions_of(member: Member) -> int:
    (line,) = (
        one for one in member.metrics().splitlines() if one.startswith("fature_kafka_partitions ")
    )
    return int(float(line.split()[1]))


def test_a_database_that_is_killed_loses_nothing_and_doubles_nothing(
    broker: Broker, engine: Engine, tmp_path: Path
) -> None:
    with killable_server(tmp_path / "postgres", engine) as server:
        case = Case(broker, server.databases.new_database(), tmp_path)
        broker.create(case.topic, partitions=2)
        broker.create(case.dead)
        with case.consumer() as member:
            until(member.ready, SECONDS)
            case.send(*range(3000))
            until(lambda: case.stored().total() > 0, SECONDS)
            server.kill()
            case.send(*range(3000, 4000), partition=1)
            until(lambda: not member.ready(), SECONDS)
            server.start()
            until(case.all_is_stored, SECONDS)
            until(member.ready, SECONDS)
            case.send(*range(4000, 4100))
            until(case.all_is_stored, SECONDS)
        assert case.stored() == case.sent


def test_a_broker_that_is_cut_off_in_the_middle_loses_nothing_and_doubles_nothing(
    database: str, tmp_path: Path
) -> None:
    """It keeps its log meanwhile; its connections end, and new ones are refused."""
    with cable() as way, connected_broker(tmp_path, way) as broker:
        case = Case(broker, database, tmp_path)
        broker.create(case.topic, partitions=2)
        broker.create(case.dead)
        for partition in (0, 1):
            case.send(*range(10_000), partition=partition, size=50)
        with case.consumer() as member:
            until(lambda: case.stored().total() > 0, SECONDS)
            way.cut()
            until(lambda: "Unable connect" in member.log.read_text(), SECONDS)
            way.mend()
            case.send(*range(10_000, 11_000), size=50)
            until(case.all_is_stored, SECONDS)
            until(member.ready, SECONDS)
    assert case.stored() == case.sent


def test_nothing_is_taken_while_the_key_is_not_good(case: Case) -> None:
    key = case.key()
    with psycopg.connect(case.database) as conn:
        conn.execute("UPDATE fature.api_key SET revoked_at = now()")
    case.send(1, 2, 3)
    with case.consumer(FATURE_KAFKA_API_KEY=key) as member:
        until(lambda: "is not known" in str(member.problems()), SECONDS)
        assert case.stored() == {}
        with psycopg.connect(case.database) as conn:
            conn.execute("UPDATE fature.api_key SET revoked_at = NULL")
        until(case.all_is_stored, SECONDS)
        until(member.ready, SECONDS)
    assert case.stored() == case.sent


def test_a_broker_that_is_away_is_waited_for(case: Case) -> None:
    with case.consumer(FATURE_KAFKA_BROKERS=f"127.0.0.1:{free_port()}") as member:
        until(lambda: "kafka_unreachable" in member.log.read_text(), SECONDS)
        assert not member.ready()
        member.process.send_signal(signal.SIGTERM)
        assert member.process.wait(60) == 0

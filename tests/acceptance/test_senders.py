"""Programs that others install and that send by themselves: each keeps sending through a restart
of the service, and every figure is compared with what it was given.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from tests.clients import http_client
from tests.conftest import ADMIN_KEY, DatabaseServer, free_port, running_service
from tests.killable import until
from tests.senders import COUNTER, GAUGE, exposed, program, rises, stored

pytestmark = pytest.mark.one_engine

# Seconds, a while ago, so that none is too new.
FIRST = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())


@dataclass
class Receiver:
    """A service at `port` that can go away and come back."""

    url: str
    folder: Path
    port: int = field(default_factory=free_port)
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        self._running.enter_context(
            running_service(self.folder, self.url, port=self.port, FATURE_ALERT_INTERVAL="0")
        )

    def stop(self) -> None:
        self._running.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()


@pytest.fixture(scope="module")
def receiver(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """One for all programs: each sends metrics of its own."""
    made = Receiver(database_of.new_database(), tmp_path_factory.mktemp("senders"))
    made.start()
    try:
        yield made
    finally:
        made.stop()


SCRAPE = """
global: {{scrape_interval: 250ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
"""


@pytest.mark.skipif(shutil.which("vmagent") is None, reason="needs Debian's victoria-metrics")
def test_vmagent(receiver: Receiver, tmp_path: Path) -> None:
    """It keeps what it cannot send; the counter begins anew while nobody takes it."""
    config = tmp_path / "scrape.yml"
    with exposed() as target:
        config.write_text(SCRAPE.format(target=target.port))
        with program(
            tmp_path / "vmagent.log",
            "vmagent",
            f"-promscrape.config={config}",
            f"-httpListenAddr=127.0.0.1:{free_port()}",
            f"-remoteWrite.url=http://127.0.0.1:{receiver.port}/api/v1/write",
            f"-remoteWrite.bearerToken={ADMIN_KEY}",
            f"-remoteWrite.tmpDataPath={tmp_path / 'buffer'}",
            "-remoteWrite.flushInterval=300ms",
            # In the order of their instants.
            "-remoteWrite.queues=1",
        ):
            until(lambda: len(stored(receiver.url, GAUGE)) >= 2)
            for step in range(8):
                target.counter += step
                target.gauge = step % 5
                time.sleep(0.25)
            with receiver.away():
                target.counter = 3.0
                time.sleep(1)
            for step in range(8):
                target.counter += step / 2
                time.sleep(0.25)
            seen = list(target.seen)
            until(lambda: len(stored(receiver.url, GAUGE)) >= len(seen))
    counter, gauge = [one for one, _ in seen], [one for _, one in seen]
    assert min(counter) < counter[0] < max(counter)
    expected = rises(counter)
    assert stored(receiver.url, COUNTER)[: len(expected)] == expected
    assert stored(receiver.url, GAUGE)[: len(gauge)] == gauge


INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:{own}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
[ifql]
  enabled = false
"""


@pytest.mark.skipif(shutil.which("influxd") is None, reason="needs Debian's influxdb")
def test_a_subscription_of_influxd(receiver: Receiver, tmp_path: Path, metric: str) -> None:
    """It forwards once: what it could not forward, and says so, is all that is missing."""
    port, name = free_port(), f"revenue_{metric}"
    config = tmp_path / "influxdb.conf"
    config.write_text(INFLUXD.format(own=free_port(), port=port, folder=tmp_path))

    def is_up() -> bool:
        try:
            return influxd.get("/ping").status_code == 204
        except httpx2.TransportError:
            return False

    def forwarded(field: str) -> int:
        """How many batches, by its own count of the subscription."""
        told = influxd.get("/debug/vars").json()
        return sum(
            int(one["values"].get(field, 0))
            for key, one in told.items()
            if key.startswith("subscriber:") and "destination" in one["tags"]
        )

    def send(*numbers: int) -> None:
        for number in numbers:
            line = f"{name},till={number % 3} value={number}.25 {(FIRST + number) * 10**9}"
            answer = influxd.post("/write", params={"db": "shop"}, content=line)
            assert answer.status_code == 204, answer.text

    with (
        http_client(f"http://127.0.0.1:{port}") as influxd,
        program(tmp_path / "influxd.log", "influxd", "-config", str(config)),
    ):
        until(is_up)
        for query in (
            "CREATE DATABASE shop",
            'CREATE SUBSCRIPTION "ours" ON "shop"."autogen" DESTINATIONS ALL '
            f"'http://any:{ADMIN_KEY}@127.0.0.1:{receiver.port}'",
        ):
            assert "error" not in influxd.post("/query", params={"q": query}).text
        send(*range(60))
        until(lambda: len(stored(receiver.url, name)) == 60)
        with receiver.away():
            send(*range(60, 65))
            until(lambda: forwarded("writeFailures") == 5)
        send(*range(65, 120))
        until(lambda: len(stored(receiver.url, name)) == 115)
        assert forwarded("writeFailures") == 5
    arrived = [*range(60), *range(65, 120)]
    assert stored(receiver.url, name) == [number + 0.25 for number in arrived]


def rotel() -> str | None:
    """The program in the wheel, where there is one and it runs."""
    try:
        import rotel as package
    except ImportError:
        return None
    path = Path(package.__file__).parent / "rotel-agent"
    tried = subprocess.run([path, "--version"], capture_output=True, check=False)
    return str(path) if tried.returncode == 0 else None


ROTEL = rotel()


@pytest.mark.skipif(ROTEL is None, reason="needs rotel, which has no wheel that runs here")
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_the_collector_rotel(
    receiver: Receiver, tmp_path: Path, metric: str, temporality: str
) -> None:
    """It takes what an SDK exports and sends it on, again and again until it is taken."""
    assert ROTEL is not None
    port, name = free_port(), f"revenue_{metric}"
    environment = dict(os.environ) | {
        "ROTEL_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{free_port()}",
        "ROTEL_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{port}",
        "ROTEL_EXPORTER": "otlp",
        "ROTEL_OTLP_EXPORTER_PROTOCOL": "http",
        "ROTEL_OTLP_EXPORTER_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
        "ROTEL_OTLP_EXPORTER_CUSTOM_HEADERS": f"Authorization=Bearer {ADMIN_KEY}",
        "ROTEL_OTLP_EXPORTER_RETRY_INITIAL_BACKOFF": "100ms",
        "ROTEL_OTLP_EXPORTER_RETRY_MAX_BACKOFF": "300ms",
    }
    preferred: dict[type, AggregationTemporality] = (
        {Counter: AggregationTemporality.DELTA} if temporality == "delta" else {}
    )
    with program(tmp_path / "rotel.log", ROTEL, "start", environment=environment):
        exporter = OTLPMetricExporter(
            endpoint=f"http://127.0.0.1:{port}/v1/metrics", preferred_temporality=preferred
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=200)
        resource = Resource({"service.name": "shop"})
        provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        counter = provider.get_meter("shop").create_counter(name, unit="BRL")

        def sell(times: int) -> float:
            for n in range(times):
                counter.add(n + 0.25, {"region": "SP" if n % 2 else "RJ"})
                time.sleep(0.01)
            return sum(n + 0.25 for n in range(times))

        total = sell(60)
        with receiver.away():
            total += sell(60)
        total += sell(60)
        provider.shutdown()
        until(lambda: sum(stored(receiver.url, name)) >= total - 1e-6)
    assert sum(stored(receiver.url, name)) == pytest.approx(total, abs=1e-6)
    with psycopg.connect(receiver.url) as conn:
        rows = conn.execute(
            "SELECT region, service_name, unit FROM analytics.metrics "
            "WHERE metric_name = %s GROUP BY 1, 2, 3 ORDER BY 1",
            [name],
        ).fetchall()
    assert rows == [("RJ", "shop", "BRL"), ("SP", "shop", "BRL")]

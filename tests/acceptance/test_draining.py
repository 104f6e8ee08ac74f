"""Stopping and replacing processes that serve, without a lost request."""

import signal
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from sql.engine import Engine
from tests.acceptance.talk import accepted, refused, sample
from tests.conftest import Service, running_service
from tests.instances import workers_of
from tests.killable import is_running, until
from tests.load import assert_everything_counts_once, loaded
from tests.proxy import Proxy, running_proxy

pytestmark = pytest.mark.one_engine

# Longer than any test: they end the wait themselves, by a second signal.
FOREVER = "300"


def is_withdrawn(service: Service) -> bool:
    return service.client.get("/api/ready").status_code == 503


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_draining_instance_says_it_is_not_ready_and_still_serves(
    database: str, metric: str, tmp_path: Path, workers: str
) -> None:
    with running_service(
        tmp_path, database, FATURE_DRAIN_SECONDS=FOREVER, FATURE_WORKERS=workers
    ) as service:
        service.process.send_signal(signal.SIGTERM)
        until(lambda: is_withdrawn(service))
        error = refused(service.client.get("/api/ready"), 503)
        assert error["message"] == "This instance is about to stop"
        assert service.client.get("/api/health").status_code == 200
        answer = service.client.post("/api/metrics", json=sample(metric))
        accepted(answer)
        assert answer.headers["Connection"] == "close"
        assert service.stop(signal.SIGTERM) == 0
        assert '"event":"draining"' in service.log.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_instance_that_has_drained_ends(database: str, tmp_path: Path, workers: str) -> None:
    with running_service(
        tmp_path, database, FATURE_DRAIN_SECONDS="1", FATURE_WORKERS=workers
    ) as service:
        assert service.stop(signal.SIGTERM) == 0
        log = service.log.read_text()
        assert '"event":"draining"' in log
        assert log.endswith("Stopped.\n")


def test_ctrl_c_does_not_wait_for_load_balancers(database: str, tmp_path: Path) -> None:
    with running_service(tmp_path, database, FATURE_DRAIN_SECONDS=FOREVER) as service:
        assert service.stop(signal.SIGINT) == 0
        assert "draining" not in service.log.read_text()


def test_a_running_service_keeps_connections(database: str, tmp_path: Path) -> None:
    with running_service(tmp_path, database) as service:
        assert "Connection" not in service.client.get("/api/health").headers


def test_a_reload_replaces_every_worker_and_loses_no_request(
    database: str, metric: str, tmp_path: Path
) -> None:
    with (
        running_service(tmp_path, database, FATURE_WORKERS="2") as service,
        loaded(service.url, metric) as load,
    ):
        before = workers_of(service.process.pid)
        assert len(before) == 2
        service.process.send_signal(signal.SIGHUP)
        until(lambda: not any(map(is_running, before)))
        until(lambda: len(workers_of(service.process.pid)) == 2)
        load.go_on(60)
        submissions = load.finish()
        assert (load.broken_connections, load.refusals) == (0, 0)
        assert_everything_counts_once(service, metric, submissions)


def test_a_rolling_restart_under_load_loses_nothing(
    engine: Engine, database: str, metric: str, tmp_path: Path
) -> None:
    def start(name: str, port: int | None = None) -> Service:
        folder = tmp_path / name
        running = running_service(folder, database, port=port, FATURE_DRAIN_SECONDS=FOREVER)
        return stack.enter_context(running)

    with ExitStack() as stack:
        services = [start("one"), start("other")]
        proxy = stack.enter_context(running_proxy([service.url for service in services]))
        until(lambda: all(proxy.sends_to(service.url) for service in services))
        load = stack.enter_context(loaded(proxy.url, metric))
        for place, name in enumerate(("one", "other")):
            url = services[place].url
            stop_by_sigterm(services[place], proxy)
            services[place] = start(name, int(url.rpartition(":")[2]))
            until(partial(proxy.sends_to, url))
            load.go_on(60)
        submissions = load.finish()
        assert proxy.failures == []
        assert (load.broken_connections, load.refusals) == (0, 0)
        assert_everything_counts_once(services[0], metric, submissions)
        for service in services:
            service.stop(signal.SIGINT)


def stop_by_sigterm(service: Service, proxy: Proxy) -> None:
    """Stop it as Kubernetes does a pod: the load balancer leaves it, then it ends."""
    service.process.send_signal(signal.SIGTERM)
    until(lambda: not proxy.sends_to(service.url))
    assert service.process.poll() is None
    assert service.stop(signal.SIGTERM) == 0

"""``GET /metrics``: what Prometheus reads is what happened, whoever of the workers is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sql.engine import Engine
from sql.vocabulary import LEVELS
from tests.clients import TLS, http_client
from tests.conftest import DatabaseServer, Service, run_refresh_jobs, running_service
from tests.killable import until

pytestmark = pytest.mark.one_engine

SAMPLE = {
    "metric_name": "telemetry",
    "metric_type": "revenue",
    "value": 1,
    "unit": "BRL",
    "frequency": "hourly",
}

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module", params=["1", "2"], ids=["one-worker", "two-workers"])
def observed(
    request: pytest.FixtureRequest,
    database_of: DatabaseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """A service of its own with so many workers."""
    folder = tmp_path_factory.mktemp("telemetry")
    with running_service(
        folder, database_of.new_database(), FATURE_WORKERS=request.param
    ) as service:
        yield service


def scraped(service: Service) -> Samples:
    """Every sample of the text by its name and labels."""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0.0)


def fresh_client(service: Service) -> httpx2.Client:
    """Its connections may reach another worker."""
    return http_client(service.url, headers=service.client.headers)


def test_requests_and_samples_are_counted_once_each_over_all_workers(observed: Service) -> None:
    before = scraped(observed)
    for _ in range(10):
        with fresh_client(observed) as client:
            client.post("/api/metrics", json=SAMPLE).raise_for_status()
            batch = {"metrics": [SAMPLE] * 5}
            client.post("/api/metrics/batch", json=batch).raise_for_status()
            assert client.get("/api/metrics/unknown").status_code == 404
            assert client.get("/nowhere/1").status_code == 404
            assert client.get("/api/openapi.json").status_code == 200
    after = scraped(observed)

    def grew(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    requests = "fature_http_requests_total"
    assert grew(requests, method="POST", route="/api/metrics", status="201") == 10
    assert grew(requests, method="POST", route="/api/metrics/batch", status="201") == 10
    assert grew(requests, method="GET", route="unmatched", status="404") == 20
    assert grew(requests, method="GET", route="/api/openapi.json", status="200") == 10
    timed = "fature_http_request_seconds_count"
    assert grew(timed, method="POST", route="/api/metrics/batch") == 10
    assert grew("fature_ingest_samples_total", frequency="hourly") == 60
    assert grew("fature_ingest_flush_samples_sum") == 60
    assert value(after, "fature_ingest_waiting_samples") == 0
    assert grew("fature_query_seconds_count", query="copy_samples") == 20


def test_repeated_questions_are_told_from_computed_ones(observed: Service) -> None:
    before = scraped(observed)
    for _ in range(6):
        observed.client.get("/api/metrics/aggregate", params={"metric_name": "telemetry"})
    after = scraped(observed)
    name = "fature_cached_questions_total"
    outcomes = [
        value(after, name, outcome=x) - value(before, name, outcome=x)
        for x in ("computed", "shared")
    ]
    assert sum(outcomes) >= 6
    assert outcomes[0] > 0


def test_pools_are_told(observed: Service) -> None:
    until(lambda: value(scraped(observed), "fature_pool_connections", pool="write") >= 1)


def test_the_database_and_its_alerts_are_told(observed: Service, engine: Engine) -> None:
    then = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    observed.client.post("/api/metrics", json=SAMPLE | {"timestamp": then}).raise_for_status()
    run_refresh_jobs(observed.database_url)
    found = scraped(observed)
    assert value(found, "fature_database_up") == 1
    lags = {dict(labels)["rollup"] for name, labels in found if name == "fature_rollup_lag_seconds"}
    hourly = {f"rollup_hourly_{level}" for level in LEVELS["hourly"]}
    assert lags >= hourly if engine == "timescale" else not lags
    assert value(found, "fature_retention_lag_seconds", frequency="hourly") == 0
    assert value(found, "fature_alert_rules") == 6
    assert value(found, "fature_alert_events_open", severity="critical") == 0


def test_without_a_key_nothing_is_told(observed: Service) -> None:
    assert httpx2.get(f"{observed.url}/metrics", verify=TLS).status_code == 401


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-ID": "mine"}, "mine"),
    ],
)
def test_a_request_keeps_the_id_of_its_caller(
    observed: Service, headers: dict[str, str], expected: str
) -> None:
    answer = observed.client.get("/api/health", headers=headers)
    assert answer.headers["X-Request-ID"] == expected


@pytest.mark.parametrize(
    "wrong", ["", "00", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"ff-{TRACE}-00f067aa0ba902b7-01"]
)
def test_a_wrong_trace_is_ignored(observed: Service, wrong: str) -> None:
    answer = observed.client.get("/api/health", headers={"traceparent": wrong})
    assert answer.status_code == 200
    assert answer.headers["X-Request-ID"] not in {"", TRACE, "0" * 32}

"""``GET /metrics/business``: as parsers read it, and as Prometheus scrapes it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.acceptance.access import caller, ok, with_new_key
from tests.acceptance.talk import BATCH, sample
from tests.conftest import ADMIN_KEY, DatabaseServer, Service, running_service
from tests.killable import until
from tests.prometheus_server import instant_values, needs_prometheus, prometheus
from tests.prometheus_statements import statements

pytestmark = pytest.mark.one_engine

PATH = "/metrics/business"


@pytest.fixture(scope="module")
def exposing(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("exposition")
    with running_service(folder, database_of.new_database(), FATURE_ALERT_INTERVAL="0") as service:
        yield service


@pytest.fixture
def client(exposing: Service) -> httpx2.Client:
    return exposing.client


def yesterday() -> str:
    """An instant of the day before."""
    return (datetime.now(UTC) - timedelta(days=1)).isoformat()


def post(client: httpx2.Client, *samples: dict[str, Any]) -> None:
    answer = client.post(BATCH, json={"metrics": list(samples)})
    assert answer.status_code == 201, answer.text


def scrape(client: httpx2.Client, metric: str | list[str], **params: Any) -> dict[str, Metric]:
    """The families by their names, as the parser of OpenMetrics reads them."""
    answer = client.get(PATH, params={"metric": metric, **params})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    return {one.name: one for one in families}


def shown(family: Metric, *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(one.labels[name] for name in labels): one.value for one in family.samples}


def test_the_last_complete_and_the_current_period_are_shown_with_unit_and_help(
    client: httpx2.Client, metric: str
) -> None:
    post(
        client,
        sample(metric, value=0.1, unit="BRL", region="SP"),
        sample(metric, value=0.2, unit="BRL", region="SP"),
        sample(metric, value=3, unit="BRL", region='R"J\\'),
        sample(metric, value=7, unit="BRL", timestamp=yesterday()),
    )
    ok(client.patch(f"/api/metrics/catalog/{metric}", json={"description": "What\ncame\\in."}))
    families = scrape(client, metric, group_by="region", period="day")
    family = families[f"{metric}_BRL"]
    assert (family.unit, family.documentation, family.type) == ("BRL", "What\ncame\\in.", "gauge")
    assert shown(family, "state", "region", "period", "aggregation") == {
        ("current", "SP", "day", "sum"): 0.3,
        ("current", 'R"J\\', "day", "sum"): 3.0,
        ("complete", "", "day", "sum"): 7.0,
    }
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = families["fature_business_period_start_timestamp_seconds"]
    assert shown(starts, "state") == {
        ("current",): today.timestamp(),
        ("complete",): (today - timedelta(days=1)).timestamp(),
    }


def test_the_values_are_those_of_the_api(client: httpx2.Client, metric: str) -> None:
    post(
        client,
        *(sample(metric, value=n / 7, region=f"r{n % 3}") for n in range(30)),
        *(sample(metric, value=n / 3, timestamp=yesterday()) for n in range(30)),
    )
    for aggregation in ("sum", "avg", "min", "max", "count", "last"):
        asked = {"group_by": ["region"], "period": "month", "aggregation": aggregation}
        rows = ok(client.get("/api/metrics/aggregate", params={"metric_name": metric, **asked}))
        expected = {
            ("complete" if row["complete"] else "current", row["region"] or ""): row["value"]
            for row in rows
        }
        assert shown(scrape(client, metric, **asked)[metric], "state", "region") == expected


def test_each_unit_is_a_metric_of_its_own(client: httpx2.Client, metric: str) -> None:
    post(client, sample(metric, value=5, unit="BRL"))
    ok(client.patch(f"/api/metrics/catalog/{metric}", json={"units": ["BRL", "US$"]}))
    post(client, sample(metric, value=1, unit="US$"))
    families = scrape(client, metric)
    assert shown(families[f"{metric}_BRL"], "state") == {("current",): 5.0}
    assert shown(families[f"{metric}_US"], "state") == {("current",): 1.0}
    assert shown(scrape(client, metric, aggregation="count")[metric]) == {(): 2.0}
    assert f"{metric}_BRL" not in scrape(client, metric, unit="US$")


def test_names_become_those_that_prometheus_takes(client: httpx2.Client, metric: str) -> None:
    post(client, sample(f"1.{metric}-x", metadata={"pay.by": "pix", "state": "p"}))
    change = {"dimensions": ["pay.by", "state"]}
    ok(client.patch(f"/api/metrics/catalog/1.{metric}-x", json=change))
    asked = {"group_by": ["pay.by", "state"], "period": "month"}
    families = scrape(client, f"1.{metric}-x", **asked)
    (one,) = families[f"_1_{metric}_x"].samples
    assert one.labels.keys() >= {"pay_by", "exported_state", "state"}
    post(client, sample(f"1_{metric}.x"))
    answer = client.get(PATH, params={"metric": [f"1.{metric}-x", f"1_{metric}.x"]})
    assert answer.status_code == 422
    assert "would both be" in answer.json()["error"]["message"]


def test_what_cannot_be_shown_is_refused(client: httpx2.Client, metric: str) -> None:
    post(client, sample(metric, frequency="daily"))

    def status(**params: Any) -> int:
        return client.get(PATH, params=params).status_code

    assert status(metric=f"{metric}x") == 404
    assert status() == 422
    assert status(metric=[metric] * 101) == 422
    assert status(metric=metric, period="hour") == 422
    assert status(metric=metric, group_by="nothing") == 422
    assert status(metric=metric, p=ADMIN_KEY) == 422
    assert status(metric=[metric, "revenue_monthly"], period="month") == 200


def test_a_scraper_authenticates_as_prometheus_does(exposing: Service, metric: str) -> None:
    post(exposing.client, sample(metric))
    with with_new_key(exposing.client, "reader", scopes=["metrics:read"]) as reader:
        key = reader.headers["X-API-Key"]
    with caller(exposing.url, None) as stranger:
        asked = {"metric": metric}
        assert stranger.get(PATH, params=asked).status_code == 401
        assert stranger.get(PATH, params=asked, auth=("any", key)).status_code == 200
        assert stranger.get(PATH, params=asked, auth=("any", key[:-1])).status_code == 401
        bearer = {"Authorization": f"Bearer {key}"}
        assert stranger.get(PATH, params=asked, headers=bearer).status_code == 200


def test_ten_scrapers_cost_one_query(client: httpx2.Client, metric: str) -> None:
    post(client, sample(metric, region="SP"))
    before = statements(client).get("aggregate", 0)
    texts = {
        client.get(PATH, params={"metric": metric, "group_by": "region"}).text for _ in range(10)
    }
    assert len(texts) == 1
    assert statements(client)["aggregate"] == before + 1


@needs_prometheus
def test_prometheus_scrapes_it_and_can_be_asked(
    exposing: Service, metric: str, tmp_path: Path
) -> None:
    post(
        exposing.client,
        sample(metric, value=100.5, unit="BRL", region="SP"),
        sample(metric, value=20, unit="BRL", region="RJ"),
        sample(metric, value=60, unit="BRL", region="SP", timestamp=yesterday()),
    )
    job = {
        "job_name": "business",
        "metrics_path": PATH,
        "params": {"metric": [metric], "period": ["day"], "group_by": ["region"]},
        "basic_auth": {"username": "fature", "password": ADMIN_KEY},
        "static_configs": [{"targets": [exposing.url.removeprefix("http://")]}],
    }
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    with prometheus(tmp_path, config) as asking:
        until(lambda: instant_values(asking, "up") != {})
        assert list(instant_values(asking, "up").values()) == [1.0]
        by_region = f'sum by (region) ({metric}_BRL{{state="current"}})'
        assert instant_values(asking, by_region) == {
            (("region", "SP"),): 100.5,
            (("region", "RJ"),): 20.0,
        }
        name = f"{metric}_BRL"
        change = f'{name}{{state="current"}} - ignoring(state) {name}{{state="complete"}}'
        assert list(instant_values(asking, change).values()) == [40.5]

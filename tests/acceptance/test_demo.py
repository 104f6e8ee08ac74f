"""The demo as it is loaded: affiliates, alerts with a past, services that report."""

import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from service.commands import client
from service.commands.demo.platform import AFFILIATES
from service.commands.submission.windows import Windows
from sql.engine import Engine
from tests.conftest import DatabaseServer, Service, running_service
from tests.deploy.grafana import View, fill_in, query_of
from tests.integration.test_analyst_questions import QUESTIONS

ZONE = ZoneInfo("America/Sao_Paulo")
DAY = timedelta(days=1)
# Enough to see everything of, in a few seconds.
FEW = Windows({"real_time": DAY / 8, "hourly": 2 * DAY, "daily": 3 * DAY, "monthly": DAY})
# More people leave at night; this metric does not grow over the years.
LEAVING = {
    "rule_name": "people leave",
    "metric_name": "bounce_rate",
    "condition": ">",
    "threshold_value": 38.5,
    "severity": "low",
    "notification_channels": [],
    "window": "hour",
}


@pytest.fixture(scope="module")
def demo(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with a few days of the demo, loaded twice."""
    url = database_of.new_database(ZONE.key)
    with (
        running_service(
            tmp_path_factory.mktemp("demo"),
            url,
            FATURE_TIMEZONE=ZONE.key,
            FATURE_ALERT_INTERVAL="0",
        ) as service,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(client, "windows_of", lambda _: FEW)
        service.client.post("/api/alerts/rules", json=LEAVING).raise_for_status()
        key = service.client.headers["X-API-Key"]
        for _ in range(2):
            client.run_demo(service.url, key, ZONE, lambda: nullcontext(url))
        yield service


def got(service: Service, path: str, **params: Any) -> list[Mapping[str, Any]]:
    answer = service.client.get(path, params=params)
    answer.raise_for_status()
    found: list[Mapping[str, Any]] = answer.json()["data"]
    return found


def test_alerts_have_a_past_that_is_written_once(demo: Service) -> None:
    events = got(demo, "/api/alerts/events", metric_name="bounce_rate", limit=200)
    assert events
    opened = [event["opened_at"] for event in events]
    assert len(set(opened)) == len(opened)
    for event in events:
        assert event["rule_name"] == "people leave"
        assert event["status"] == "resolved"
        assert event["value"] > 38.5
        assert event["opened_at"] < event["resolved_at"]


def test_services_report_now_and_have_a_week_behind_them(demo: Service) -> None:
    latest = got(demo, "/api/services/health")
    assert len(latest) == 6
    assert not [report for report in latest if report["stale"]]
    with psycopg.connect(demo.database_url) as conn:
        found = conn.execute(
            "SELECT count(*), count(DISTINCT service_name), min(ts) FROM analytics.service_health"
        ).fetchone()
    assert found is not None
    reports, services, first = found
    assert services == 6
    assert 7 * DAY - timedelta(minutes=10) < datetime.now(UTC) - first < 7 * DAY + DAY / 24
    # Every five minutes, and those of the two runs.
    assert 6 * 7 * 288 - 6 <= reports <= 6 * (7 * 288 + 3)


def test_revenue_of_affiliates_is_told_apart(demo: Service, engine: Engine) -> None:
    expected = {*AFFILIATES, "no affiliate"}
    view = View(engine, datetime.now(UTC) - 3 * DAY, datetime.now(UTC), ZONE.key)
    with psycopg.connect(demo.database_url) as conn:
        conn.execute("SET timezone = 'America/Sao_Paulo'")
        query = query_of("revenue", "Revenue by affiliate", "table")
        shown = conn.execute(fill_in(query.sql, view).encode()).fetchall()
        asked = conn.execute(QUESTIONS[5].encode()).fetchall()
    assert {name.removesuffix(" BRL") for name, _ in shown} == expected
    assert {re.sub(r"[()]", "", name) for name, *_ in asked} == expected


def test_targets_annotations_and_the_rule_are_there_once(demo: Service) -> None:
    targets = got(demo, "/api/targets")
    assert len({one["name"] for one in targets}) == len(targets) == 4
    for target in targets:
        answer = demo.client.get(f"/api/targets/{target['id']}/progress")
        assert answer.status_code == 200, answer.text
    notes = got(demo, "/api/annotations", limit=1000)
    assert len({(one["text"], one["from"]) for one in notes}) == len(notes)
    assert {"Flash sale of the evening", "Pix fails at the bank"} <= {one["text"] for one in notes}
    rules = [one["rule_name"] for one in got(demo, "/api/alerts/rules")]
    assert rules.count("Revenue is unusually low") == 1

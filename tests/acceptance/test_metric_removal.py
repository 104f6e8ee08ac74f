"""Removed metrics: nothing of them is left at any level, and what is on them is named before."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import psycopg
import pytest

from sql.vocabulary import LEVELS
from tests.acceptance.access import new_tenant, ok
from tests.acceptance.reading import ask, query, submit
from tests.acceptance.reading import at as sample_at
from tests.acceptance.talk import places, refused
from tests.acceptance.test_access_table import RULE
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service, run_refresh_jobs

OLD = datetime.now(UTC) - timedelta(days=20)


@pytest.fixture
def admin(service: Service) -> Iterator[httpx2.Client]:
    """An admin of a tenant of its own."""
    with new_tenant(service.client, f"removing-{secrets.token_hex(4)}") as client:
        yield client


def path(metric: str) -> str:
    return f"/api/metrics/catalog/{metric}"


def left(service: Service, metric: str) -> int:
    """Rows of it at any level, over SQL."""
    relations = ["metrics", "voids", "catalog", *(f"metric_{level}" for level in LEVELS["hourly"])]
    with psycopg.connect(service.database_url) as conn:
        return sum(
            len(
                conn.execute(
                    f"SELECT FROM analytics.{name} WHERE metric_name = %s".encode(), [metric]
                ).fetchall()
            )
            for name in relations
        )


def test_a_metric_is_removed_with_everything_of_it(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    numbers = submit(
        admin, metric, *(sample_at(OLD, 1.0, region=region, unit="BRL") for region in "AAB")
    )
    submit(service.client, metric, sample_at(OLD, 5.0))
    run_refresh_jobs(service.database_url)
    ok(admin.post(f"/api/metrics/{numbers[0]}/void", json={"reason": "A typo"}))
    counted = {"metric_name": metric, "series": 2, "samples": 2, "voids": 1, "id": None}
    assert ok(admin.delete(path(metric), params={"dry_run": "true"})) == counted
    assert len(query(admin, metric)["data"]) == 2
    before = left(service, metric)
    assert ok(admin.delete(path(metric))) == counted
    refused(admin.delete(path(metric)), 404)
    for _ in ("at once", "by every policy"):
        # What is left is the other tenant's: entry, sample and a bucket of each level.
        assert left(service, metric) == 2 + len(LEVELS["hourly"]) < before
        run_refresh_jobs(service.database_url)
    assert ask(admin, metric).status_code == 404
    (entry,) = ok(admin.get("/api/audit", params={"action": "catalog.delete"}))
    assert (entry["target"], entry["after"]["samples"]) == (f"metric:{metric}", 2)
    # The name is anybody's again.
    submit(admin, metric, sample_at(OLD, 7.0, metric_type="commission", unit="USD"))
    assert [row["value"] for row in query(admin, metric)["data"]] == [7.0]


def test_rules_and_panels_on_it_are_named_and_keep_it(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    submit(admin, metric, sample_at(OLD, 1.0))
    rule = ok(
        admin.post("/api/alerts/rules", json={**RULE, "rule_name": "Low", "metric_name": metric})
    )
    panel = {"id": "a", "type": "line", "title": "Sales", "queries": [{"metric_name": metric}]}
    config = {"panels": [panel], "layout": [{"panel": "a", "x": 0, "y": 0, "w": 6, "h": 4}]}
    board = ok(admin.post("/api/dashboards", json={"name": "Board", "config": config}))
    wanted = {"name": "More", "metric_name": metric, "period": "day", "value": 1}
    target = ok(admin.post("/api/targets", json={**wanted, "direction": "at_least"}))
    for params in ({}, {"dry_run": "true"}):
        error = refused(admin.delete(path(metric), params=params), 409)
        assert [field for _, field in places(error)] == ["rules", "targets", "dashboards"]
        assert [one["message"] for one in error["details"]] == [
            f"rule {rule['id']} (Low)",
            f"target {target['id']} (More)",
            f"dashboard {board['id']} (Board), panel Sales",
        ]
    ok(admin.delete(f"/api/alerts/rules/{rule['id']}"))
    ok(admin.delete(f"/api/dashboards/{board['id']}"))
    ok(admin.delete(f"/api/targets/{target['id']}"))
    body = {"until": OLD.date().isoformat(), "metric_type": "revenue"}
    closed = ok(admin.post("/api/periods/close", json=body))
    assert f"(close {closed['id']})" in refused(admin.delete(path(metric)), 409)["message"]
    ok(admin.delete(f"/api/periods/close/{closed['id']}"))
    with signed_in(admin) as web:
        page = f"/admin/catalog/{metric}/remove"
        assert page in web.get(f"/admin/catalog/{metric}").text
        assert "Series 1 Samples 1" in text_of(web.get(page))
        assert post(web, page).status_code == 303
    assert ask(admin, metric).status_code == 404

"""Dashboards are kept as they were given, by tenant, and only by those who may."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from service.access.caller import Caller, Principal
from service.access.shares import Shares
from service.dashboards.store import find_dashboard
from sql.database import Pool, create_pool
from sql.scope import Scope
from tests.acceptance.access import new_tenant, ok
from tests.acceptance.talk import refused
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

CONFIG: dict[str, Any] = {
    "version": 1,
    "panels": [
        {
            "id": "revenue",
            "type": "stat",
            "title": "Revenue",
            "compare": "previous_year",
            "queries": [
                {
                    "metric_name": "revenue_hourly",
                    "label": "All",
                    "aggregation": "sum",
                    "period": "day",
                    "filters": {"region": "$region"},
                    "group_by": [],
                    "fill": "zero",
                }
            ],
        }
    ],
    "variables": [{"name": "region", "label": "Region", "field": "region", "default": "SP"}],
    "layout": [{"panel": "revenue", "x": 0, "y": 0, "w": 3, "h": 2}],
    "time_range": {"last": "this_month", "start_date": None, "end_date": None},
    "refresh": "5m",
}
DEFAULTS = {
    "Business overview",
    "Revenue and commission",
    "Users and conversion",
    "Platform and API",
    "Gamification and validation",
}
ALL = "/api/dashboards"


@pytest.fixture
def made(api: httpx2.Client) -> dict[str, Any]:
    """A dashboard of a name of its own."""
    body = {"name": secrets.token_hex(8), "description": "Ours.", "config": CONFIG}
    made: dict[str, Any] = ok(api.post(ALL, json=body))
    return made


def test_a_dashboard_is_read_as_it_was_given(api: httpx2.Client, made: dict[str, Any]) -> None:
    read = ok(api.get(f"{ALL}/{made['id']}"))
    assert read == made
    assert read["config"] == CONFIG
    assert read["created_by"] == "admin-key"
    listed = api.get(ALL).json()
    assert listed["data"][0] == made
    assert listed["count"] == len(listed["data"])


def test_what_is_patched_changes_and_the_rest_stays(
    api: httpx2.Client, made: dict[str, Any]
) -> None:
    path = f"{ALL}/{made['id']}"
    patched = ok(api.patch(path, json={"description": "Everybody's."}))
    assert patched["description"] == "Everybody's."
    assert (patched["name"], patched["config"]) == (made["name"], CONFIG)
    config = CONFIG | {"refresh": None}
    assert ok(api.patch(path, json={"config": config}))["config"] == config


def test_put_replaces_it_whole(api: httpx2.Client, made: dict[str, Any]) -> None:
    path = f"{ALL}/{made['id']}"
    body = {"name": made["name"], "config": {"panels": [], "layout": []}}
    replaced = ok(api.put(path, json=body))
    assert replaced["description"] == ""
    assert replaced["config"]["panels"] == []
    assert "config" in refused(api.put(path, json={"name": "x"}), 422)["message"]


def test_what_is_deleted_is_gone(api: httpx2.Client, made: dict[str, Any]) -> None:
    path = f"{ALL}/{made['id']}"
    assert ok(api.delete(path)) == {"id": made["id"], "name": made["name"]}
    assert api.get(path).status_code == 404
    assert api.delete(path).status_code == 404


def test_a_name_is_used_once(api: httpx2.Client, made: dict[str, Any]) -> None:
    body = {"name": made["name"], "config": CONFIG}
    assert refused(api.post(ALL, json=body), 409)["details"][0]["field"] == "name"
    other = ok(api.post(ALL, json=body | {"name": secrets.token_hex(8)}))
    assert api.patch(f"{ALL}/{other['id']}", json={"name": made["name"]}).status_code == 409


def test_what_is_wrong_in_a_config_is_named_by_its_place(api: httpx2.Client) -> None:
    panel = CONFIG["panels"][0] | {"queries": [{"metric_name": "not a name"}]}
    body = {"name": "x", "config": CONFIG | {"panels": [panel]}}
    error = refused(api.post(ALL, json=body), 422)
    assert error["details"][0]["field"] == "config.panels.0.stat.queries.0.metric_name"


def test_every_tenant_starts_with_the_five_of_the_platform(api: httpx2.Client) -> None:
    assert {one["name"] for one in ok(api.get(ALL))} >= DEFAULTS
    with new_tenant(api, f"t{secrets.token_hex(6)}") as other:
        found = ok(other.get(ALL))
        assert {one["name"] for one in found} == DEFAULTS
        for one in found:
            body = {name: one[name] for name in ("name", "description", "config")}
            assert ok(other.put(f"{ALL}/{one['id']}", json=body))["name"] == one["name"]


def test_the_default_dashboards_show_metrics_of_the_catalogue(api: httpx2.Client) -> None:
    known = {one["metric_name"] for one in ok(api.get("/api/metrics/catalog"))}
    for one in ok(api.get(ALL)):
        if one["name"] in DEFAULTS:
            panels = one["config"]["panels"]
            used = {query["metric_name"] for p in panels for query in p.get("queries", [])}
            assert used
            assert used <= known


def test_every_change_is_in_the_audit_log(api: httpx2.Client, made: dict[str, Any]) -> None:
    path = f"{ALL}/{made['id']}"
    api.patch(path, json={"description": "Other."})
    api.delete(path)
    found = ok(api.get("/api/audit", params={"target": f"dashboard:{made['id']}"}))
    assert [one["action"] for one in found] == [
        "dashboard.delete",
        "dashboard.update",
        "dashboard.create",
    ]
    assert found[1]["before"]["description"] == "Ours."
    assert found[1]["after"]["description"] == "Other."


def test_a_link_shows_what_its_maker_saw_until_it_expires_or_is_ended(
    service: Service, made: dict[str, Any]
) -> None:
    maker = Principal("user:1", "reader", Scope("default", "payments"))

    async def story(pool: Pool) -> None:
        shares, now = Shares(pool, "s3cret" * 8), datetime.now(UTC)
        row = await find_dashboard(pool, "default", made["id"])
        day = timedelta(days=1)
        token = await shares.create(Caller(maker, now), row, now + day)
        shown = await shares.shown_by(token, now)
        assert shown is not None
        assert shown.dashboard["dashboard_id"] == made["id"]
        assert shown.scope == maker.scope
        assert await shares.shown_by(token, now + day) is None
        assert await shares.shown_by("another", now) is None
        (listed,) = await shares.of_dashboard("default", made["id"], now)
        assert token not in str(listed)
        number = listed["dashboard_share_id"]
        stranger = Principal("user:2", "admin", Scope("elsewhere"))
        assert not await shares.end(Caller(stranger, now), made["id"], number)
        assert await shares.end(Caller(maker, now), made["id"], number)
        assert await shares.shown_by(token, now) is None

    async def run() -> None:
        async with create_pool(service.database_url, size=1) as pool:
            await story(pool)

    asyncio.run(run())

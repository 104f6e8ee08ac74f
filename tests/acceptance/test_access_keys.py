"""The life of keys on two replicas, and the limits on callers, tenants and services."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.access import caller, ends_in, issued, new_tenant, ok, with_new_key
from tests.acceptance.people import add_person
from tests.acceptance.talk import BATCH, ONE, refused, sample
from tests.acceptance.ways import FOREIGN, MAPPING, Amount, refusal
from tests.acceptance.web import sign_in, text_of, visitor
from tests.clock import wait_out_minute
from tests.conftest import DatabaseServer, Service, running_service
from tests.instances import command
from tests.killable import until

pytestmark = pytest.mark.one_engine

CATALOG = "/api/metrics/catalog"


@pytest.fixture(scope="module")
def replicas(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """Two services on one database with one secret; the second has narrow limits."""
    folder = tmp_path_factory.mktemp("access-keys")
    url = database_of.new_database()
    narrow: dict[str, Any] = {
        "FATURE_RATE_LIMIT": "40/minute",
        "FATURE_MAX_SERIES_PER_TENANT": "6",
        "FATURE_MAX_SERIES_PER_SERVICE": "3",
    }
    with ExitStack() as stack:
        first = stack.enter_context(running_service(folder, url, FATURE_ALERT_INTERVAL="0"))
        second = running_service(folder, url, FATURE_ALERT_INTERVAL="0", **narrow)
        yield first, stack.enter_context(second)


@pytest.fixture
def admin(replicas: tuple[Service, Service]) -> httpx2.Client:
    return replicas[0].client


def status(url: str, key: str) -> int:
    with caller(url, key) as client:
        return client.get(CATALOG).status_code


def test_a_key_works_everywhere_at_once_and_is_shown_only_once(
    replicas: tuple[Service, Service], admin: httpx2.Client
) -> None:
    first, second = replicas
    key = issued(admin, "reader", name="Dashboard")
    assert key["key"].startswith(key["prefix"] + "_")
    assert len(key["key"].removeprefix(key["prefix"] + "_")) == 43
    assert status(second.url, key["key"]) == 200
    assert status(first.url, key["key"]) == 200
    answer = admin.get("/api/keys")
    assert key["key"] not in answer.text
    (listed,) = [one for one in answer.json()["data"] if one["id"] == key["id"]]
    assert listed["name"] == "Dashboard"
    assert listed["scopes"] == ["alerts:read", "metrics:read"]
    with psycopg.connect(first.database_url) as conn:
        rows = conn.execute("SELECT k::text, encode(digest, 'escape') FROM fature.api_key AS k")
        secret = key["key"].rpartition("_")[2]
        assert all(secret not in text for row in rows for text in row)


def test_a_revoked_key_is_refused_on_another_replica_within_five_seconds(
    replicas: tuple[Service, Service], admin: httpx2.Client
) -> None:
    first, second = replicas
    key = issued(admin, "reader")
    assert status(second.url, key["key"]) == 200
    assert ok(admin.delete(f"/api/keys/{key['id']}"))["revoked_at"]
    revoked_at = time.monotonic()
    assert status(first.url, key["key"]) == 401
    until(lambda: status(second.url, key["key"]) == 401)
    assert time.monotonic() - revoked_at < 5
    again = ok(admin.delete(f"/api/keys/{key['id']}"))
    assert again["revoked_at"]
    refused(admin.post(f"/api/keys/{key['id']}/rotate"), 409)


def test_a_rotated_key_has_another_secret_under_its_id(
    replicas: tuple[Service, Service], admin: httpx2.Client
) -> None:
    first, second = replicas
    key = issued(admin, "reader")
    rotated = ok(admin.post(f"/api/keys/{key['id']}/rotate"))
    assert rotated["id"] == key["id"]
    assert rotated["key"] != key["key"]
    assert status(first.url, rotated["key"]) == status(second.url, rotated["key"]) == 200
    assert status(first.url, key["key"]) == 401
    mixed = rotated["prefix"] + key["key"].removeprefix(key["prefix"])
    assert status(first.url, mixed) == 401


def test_a_key_expires_by_itself_and_its_use_is_noted(
    replicas: tuple[Service, Service], admin: httpx2.Client
) -> None:
    key = issued(admin, "reader", expires_at=ends_in(1))
    assert key["last_used_at"] is None
    assert status(replicas[0].url, key["key"]) == 200
    until(lambda: status(replicas[0].url, key["key"]) == 401)

    def used() -> Any:
        return {one["id"]: one["last_used_at"] for one in ok(admin.get("/api/keys"))}[key["id"]]

    until(lambda: used() is not None)


WRONG_KEYS = [
    {"role": "reader"},
    {"name": "", "role": "reader"},
    {"name": "x", "role": "owner"},
    {"name": "x", "role": "reader", "scopes": ["metrics:write"]},
    {"name": "x", "role": "reader", "scopes": []},
    {"name": "x", "role": "admin", "service_name": "payments"},
    {"name": "x", "role": "reader", "expires_at": "2020-01-01T00:00:00Z"},
    {"name": "x", "role": "reader", "tenant": "nowhere"},
    {"name": "x", "role": "reader", "key": "mine"},
]


def test_a_key_that_makes_no_sense_is_not_issued(admin: httpx2.Client) -> None:
    for body in WRONG_KEYS:
        refused(admin.post("/api/keys", json=body), 422)


def test_a_key_of_one_service_posts_under_its_name_alone(
    replicas: tuple[Service, Service], admin: httpx2.Client, metric: str
) -> None:
    with with_new_key(admin, "writer", service_name="payments") as bound:
        assert bound.post(ONE, json=sample(metric)).status_code == 201
        foreign = sample(metric, service_name="orders")
        refused(bound.post(ONE, json=foreign), 403)
        refused(bound.post(BATCH, json={"metrics": [sample(metric), foreign]}), 403)
        wrong = [sample(metric, value="x"), foreign]
        assert bound.post(BATCH, json={"metrics": wrong}).status_code in (403, 422)
        report = {"service_name": "orders", "status": "healthy"}
        refused(bound.post("/api/services/health", json=report), 403)
        refused(bound.get("/api/services/orders/health"), 404)
    answer = ok(admin.get("/api/metrics/query", params={"metric_name": metric}))
    assert [one["service_name"] for one in answer] == ["payments"]


def test_only_the_default_tenants_admins_reach_beyond_their_tenant(admin: httpx2.Client) -> None:
    tenant = f"t{secrets.token_hex(4)}"
    with new_tenant(admin, tenant) as theirs:
        body = {"name": "x", "role": "reader", "tenant": "default"}
        refused(theirs.post("/api/keys", json=body), 403)
        assert [one["tenant"] for one in ok(theirs.get("/api/keys"))] == [tenant]
        refused(admin.delete("/api/tenants/default"), 409)
        refused(admin.patch("/api/tenants/default", json={"is_active": False}), 409)
        ok(admin.patch(f"/api/tenants/{tenant}", json={"is_active": False}))
        refused(theirs.get("/api/keys"), 401)
        ok(admin.patch(f"/api/tenants/{tenant}", json={"is_active": True}))
        assert theirs.post(ONE, json=sample("kept")).status_code == 201
        refused(admin.delete(f"/api/tenants/{tenant}"), 409)


def test_a_new_tenant_starts_with_the_platforms_metrics(admin: httpx2.Client) -> None:
    assert admin.post(ONE, json=sample("not_the_platforms")).status_code == 201
    with new_tenant(admin, f"t{secrets.token_hex(4)}") as theirs:
        listed = {one["metric_name"]: one for one in ok(theirs.get(CATALOG))}
    assert len(listed) == 28
    assert listed["commission_rate"]["kind"] == "ratio"


def test_a_caller_over_its_limit_is_told_when_to_come_back(
    replicas: tuple[Service, Service], admin: httpx2.Client
) -> None:
    first, second = replicas
    key = issued(admin, "reader")["key"]
    wait_out_minute()
    with caller(second.url, key) as client:
        answers = [client.get(CATALOG) for _ in range(42)]
    assert [answer.status_code for answer in answers] == [200] * 40 + [429] * 2
    assert answers[0].headers["RateLimit-Policy"] == '"caller";q=40;w=60'
    assert answers[0].headers["RateLimit"].startswith('"caller";r=39;t=')
    refused(answers[-1], 429)
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].headers["RateLimit"].startswith('"caller";r=0;t=')
    assert status(first.url, key) == 200


def test_new_series_beyond_the_limits_are_refused_and_old_ones_go_on(
    replicas: tuple[Service, Service], admin: httpx2.Client, metric: str
) -> None:
    def post(client: httpx2.Client, service: str, *regions: str) -> httpx2.Response:
        made = [sample(metric, service_name=service, region=region) for region in regions]
        return client.post(BATCH, json={"metrics": made})

    tenant = f"t{secrets.token_hex(4)}"
    new_tenant(admin, tenant).close()
    key = issued(admin, "writer", tenant=tenant)["key"]
    with caller(replicas[1].url, key) as client:
        assert post(client, "a", "1", "2", "3").status_code == 201
        error = refused(post(client, "a", "3", "4"), 422)
        assert "FATURE_MAX_SERIES_PER_SERVICE" in error["message"]
        assert post(client, "a", "1", "2", "3").status_code == 201
        assert post(client, "b", "1", "2", "3").status_code == 201
        error = refused(post(client, "c", "1"), 422)
        assert "FATURE_MAX_SERIES_PER_TENANT" in error["message"]
        assert f"{metric} grows most" in error["message"]
        # What a service says of itself is taken without its sample.
        report = {"service_name": "a", "status": "unhealthy"}
        assert client.post("/api/services/health", json=report).status_code == 201
    with caller(replicas[1].url, issued(admin, "reader", tenant=tenant)["key"]) as reader:
        (latest,) = ok(reader.get("/api/services/health"))
        assert (latest["service_name"], latest["status"]) == ("a", "unhealthy")
        assert series(reader, "service_health") == 0


@pytest.mark.parametrize("way", FOREIGN)
def test_other_protocols_are_held_to_the_limits_and_what_has_room_is_stored(
    replicas: tuple[Service, Service], admin: httpx2.Client, metric: str, way: str
) -> None:
    def send(service: str, *regions: str) -> str | None:
        amounts = [Amount(1.0, service, region) for region in regions]
        return refusal(FOREIGN[way](client, metric, amounts))

    tenant = f"t{secrets.token_hex(4)}"
    with new_tenant(admin, tenant) as theirs:
        with caller(replicas[1].url, issued(theirs, "admin")["key"]) as client:
            ok(client.put("/api/mappings", json={"yaml": MAPPING}))
            assert send("a", "1", "2", "3") is None
            told = send("a", "3", "4")
            assert told is not None
            assert "FATURE_MAX_SERIES_PER_SERVICE" in told
            assert send("b", "1", "2", "3") is None
            told = send("c", "1")
            assert told is not None
            assert "FATURE_MAX_SERIES_PER_TENANT" in told
        assert series(theirs, metric) == 6
        rows = ok(theirs.get("/api/metrics/query", params={"metric_name": metric, "region": "3"}))
        # One of them came beside a series too many.
        assert [one["service_name"] for one in rows] == ["b", "a", "a"]


def series(client: httpx2.Client, metric: str) -> int:
    """How many the catalogue has of a metric."""
    listed = ok(client.get(CATALOG))
    return sum(one["series"] for one in listed if one["metric_name"] == metric)


def test_operators_are_told_that_a_limit_is_near(
    replicas: tuple[Service, Service], admin: httpx2.Client, metric: str
) -> None:
    narrow = replicas[1]
    tenant = f"t{secrets.token_hex(4)}"
    with new_tenant(admin, tenant) as theirs, visitor(narrow.url) as browser:
        sign_in(browser, add_person(theirs, "operator"))
        made = [sample(metric, service_name="shop", region=region) for region in "123"]
        assert theirs.post(BATCH, json={"metrics": made}).status_code == 201
        page = text_of(browser.get("/admin/catalog"))
        assert f"shop has 3 of the 3 series that a service may have; {metric} grows most" in page
        browser.headers["Accept-Language"] = "pt-BR"
        page = text_of(browser.get("/admin/catalog"))
        assert "shop tem 3 das 3 séries que um serviço pode ter" in page
    ratio = f'fature_series_used_ratio{{service_name="shop",tenant="{tenant}"}} 1.0'
    assert ratio in narrow.client.get("/metrics").text.splitlines()


def test_make_key_issues_one_that_works(replicas: tuple[Service, Service]) -> None:
    first = replicas[0]
    settings = {
        "FATURE_DATABASE_URL": first.database_url,
        "FATURE_DATA_DIR": str(first.log.parent),
    }
    made = command("key", "Shop", "--role", "writer", "--service", "shop", **settings)
    assert made.returncode == 0, made.stderr
    assert status(first.url, made.stdout.strip()) == 200
    wrong = command("key", "Shop", "--role", "admin", "--service", "shop", **settings)
    assert wrong.returncode == 1
    assert "cannot be bound" in wrong.stderr

"""Every route and every kind of caller: what is answered."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import httpx2
import psycopg
import pytest

from service.features import ENDPOINTS
from tests.acceptance.access import caller, ends_in, issued, new_tenant, ok, with_new_key
from tests.acceptance.talk import CODES, sample
from tests.acceptance.ways import OTLP, Amount, as_otlp_protobuf
from tests.conftest import DatabaseServer, Service, running_service

pytestmark = pytest.mark.one_engine

# The callers that are known: each role; `few`, an operator left with alerts:read; writer and
# reader bound to the service payments; `other`, an admin of another tenant. Those that are
# not (no key, a wrong, an expired, a revoked one) are answered 401, but where it says open.
TABLE = """
                                                admin operator writer reader few bound bound_reader other
POST    /api/metrics                            201   403      201    403    403 201   403          201
POST    /api/metrics/batch                      201   403      201    403    403 201   403          201
POST    /api/v2/write                           204   403      204    403    403 204   403          204
POST    /write                                  204   403      204    403    403 204   403          204
POST    /api/v1/write                           204   403      204    403    403 204   403          204
POST    /v1/metrics                             200   403      200    403    403 200   403          200
POST    /api/imports                            202   202      403    403    403 202   403          202
GET     /api/imports                            200   200      403    403    403 200   403          200
GET     /api/imports/{id:int}                   200   200      403    403    403 404   403          404
GET     /api/imports/{id:int}/errors            200   200      403    403    403 404   403          404
GET     /api/mappings                           200   200      403    200    403 200   200          200
PUT     /api/mappings                           200   200      403    403    403 403   403          200
POST    /api/mappings/test                      200   200      403    200    403 200   200          200
GET     /api/metrics/query                      200   200      403    200    403 200   200          200
GET     /api/metrics/aggregate                  200   200      403    200    403 200   200          200
GET     /api/metrics/breakdown                  200   200      403    200    403 200   200          200
GET     /api/metrics/explain                    200   200      403    200    403 200   200          200
GET     /api/metrics/voids                      200   200      403    200    403 200   200          200
POST    /api/metrics/void                       200   200      403    403    403 200   403          404
GET     /api/metrics/void/{id:int}              200   200      403    403    403 404   403          404
POST    /api/metrics/reconcile                  200   200      403    403    403 200   403          404
GET     /api/periods/close                      200   200      403    200    403 200   200          200
POST    /api/periods/close                      201   403      403    403    403 403   403          201
DELETE  /api/periods/close/{id:int}             200   403      403    403    403 403   403          404
POST    /api/metrics/relabel                    200   200      403    403    403 200   403          404
POST    /api/metrics/{metric_id:int}/void       200   200      403    403    403 200   403          404
POST    /api/metrics/{metric_id:int}/replace    200   200      403    403    403 200   403          404
GET     /api/metrics/forecast                   422   422      403    422    403 422   422          422
GET     /api/metrics/anomalies                  200   200      403    200    403 200   200          200
GET     /api/targets                            200   200      403    200    403 200   200          200
POST    /api/targets                            201   201      403    403    403 403   403          404
GET     /api/targets/{id:int}                   200   200      403    200    403 200   200          404
PATCH   /api/targets/{id:int}                   200   200      403    403    403 403   403          404
DELETE  /api/targets/{id:int}                   200   200      403    403    403 403   403          404
GET     /api/targets/{id:int}/progress          200   200      403    200    403 200   200          404
GET     /api/annotations                        200   200      403    200    403 200   200          200
POST    /api/annotations                        201   201      201    403    403 201   403          201
DELETE  /api/annotations/{id:int}               200   200      200    403    403 200   403          404
GET     /api/metrics/catalog                    200   200      403    200    403 200   200          200
PATCH   /api/metrics/catalog/{metric_name}      200   200      403    403    403 403   403          404
PUT     /api/metrics/catalog/{metric_name}      409   409      403    403    403 403   403          422
DELETE  /api/metrics/catalog/{metric_name}      200   403      403    403    403 403   403          404
GET     /api/metrics/removals/{id:int}          200   403      403    403    403 403   403          404
GET     /api/labels/{label}                     200   200      403    200    403 200   200          200
PUT     /api/labels/{label}/{value:path}        200   200      403    403    403 403   403          200
DELETE  /api/labels/{label}/{value:path}        200   200      403    403    403 403   403          404
GET     /api/health                             open
GET     /api/ready                              open
POST    /api/services/health                    201   403      201    403    403 201   403          201
GET     /api/services/health                    200   200      403    200    403 200   200          200
GET     /api/services/{service_name:path}/health 200   200      403    200    403 200   200          200
GET     /api/alerts/rules                       200   200      403    200    200 403   200          200
POST    /api/alerts/rules                       201   201      403    403    403 403   403          201
POST    /api/alerts/rules/test                  200   200      403    200    403 200   200          200
POST    /api/alerts/rules/suggest               200   200      403    200    403 200   200          404
GET     /api/alerts/rules/{id:int}              200   200      403    200    200 403   404          404
PUT     /api/alerts/rules/{id:int}              200   200      403    403    403 403   403          404
PATCH   /api/alerts/rules/{id:int}              200   200      403    403    403 403   403          404
DELETE  /api/alerts/rules/{id:int}              200   200      403    403    403 403   403          404
GET     /api/alerts/events                      200   200      403    200    200 403   200          200
GET     /api/alerts/events/{id:int}             200   200      403    200    200 403   404          404
POST    /api/alerts/events/acknowledge          200   200      403    403    403 403   403          200
POST    /api/alerts/events/resolve              200   200      403    403    403 403   403          200
POST    /api/alerts/events/{id:int}/acknowledge 200   200      403    403    403 403   403          404
POST    /api/alerts/events/{id:int}/resolve     200   200      403    403    403 403   403          404
GET     /api/alerts/events/{id:int}/deliveries  200   200      403    200    200 403   404          404
GET     /api/alerts/silences                    200   200      403    200    200 403   200          200
POST    /api/alerts/silences                    201   201      403    403    403 403   403          201
DELETE  /api/alerts/silences/{id:int}           200   200      403    403    403 403   403          404
POST    /api/alerts/channels/test               200   200      403    403    403 403   403          200
GET     /api/dashboards                         200   200      403    200    403 200   200          200
POST    /api/dashboards                         201   201      403    403    403 403   403          201
GET     /api/dashboards/{id:int}                200   200      403    200    403 200   200          404
PUT     /api/dashboards/{id:int}                200   200      403    403    403 403   403          404
PATCH   /api/dashboards/{id:int}                200   200      403    403    403 403   403          404
DELETE  /api/dashboards/{id:int}                200   200      403    403    403 403   403          404
GET     /api/keys                               200   403      403    403    403 403   403          200
POST    /api/keys                               201   403      403    403    403 403   403          201
DELETE  /api/keys/{id:int}                      200   403      403    403    403 403   403          404
POST    /api/keys/{id:int}/rotate               200   403      403    403    403 403   403          404
GET     /api/tenants                            200   403      403    403    403 403   403          403
POST    /api/tenants                            201   403      403    403    403 403   403          403
PATCH   /api/tenants/{tenant}                   200   403      403    403    403 403   403          403
DELETE  /api/tenants/{tenant}                   200   403      403    403    403 403   403          403
POST    /api/auth/login                         open
POST    /api/auth/refresh                       open
POST    /api/auth/logout                        open
POST    /api/auth/password                      403   403      403    403    403 403   403          403
GET     /api/users                              200   403      403    403    403 403   403          200
POST    /api/users                              201   403      403    403    403 403   403          201
PATCH   /api/users/{id:int}                     200   403      403    403    403 403   403          404
DELETE  /api/users/{id:int}                     200   403      403    403    403 403   403          404
GET     /metrics                                200   200      403    200    403 403   403          403
GET     /metrics/business                       200   200      403    200    403 200   200          200
POST    /api/v1/read                            200   200      403    200    403 200   200          200
POST    /graphql                                200   200      200    200    200 200   200          200
GET     /api/audit                              200   403      403    403    403 403   403          200
GET     /api/openapi.json                       200   200      200    200    200 200   200          200
GET     /docs                                   200   200      200    200    200 200   200          200
"""  # noqa: E501
CALLERS, *LINES = TABLE.strip().splitlines()
KNOWN = CALLERS.split()
ROUTES = {tuple(line.split()[:2]): line.split()[2:] for line in LINES}
UNKNOWN = ("none", "wrong", "expired", "revoked")

RULE = {
    "metric_name": "orders_shipped",
    "condition": ">",
    "threshold_value": 5,
    "severity": "low",
    "window": "day",
    "aggregation": "sum",
}
AN_ANNOTATION = {"at": "2026-11-27T00:00:00Z", "text": "Deployed"}
ONE_SAMPLE = sample("orders_shipped", service_name="payments")


def a_dashboard() -> dict[str, Any]:
    """A dashboard of a name that nobody else uses."""
    return {"name": secrets.token_hex(8), "config": {"panels": [], "layout": []}}


def a_target() -> dict[str, Any]:
    """A target of a name that nobody else uses."""
    return {
        "name": secrets.token_hex(8),
        "metric_name": "only_here",
        "period": "month",
        "value": 5,
    }


def a_close() -> dict[str, str]:
    """A close of a day that nobody else closes, in which nobody posts."""
    day = date(1990, 1, 1) + timedelta(days=secrets.randbelow(3650))
    return {"until": day.isoformat(), "metric_type": "gamification"}


@dataclass
class World:
    """A running service, a client of each kind of caller, and things to do something to."""

    service: Service
    clients: dict[str, httpx2.Client]

    def rule(self) -> int:
        body = RULE | {"rule_name": secrets.token_hex(8)}
        return int(ok(self.service.client.post("/api/alerts/rules", json=body))["id"])

    def sample(self) -> int:
        answer = self.service.client.post("/api/metrics", json=ONE_SAMPLE)
        return int(answer.json()["metric_id"])

    def named(self) -> str:
        value = secrets.token_hex(6)
        ok(self.service.client.put(f"/api/labels/region/{value}", json={"name": "Somewhere"}))
        return value

    def void(self) -> int:
        with psycopg.connect(self.service.database_url) as conn:
            row = conn.execute(
                """
                INSERT INTO fature.void_job (
                    tenant, metric_name, reason, actor, series, since, before, total, status
                )
                VALUES ('default', 'm', 'r', 'key:1', '{}', now(), now(), 0, 'done')
                RETURNING job_id
                """
            ).fetchone()
        assert row is not None
        return int(row[0])

    def history(self) -> int:
        headers = HEADERS["POST", "/api/imports"]
        content = CONTENTS["POST", "/api/imports"]
        answer = self.service.client.post("/api/imports", content=content, headers=headers)
        return int(ok(answer)["id"])

    def close(self) -> int:
        return int(ok(self.service.client.post("/api/periods/close", json=a_close()))["id"])

    def removal(self) -> int:
        with psycopg.connect(self.service.database_url) as conn:
            row = conn.execute(
                """
                INSERT INTO fature.metric_removal (
                    tenant, metric_name, actor, series, samples, voids, status
                )
                VALUES ('default', 'm', 'key:1', 0, 0, 0, 'done')
                RETURNING removal_id
                """
            ).fetchone()
        assert row is not None
        return int(row[0])

    def target(self) -> int:
        body = a_target() | {"service_name": "payments"}
        return int(ok(self.service.client.post("/api/targets", json=body))["id"])

    def annotation(self) -> int:
        body = AN_ANNOTATION | {"service_name": "payments"}
        return int(ok(self.service.client.post("/api/annotations", json=body))["id"])

    def event(self) -> int:
        rule = self.rule()
        with psycopg.connect(self.service.database_url) as conn:
            row = conn.execute(
                """
                INSERT INTO fature.alert_event (
                    tenant, rule_id, rule_name, metric_name, condition, threshold_value,
                    severity, aggregation, window_name, opened_at
                )
                VALUES ('default', %s, 'r', 'm', '>', 1, 'low', 'sum', 'day', now())
                RETURNING event_id
                """,
                [rule],
            ).fetchone()
        assert row is not None
        return int(row[0])

    def silence(self) -> int:
        body = {"metric_name": "nobodys", "ends_at": ends_in(60)}
        return int(ok(self.service.client.post("/api/alerts/silences", json=body))["id"])

    def dashboard(self) -> int:
        return int(ok(self.service.client.post("/api/dashboards", json=a_dashboard()))["id"])

    def key(self) -> int:
        return int(issued(self.service.client, "reader")["id"])

    def user(self) -> int:
        return int(self.new_user()["id"])

    def new_user(self) -> dict[str, Any]:
        body = {"email": f"{secrets.token_hex(6)}@example.com", "role": "reader"}
        return cast("dict[str, Any]", ok(self.service.client.post("/api/users", json=body)))

    def credentials(self) -> dict[str, str]:
        user = self.new_user()
        return {"email": user["email"], "password": user["password"]}

    def refresh_token(self) -> dict[str, str]:
        answer = self.service.client.post("/api/auth/login", json=self.credentials())
        assert answer.status_code == 200, answer.text
        return {"refresh_token": answer.json()["refresh_token"]}

    def tenant(self) -> str:
        name = f"t{secrets.token_hex(6)}"
        ok(self.service.client.post("/api/tenants", json={"tenant": name}))
        return name


@pytest.fixture(scope="module")
def world(database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("access-table")
    url = database_of.new_database()
    with running_service(folder, url, FATURE_ALERT_INTERVAL="0") as service, ExitStack() as stack:
        admin = service.client
        expiring = issued(admin, "admin", expires_at=ends_in(0.5))
        revoked = issued(admin, "admin")
        ok(admin.delete(f"/api/keys/{revoked['id']}"))
        clients = {
            "admin": with_new_key(admin, "admin"),
            "operator": with_new_key(admin, "operator"),
            "writer": with_new_key(admin, "writer"),
            "reader": with_new_key(admin, "reader"),
            "few": with_new_key(admin, "operator", scopes=["alerts:read"]),
            "bound": with_new_key(admin, "writer", service_name="payments"),
            "bound_reader": with_new_key(admin, "reader", service_name="payments"),
            "other": new_tenant(admin, "elsewhere"),
            "none": caller(service.url, None),
            "wrong": caller(service.url, revoked["prefix"] + "_" + "x" * 43),
            "expired": caller(service.url, expiring["key"]),
            "revoked": caller(service.url, revoked["key"]),
        }
        for client in clients.values():
            stack.enter_context(client)
        clients["bound"].post("/api/metrics", json=sample("removable")).raise_for_status()
        first = clients["bound"].post("/api/metrics", json=sample("only_here"))
        assert first.status_code == 201, first.text
        time.sleep(0.5)
        yield World(service, clients)


BODIES: dict[tuple[str, ...], Callable[[World], Any]] = {
    ("POST", "/api/metrics"): lambda _: ONE_SAMPLE,
    ("POST", "/api/metrics/batch"): lambda _: {"metrics": [ONE_SAMPLE]},
    # Which fields are for whom is in test_graphql.py.
    ("POST", "/graphql"): lambda _: {"query": "{ metrics { nodes { name } } }"},
    ("POST", "/v1/metrics"): lambda _: {"resourceMetrics": []},
    ("PUT", "/api/mappings"): lambda _: {"yaml": "others: typed"},
    ("POST", "/api/mappings/test"): lambda _: {
        "protocol": "line_protocol",
        "body": "revenue_shipped value=1",
    },
    ("PATCH", "/api/metrics/catalog/{metric_name}"): lambda _: {"description": "Shipped."},
    ("PUT", "/api/metrics/catalog/{metric_name}"): lambda _: {"formula": "unheard_of * 2"},
    ("POST", "/api/metrics/void"): lambda _: {"metric_name": "only_here", "reason": "A typo"},
    ("POST", "/api/metrics/relabel"): lambda _: {
        "metric_name": "only_here",
        "label": "region",
        "from": "Sao Paulo",
        "to": "SP",
        "reason": "One spelling",
        "dry_run": True,
    },
    ("POST", "/api/targets"): lambda _: a_target(),
    ("PATCH", "/api/targets/{id:int}"): lambda _: {"value": 7},
    ("POST", "/api/annotations"): lambda _: AN_ANNOTATION,
    ("POST", "/api/periods/close"): lambda _: a_close(),
    ("POST", "/api/metrics/reconcile"): lambda _: {
        "metric_name": "only_here",
        "expected": [{"period": "2026-11-01", "value": 0}],
    },
    ("POST", "/api/metrics/{metric_id:int}/void"): lambda _: {"reason": "A typo"},
    ("POST", "/api/metrics/{metric_id:int}/replace"): lambda _: {"reason": "A typo", "value": 2},
    ("POST", "/api/services/health"): lambda _: {"service_name": "payments", "status": "healthy"},
    ("POST", "/api/alerts/rules"): lambda _: RULE | {"rule_name": secrets.token_hex(8)},
    ("PUT", "/api/alerts/rules/{id:int}"): lambda _: RULE | {"rule_name": secrets.token_hex(8)},
    ("PATCH", "/api/alerts/rules/{id:int}"): lambda _: {"threshold_value": 7},
    ("POST", "/api/alerts/rules/test"): lambda _: (
        RULE | {"rule_name": "Trial", "service_name": "payments"}
    ),
    ("POST", "/api/alerts/rules/suggest"): lambda _: {"metric_name": "only_here"},
    ("POST", "/api/alerts/events/acknowledge"): lambda _: {"metric_name": "nobodys"},
    ("POST", "/api/alerts/events/resolve"): lambda _: {"metric_name": "nobodys"},
    ("POST", "/api/alerts/silences"): lambda _: {"ends_at": ends_in(60), "metric_name": "nobodys"},
    ("POST", "/api/alerts/channels/test"): lambda _: {"channel": "email"},
    ("POST", "/api/dashboards"): lambda _: a_dashboard(),
    ("PUT", "/api/dashboards/{id:int}"): lambda _: a_dashboard(),
    ("PATCH", "/api/dashboards/{id:int}"): lambda _: {"description": "Ours."},
    ("PUT", "/api/labels/{label}/{value:path}"): lambda _: {"name": "São Paulo"},
    ("POST", "/api/keys"): lambda _: {"name": "One more", "role": "reader"},
    ("POST", "/api/auth/login"): lambda world: world.credentials(),
    ("POST", "/api/auth/refresh"): lambda world: world.refresh_token(),
    ("POST", "/api/auth/logout"): lambda _: {"refresh_token": "unknown"},
    ("POST", "/api/users"): lambda _: {
        "email": f"{secrets.token_hex(6)}@example.com",
        "role": "reader",
    },
    ("PATCH", "/api/users/{id:int}"): lambda _: {"name": "Ana"},
    ("POST", "/api/tenants"): lambda _: {"tenant": f"t{secrets.token_hex(6)}"},
    ("PATCH", "/api/tenants/{tenant}"): lambda _: {"description": "Theirs."},
}

# Of endpoints that take no JSON.
CONTENTS: dict[tuple[str, ...], bytes] = {
    ("POST", "/api/v2/write"): b"revenue_shipped value=1",
    ("POST", "/write"): b"revenue_shipped value=1",
    # Nothing, packed by Snappy.
    ("POST", "/api/v1/write"): b"\x00",
    ("POST", "/api/v1/read"): b"\x00",
    ("POST", "/api/imports"): json.dumps(ONE_SAMPLE).encode(),
}
HEADERS: dict[tuple[str, ...], dict[str, str]] = {
    ("POST", "/api/imports"): {"Content-Type": "application/x-ndjson"}
}


def ask(world: World, who: str, route: tuple[str, ...]) -> httpx2.Response:
    method, path = route
    # With a target it could not be removed.
    metric = "removable" if method == "DELETE" else "only_here"
    concrete = path.replace("{metric_name}", metric).replace("{service_name:path}", "payments")
    if "{metric_id:int}" in path:
        concrete = concrete.replace("{metric_id:int}", str(world.sample()))
    if "{id:int}" in path:
        kind = path.split("/{id")[0].rpartition("/")[2].removesuffix("s")
        kind = "history" if kind == "import" else kind
        concrete = concrete.replace("{id:int}", str(getattr(world, kind)()))
    if "{label}" in path:
        concrete = concrete.replace("{label}", "region").replace("{value:path}", world.named())
    if "{tenant}" in path:
        concrete = concrete.replace("{tenant}", world.tenant())
    # A forecast of what is new is refused to those who may have one.
    asks = path.endswith(("/aggregate", "/forecast", "/anomalies"))
    params = {"metric_name": "orders_shipped"} if asks else None
    if path == "/api/metrics/breakdown":
        params = {"metric_name": "orders_shipped", "group_by": "region"}
    if path == "/api/metrics/explain":
        params = {"metric_name": "orders_shipped", "start_date": "2026-01-01"}
    if (method, path) == ("DELETE", "/api/metrics/catalog/{metric_name}"):
        params = {"dry_run": "true"}
    if path == "/metrics/business":
        params = {"metric": "orders_shipped"}
    if route in CONTENTS:
        content, headers = CONTENTS[route], HEADERS.get(route)
        return world.clients[who].request(method, concrete, content=content, headers=headers)
    make = BODIES.get(route)
    body = make(world) if make else None
    return world.clients[who].request(method, concrete, params=params, json=body)


def test_protobuf_is_answered_to_the_same_callers_as_json(world: World) -> None:
    row = dict(zip(KNOWN, ROUTES["POST", OTLP], strict=True)) | dict.fromkeys(UNKNOWN, "401")
    amounts = [Amount(1.0, "payments")]
    answers = {who: as_otlp_protobuf(world.clients[who], "revenue_shipped", amounts) for who in row}
    assert {who: str(answer.status_code) for who, answer in answers.items()} == row


def test_no_route_is_missing_from_the_table_and_none_too_many() -> None:
    documentation = {("GET", "/api/openapi.json"), ("GET", "/docs")}
    assert set(ROUTES) == {(one.method, one.path) for one in ENDPOINTS} | documentation
    assert all(len(row) == len(KNOWN) or row == ["open"] for row in ROUTES.values())


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_each_caller_is_answered_as_the_table_says(world: World, route: tuple[str, ...]) -> None:
    row = ROUTES[route]
    expected = (
        dict.fromkeys([*KNOWN, *UNKNOWN], "200")
        if row == ["open"]
        else {**dict(zip(KNOWN, row, strict=True)), **dict.fromkeys(UNKNOWN, "401")}
    )
    answers = {who: ask(world, who, route) for who in expected}
    assert {who: str(answer.status_code) for who, answer in answers.items()} == expected
    for answer in answers.values():
        if answer.status_code >= 400:
            assert answer.json()["error"]["code"] == CODES[answer.status_code]

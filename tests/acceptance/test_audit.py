"""Who changed what is written down, and stays."""

import secrets
from datetime import UTC, datetime
from typing import Any

import httpx2
import psycopg
import pytest

from service.http.pagination import cursor_of
from tests.acceptance.access import ends_in, issued, new_tenant, ok, with_new_key
from tests.acceptance.talk import ONE, refused, sample
from tests.acceptance.test_access_table import RULE
from tests.conftest import DatabaseServer, Service
from tests.instances import command

pytestmark = pytest.mark.one_engine


def entries(client: httpx2.Client, **params: Any) -> list[dict[str, Any]]:
    """Entries of the log, oldest first."""
    data: list[dict[str, Any]] = ok(client.get("/api/audit", params=params))
    return data[::-1]


def test_every_change_is_written_down_with_what_was_before_and_after(
    api: httpx2.Client, metric: str
) -> None:
    with with_new_key(api, "admin") as client:
        hook = "https://hooks.slack.com/services/T0/B0/s3cret"
        rule = RULE | {"rule_name": metric, "notification_channels": ["slack"]}
        made = client.post("/api/alerts/rules", json=rule | {"notification_recipients": [hook]})
        number = ok(made)["id"]
        client.patch(f"/api/alerts/rules/{number}", json={"threshold_value": 9})
        client.patch(f"/api/alerts/rules/{number}", json={"threshold_value": 9})
        body = {"rule_id": number, "ends_at": ends_in(60)}
        silence = ok(client.post("/api/alerts/silences", json=body))["id"]
        client.delete(f"/api/alerts/silences/{silence}")
        client.delete(f"/api/alerts/rules/{number}")
        assert client.post(ONE, json=sample(metric)).status_code == 201
        client.patch(f"/api/metrics/catalog/{metric}", json={"description": "Mine"})
        key = issued(client, "reader")
        client.post(f"/api/keys/{key['id']}/rotate")
        client.delete(f"/api/keys/{key['id']}")
        actor = entries(api, action="rule.create")[-1]["actor"]
        found = entries(api, actor=actor)
        text = api.get("/api/audit", params={"actor": actor}).text
    assert [one["action"] for one in found] == [
        "rule.create",
        "rule.update",
        "silence.create",
        "silence.delete",
        "rule.delete",
        "catalog.update",
        "key.issue",
        "key.rotate",
        "key.revoke",
    ]
    created, updated = found[:2]
    assert created["before"] is None
    assert created["address"] == "127.0.0.1"
    assert created["request_id"] == made.headers["X-Request-ID"]
    assert created["target"] == f"rule:{number}"
    assert updated["before"]["threshold_value"] == 5
    assert updated["after"]["threshold_value"] == 9
    assert found[5]["after"]["description"] == "Mine"
    assert "s3cret" not in text
    assert key["key"] not in text


def test_a_refused_change_is_not_written_down(api: httpx2.Client, metric: str) -> None:
    rule = RULE | {"rule_name": metric}
    ok(api.post("/api/alerts/rules", json=rule))
    refused(api.post("/api/alerts/rules", json=rule), 409)
    created = entries(api, action="rule.create", limit=1000)
    assert [one["after"]["rule_name"] for one in created].count(metric) == 1


def test_the_log_is_read_page_by_page_and_by_day(api: httpx2.Client) -> None:
    target = f"key:{issued(api, 'reader')['id']}"
    for _ in range(3):
        ok(api.post(f"/api/keys/{target.removeprefix('key:')}/rotate"))
    seen: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        params = {"target": target, "limit": 3, **cursor}
        page = api.get("/api/audit", params=params).json()
        seen += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == 4
    assert seen == sorted(seen, reverse=True)
    assert entries(api, target=target, end_date="2020-01-01") == []
    assert len(entries(api, target=target, start_date="2020-01-01")) == 4
    for wrong in ("first", str(seen[0]), cursor_of("events", datetime.now(UTC), seen[0])):
        refused(api.get("/api/audit", params={"cursor": wrong}), 422)


def test_a_tenant_sees_its_own_entries_alone(api: httpx2.Client) -> None:
    with new_tenant(api, f"t{secrets.token_hex(4)}") as theirs:
        ok(theirs.post("/api/alerts/rules", json=RULE | {"rule_name": "Theirs"}))
        assert [one["action"] for one in entries(theirs)] == ["rule.create"]
        assert all(one["tenant"] == "default" for one in entries(api, limit=1000))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE fature.audit_log SET actor = 'nobody'",
        "DELETE FROM fature.audit_log",
        "TRUNCATE fature.audit_log",
    ],
)
def test_what_is_written_stays(service: Service, statement: str) -> None:
    issued(service.client, "reader")
    with (
        psycopg.connect(service.database_url) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        conn.execute(statement)


def test_retention_changed_by_a_command_is_written_down(
    database: str, database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if database_of.engine == "plain":
        pytest.skip("there are no policies on the plain engine")
    settings = {
        "FATURE_DATABASE_URL": database,
        "FATURE_DATA_DIR": str(tmp_path_factory.mktemp("retention")),
        "RETENTION_DAYS": "real_time=5",
    }
    done = command("retention-apply", **settings)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(database) as conn:
        row = conn.execute(
            "SELECT actor, before, after FROM fature.audit_log ORDER BY audit_id DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    actor, before, after = row
    assert actor.endswith("@cli")
    assert (before["sample_real_time"], after["sample_real_time"]) == ("keep 7 d", "keep 5 d")

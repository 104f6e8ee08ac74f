"""The administration's pages of API keys."""

import re
import secrets

import httpx2
import pytest

from tests.acceptance.access import issued, new_tenant, ok
from tests.acceptance.talk import ONE, sample
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service


def secret_in(answer: httpx2.Response) -> str:
    """The key that a page shows."""
    assert answer.status_code == 200, text_of(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    shown = re.search(r'id="secret" value="([^"]+)"', answer.text)
    assert shown, answer.text
    return shown[1]


def key(api: httpx2.Client, name: str) -> dict[str, object]:
    """A key as the API has it."""
    (found,) = (one for one in ok(api.get("/api/keys")) if one["name"] == name)
    return dict(found)


def posted(service: Service, secret: str, metric: str) -> int:
    """The status of posting with that key."""
    with httpx2.Client(base_url=service.url, headers={"X-API-Key": secret}) as client:
        return client.post(ONE, json=sample(metric, service_name="checkout")).status_code


def test_a_key_is_made_used_rotated_and_revoked(
    service: Service, api: httpx2.Client, metric: str
) -> None:
    name = f"Key {secrets.token_hex(6)}"
    fields = {
        "name": name,
        "role": "writer",
        "service_name": "checkout",
        "scopes": ["metrics:write"],
        "days": "30",
    }
    with signed_in(api) as browser:
        answer = post(browser, "/admin/keys", **fields)
        first = secret_in(answer)
        assert "/api/metrics" in text_of(answer)
        assert posted(service, first, metric) == 201
        made = key(api, name)
        assert (made["service_name"], made["scopes"]) == ("checkout", ["metrics:write"])
        assert made["expires_at"] is not None
        page = browser.get("/admin/keys").text
        assert name in page
        assert first not in page
        second = secret_in(post(browser, f"/admin/keys/{made['id']}/rotate"))
        assert posted(service, first, metric) == 401
        assert posted(service, second, metric) == 201
        assert post(browser, f"/admin/keys/{made['id']}/revoke").status_code == 303
        assert posted(service, second, metric) == 401
        assert post(browser, f"/admin/keys/{made['id']}/rotate").status_code == 409
        assert "Revoked and expired" in text_of(browser.get("/admin/keys"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Field required"),
        ({"role": "owner"}, "Input should be"),
        ({"role": "admin", "service_name": "a"}, "cannot be bound to one service"),
        ({"role": "reader", "scopes": ["metrics:write"]}, "has no scope metrics:write"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"tenant": "nowhere-at-all"}, "There is no tenant nowhere-at-all"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(
    api: httpx2.Client, changes: dict[str, object], message: str
) -> None:
    name = f"Key {secrets.token_hex(6)}"
    with signed_in(api) as browser:
        answer = post(browser, "/admin/keys", **{"name": name, "role": "writer"} | changes)
    assert answer.status_code == 422
    assert message in text_of(answer)
    assert name not in str(ok(api.get("/api/keys")))


def test_a_new_tenant_gets_its_first_key_here(service: Service, api: httpx2.Client) -> None:
    tenant = f"tenant-{secrets.token_hex(4)}"
    new_tenant(api, tenant).close()
    fields = {"name": "first", "role": "admin", "tenant": tenant}
    with signed_in(api) as browser:
        secret = secret_in(post(browser, "/admin/keys", **fields))
    with httpx2.Client(base_url=service.url, headers={"X-API-Key": secret}) as client:
        assert {one["tenant"] for one in ok(client.get("/api/keys"))} == {tenant}
        with signed_in(client) as browser:
            assert 'name="tenant"' not in browser.get("/admin/keys/new").text
            answer = post(browser, "/admin/keys", **fields | {"tenant": "default"})
            assert answer.status_code == 422
            own = issued(api, "reader")
            assert own["prefix"] not in browser.get("/admin/keys").text
            assert post(browser, f"/admin/keys/{own['id']}/revoke").status_code == 404


@pytest.mark.parametrize("role", ["operator", "writer", "reader"])
def test_keys_are_for_admins(api: httpx2.Client, role: str) -> None:
    with signed_in(api, role) as browser:
        assert browser.get("/admin/keys").status_code == 403
        assert post(browser, "/admin/keys", name="mine", role="admin").status_code == 403

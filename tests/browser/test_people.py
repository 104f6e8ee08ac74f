"""Users and API keys in a browser."""

import re
import secrets
from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.access import caller, issued, ok
from tests.acceptance.people import add_person, new_email
from tests.acceptance.talk import ONE, sample
from tests.browser.conftest import DESKTOP, PHONE, Opener, serious_violations
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

Picture = Callable[[Page, str], None]


def test_a_key_is_made_used_and_revoked(
    signed_in: Opener, picture: Picture, service: Service, metric: str
) -> None:
    page = signed_in("/admin/keys")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill(metric)
    page.get_by_label("Role").select_option("reader")
    expect(page.get_by_role("checkbox", name="Send metrics")).to_be_hidden()
    page.get_by_label("Role").select_option("writer")
    # Bound to one service, a writer reads, too.
    expect(page.get_by_role("checkbox", name="Read metrics")).to_be_hidden()
    page.get_by_role("textbox", name="Service").fill("checkout")
    expect(page.get_by_role("checkbox", name="Read metrics")).to_be_visible()
    page.get_by_role("checkbox", name="Send metrics").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name=metric)).to_be_visible()
    assert serious_violations(page) == []
    picture(page, "key-made")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    key = page.evaluate("navigator.clipboard.readText()")
    assert key == page.get_by_label("The key").input_value()
    with caller(service.url, key) as client:
        assert client.post(ONE, json=sample(metric)).status_code == 201
        page.get_by_role("link", name="Done").click()
        page.get_by_role("link", name=f"Revoke {metric}").click()
        assert serious_violations(page) == []
        picture(page, "key-revoke")
        page.get_by_role("button", name="Revoke the key").click()
        expect(page.get_by_text("The key is refused from now on")).to_be_visible()
        assert client.post(ONE, json=sample(metric)).status_code == 401
    ended = page.get_by_role("row", name=re.compile(metric))
    expect(ended).to_contain_text("Revoked")


def test_a_double_click_and_a_reload_make_one_key(
    signed_in: Opener, api: httpx2.Client, metric: str
) -> None:
    page = signed_in("/admin/keys/new")
    page.get_by_label("Name").fill(metric)
    page.get_by_role("button", name="Make the key").dblclick()
    expect(page.get_by_label("The key")).to_have_value(re.compile("."))
    page.reload()
    expect(page.get_by_text("sent twice and counts once")).to_be_visible()
    assert [one["name"] for one in ok(api.get("/api/keys"))].count(metric) == 1


def test_a_user_is_made_edited_and_deleted_without_scripts(signed_in: Opener) -> None:
    email = new_email()
    page = signed_in("/admin/users/new", java_script_enabled=False)
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Make the user").click()
    expect(page.get_by_label("First password")).to_have_value(re.compile(r".{12}"))
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name=email, exact=True).click()
    page.get_by_label("Role").select_option("operator")
    page.get_by_role("checkbox", name="May sign in").uncheck()
    page.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name=re.compile(re.escape(email)))
    expect(row).to_contain_text("Operator")
    expect(row).to_contain_text("Locked")
    page.get_by_role("link", name=f"Delete {email}").click()
    page.get_by_role("button", name="Delete the user").click()
    expect(page.get_by_text("The user is deleted")).to_be_visible()
    expect(row).to_have_count(0)


@pytest.mark.parametrize(
    ("viewport", "color_scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
def test_the_pages_of_one_user_and_one_key_are_accessible_and_fit(
    signed_in: Opener,
    api: httpx2.Client,
    picture: Picture,
    viewport: dict[str, int],
    color_scheme: str,
) -> None:
    page = signed_in("/", viewport=viewport, color_scheme=color_scheme, locale="pt-BR")
    person = add_person(api, "writer", name="Ana Lima", service_name="checkout")
    key = issued(api, "writer", name=f"shop-{secrets.token_hex(4)}", service_name="checkout")
    for name, path in (
        ("user", f"/admin/users/{person.id}"),
        ("user-delete", f"/admin/users/{person.id}/delete"),
        ("key-rotate", f"/admin/keys/{key['id']}/rotate"),
    ):
        page.goto(path)
        picture(page, f"{name}-{color_scheme}")
        assert serious_violations(page) == []
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{name} scrolls sideways"

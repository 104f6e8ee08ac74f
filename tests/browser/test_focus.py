"""Focus stays where it is when a part of the page is sent again."""

import secrets

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.acceptance.talk import sample
from tests.browser.conftest import Opener

pytestmark = pytest.mark.one_engine


def focus(place: Locator) -> None:
    """Focus that, and mark it to know when another has come in its place."""
    place.focus()
    place.evaluate("(one) => one.classList.add('old')")


def sent_again(page: Page) -> None:
    """Wait until what was focused is another."""
    expect(page.locator(".old")).to_have_count(0, timeout=30_000)


def test_live_figures_leave_the_focus_where_it_is(signed_in: Opener, api: httpx2.Client) -> None:
    report = {"service_name": "in/focus", "status": "healthy", "response_time_ms": 80}
    assert api.post("/api/services/health", json=report).is_success
    page = signed_in("/")
    link = page.get_by_role("link", name="in/focus")
    focus(link)
    body = sample("commission_paid", value=4321, unit="BRL", metric_type="commission")
    assert api.post("/api/metrics", json=body).is_success
    sent_again(page)
    expect(link).to_be_focused()


def test_a_dashboard_read_again_leaves_the_focus_where_it_is(
    signed_in: Opener, api: httpx2.Client
) -> None:
    panel = {
        "id": "mine",
        "type": "table",
        "title": "Mine",
        "queries": [{"metric_name": "revenue_hourly"}],
    }
    config = {
        "time_range": {"last": "last_7_days"},
        "refresh": "30s",
        "panels": [panel],
        "layout": [{"panel": "mine", "x": 0, "y": 0, "w": 6, "h": 4}],
    }
    answer = api.post("/api/dashboards", json={"name": secrets.token_hex(6), "config": config})
    assert answer.status_code == 201, answer.text
    number = answer.json()["data"]["id"]
    body = sample("revenue_hourly", value=1, unit="BRL")
    assert api.post("/api/metrics", json=body).is_success
    page = signed_in(f"/dashboards/{number}")
    table = page.get_by_role("group", name="Figures")
    focus(table)
    page.evaluate("htmx.trigger('#board', 'refresh')")
    sent_again(page)
    expect(table).to_be_focused()


def test_one_step_of_a_panel_follows_the_other(signed_in: Opener, api: httpx2.Client) -> None:
    board = api.get("/api/dashboards").json()["data"][-1]["id"]
    page = signed_in(f"/dashboards/{board}/edit")
    page.locator(".handles summary").first.click()
    narrower = page.locator(".panel-card").first.get_by_role("button", name="Narrower")
    for _ in range(2):
        focus(narrower)
        page.keyboard.press("Enter")
        sent_again(page)
        expect(narrower).to_be_focused()

"""What charts draw, and what becomes of them when their figures are read again."""

import secrets
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.reading import at, submit
from tests.browser.conftest import Opener
from tests.browser.test_explore_and_dashboards import HOUR

REFRESHES = 8


@pytest.fixture
def grouped(api: httpx2.Client) -> str:
    """A week of three services, daily."""
    metric = f"sold_{secrets.token_hex(4)}"
    days = [HOUR - timedelta(days=day) for day in range(8)]
    services = ("shop", "app", "kiosk")
    submit(api, metric, *(at(day, 5, service_name=name) for day in days for name in services))
    return metric


@pytest.fixture
def board(api: httpx2.Client, grouped: str) -> int:
    """A dashboard of one chart, that is read again."""
    query = {"metric_name": grouped, "period": "day", "group_by": ["service_name"]}
    config = {
        "time_range": {"last": "last_7_days"},
        "refresh": "30s",
        "panels": [{"id": "sold", "type": "line", "title": "Sold", "queries": [query]}],
        "layout": [{"panel": "sold", "x": 0, "y": 0, "w": 6, "h": 5}],
    }
    answer = api.post("/api/dashboards", json={"name": grouped, "config": config})
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["data"]["id"]
    return number


def refresh(page: Page) -> None:
    """As after the seconds of a dashboard, and until the chart is drawn again."""
    page.evaluate("document.querySelector('canvas').classList.add('old')")
    page.evaluate("htmx.trigger('#board', 'refresh')")
    expect(page.locator("canvas.old")).to_have_count(0)
    expect(page.locator(".panel-card canvas")).to_have_count(1)


def nodes(page: Page) -> int:
    """Nodes in memory, those that have left the page among them."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    counts: dict[str, Any] = session.send("Memory.getDOMCounters")
    session.detach()
    return int(counts["nodes"])


def test_charts_that_are_read_again_do_not_pile_up(signed_in: Opener, board: int) -> None:
    page = signed_in(f"/dashboards/{board}")
    expect(page.locator(".panel-card canvas")).to_have_count(1)
    refresh(page)
    before = nodes(page)
    for _ in range(REFRESHES):
        refresh(page)
    assert nodes(page) < before * 1.5


def test_what_was_chosen_in_a_legend_is_kept(signed_in: Opener, board: int) -> None:
    page = signed_in(f"/dashboards/{board}")
    button = page.get_by_role("button", name="app")
    button.click()
    refresh(page)
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_be_focused()

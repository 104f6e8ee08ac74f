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
# Keeps what is written on canvases, with where it ends and how lines are dashed.
_WATCH = """
    const { fillText, stroke } = CanvasRenderingContext2D.prototype;
    window.written = [];
    window.dashes = [];
    CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
        const end = x + this.measureText(text).width / 2;
        window.written.push({ text, fits: end <= this.canvas.width });
        return fillText.call(this, text, x, ...rest);
    };
    CanvasRenderingContext2D.prototype.stroke = function (...given) {
        window.dashes.push(this.getLineDash().join());
        return stroke.apply(this, given);
    };
"""


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


def watched(signed_in: Opener, path: str) -> Page:
    """A page with a chart, of which is known what is written and drawn on it."""
    page = signed_in("/dashboards")
    page.add_init_script(_WATCH)
    page.goto(path)
    # It comes once the chart is drawn.
    expect(page.locator(".chart .legend")).to_have_count(1)
    return page


@pytest.mark.parametrize("look", ["line", "bar"])
def test_an_axis_of_days_has_days_alone(signed_in: Opener, grouped: str, look: str) -> None:
    address = f"/explore?metric_name={grouped}&period=day&range=last_7_days&look={look}"
    page = watched(signed_in, address)
    written = page.evaluate("window.written")
    days = {f"{day:%b} {day.day}" for day in (HOUR - timedelta(days=back) for back in range(7))}
    texts = {one["text"] for one in written}
    assert {text for text in texts if not text.replace(".", "").isdecimal()} == days
    assert all(one["fits"] for one in written)


def test_a_period_that_is_not_over_is_dashed_beside_one_other(
    signed_in: Opener, grouped: str
) -> None:
    first, last = ((HOUR - timedelta(days=back)).date() for back in (1, 0))
    page = watched(
        signed_in,
        f"/explore?metric_name={grouped}&period=day&start_date={first}&end_date={last}",
    )
    assert "5,5" in page.evaluate("window.dashes")


def test_twelve_lines_are_told_apart(signed_in: Opener, api: httpx2.Client) -> None:
    metric = f"sold_{secrets.token_hex(4)}"
    days = (HOUR, HOUR - timedelta(days=1))
    submit(api, metric, *(at(day, n, service_name=f"s{n}") for day in days for n in range(12)))
    page = signed_in(
        f"/explore?metric_name={metric}&period=day&range=last_7_days&group_by=service_name"
    )
    swatches = page.locator(".legend i")
    expect(swatches).to_have_count(12)
    colours = swatches.evaluate_all("(all) => all.map((one) => getComputedStyle(one).color)")
    assert len(set(colours)) == 12
    expect(page.locator(".legend i.dashed")).to_have_count(6)

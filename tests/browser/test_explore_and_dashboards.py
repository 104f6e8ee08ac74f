"""Exploring a metric and editing a dashboard, in a browser."""

import random
import secrets
from collections.abc import Callable
from datetime import timedelta

import httpx2
import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.reading import at, submit
from tests.browser.conftest import DESKTOP, LOOKS, PHONE, Opener, box_of, serious_violations
from tests.clock import this_hour, today
from tests.conftest import Service, run_refresh_jobs

pytestmark = pytest.mark.one_engine

Picture = Callable[[Page, str], None]
MANY = 10_000
# The longest task that a script had since it was asked, in milliseconds.
_LONGEST = """async () => {
    const tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
    observer.observe({ type: "longtask", buffered: true });
    await new Promise((resolve) => setTimeout(resolve, 500));
    return Math.max(0, ...tasks.map((task) => task.duration));
}"""


@pytest.fixture
def sold(service: Service, api: httpx2.Client) -> str:
    """Hourly revenue of two services over three weeks."""
    metric = f"sold_{secrets.token_hex(4)}"
    dice, newest = random.Random(7), this_hour()
    samples = [
        at(newest - timedelta(hours=hour), dice.randrange(80, 160), service_name=name, unit="BRL")
        for hour in range(0, 21 * 24, 3)
        for name in ("shop", "app")
    ]
    submit(api, metric, *samples)
    # They may be late.
    run_refresh_jobs(service.database_url)
    return metric


def test_exploring_changes_the_address_and_the_address_the_picture(
    signed_in: Opener, sold: str
) -> None:
    page = signed_in(f"/explore?metric_name={sold}")
    expect(page.locator(".chart canvas")).to_have_count(1)
    page.locator("#period").select_option("week")
    page.wait_for_url("**period=week**")
    page.locator("summary", has_text="Filters and groups").click()
    page.get_by_role("checkbox", name="Service").check()
    page.wait_for_url("**group_by=service_name**")
    expect(page.locator("table:not(.ranking) thead th")).to_have_count(3)
    expect(page.locator(".chart canvas")).to_have_count(1)
    assert "filter" not in page.url
    page.get_by_role("button", name="app").click()
    expect(page.get_by_role("button", name="app")).to_have_attribute("aria-pressed", "false")
    table = page.locator("#figures").inner_text()
    page.goto(page.url)
    assert page.locator("#figures").inner_text() == table
    page.go_back()
    expect(page.locator("#answer")).to_be_visible()


def test_dragging_over_the_chart_is_a_range(signed_in: Opener, sold: str) -> None:
    page = signed_in(f"/explore?metric_name={sold}&range=last_30_days")
    box = box_of(page.locator(".chart .u-over"))
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**start_date=**end_date=**")
    expect(page.locator("#range")).to_have_value("custom")
    expect(page.locator(".chart canvas")).to_have_count(1)


def test_metrics_are_found_by_typing(signed_in: Opener, sold: str) -> None:
    page = signed_in("/explore")
    page.locator(".picker summary").click()
    page.get_by_label("Search metrics").fill(sold.replace("_", " "))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**metric_name={sold}**")


def test_a_panel_from_the_explorer_is_moved_and_edited(
    signed_in: Opener, sold: str, api: httpx2.Client
) -> None:
    page = signed_in(f"/explore?metric_name={sold}")
    name = f"Board {secrets.token_hex(4)}"
    page.locator("summary", has_text="Save as a panel").click()
    page.locator("#dashboard").select_option("")
    page.locator("#name").fill(name)
    page.locator(".save button").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".panel-card canvas")).to_have_count(1)
    page.get_by_role("link", name="Edit").click()
    page.locator(".handles summary").click()
    page.get_by_role("button", name="Right").click()
    expect(page.locator(".panel-card.x-1")).to_have_count(1)
    title = box_of(page.locator(".panel-card h2"))
    page.mouse.move(title["x"] + 20, title["y"] + 5)
    page.mouse.down()
    page.mouse.move(title["x"] + 420, title["y"] + 5, steps=5)
    page.mouse.up()
    expect(page.locator(".panel-card.x-5")).to_have_count(1)
    page.locator(".handles summary").click()
    page.get_by_role("link", name="Edit").click()
    page.locator("#type").select_option("table")
    expect(page.locator("#preview table")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".panel-card.of-table table")).to_be_visible()


def test_a_link_is_opened_by_somebody_who_is_not_signed_in(
    signed_in: Opener, open_page: Opener
) -> None:
    page = signed_in("/dashboards")
    page.get_by_role("link", name="Users and conversion").click()
    page.get_by_role("link", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Copy it now: it is not shown again.").input_value()
    stranger = open_page(link)
    expect(stranger.get_by_role("heading", name="Users and conversion")).to_be_visible()
    expect(stranger.locator("nav")).to_have_count(0)
    assert serious_violations(stranger) == []


def test_a_long_list_of_events_without_links_takes_the_focus(
    signed_in: Opener, service: Service
) -> None:
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            """
            INSERT INTO fature.alert_event (
                tenant, rule_name, metric_name, condition, threshold_value, severity, status,
                aggregation, window_name, value, opened_at, resolved_at
            )
            SELECT
                'default', 'Orders are few', 'orders', '<', 1, 'low', 'resolved',
                'sum', 'day', 0, now(), now()
            FROM generate_series(1, 30)
            """
        )
    config = {
        "time_range": {"last": "last_7_days"},
        "panels": [{"id": "told", "type": "alerts", "title": "Told", "limit": 30}],
        "layout": [{"panel": "told", "x": 0, "y": 0, "w": 4, "h": 3}],
    }
    board = {"name": secrets.token_hex(6), "config": config}
    answer = service.client.post("/api/dashboards", json=board)
    assert answer.status_code == 201, answer.text
    page = signed_in(f"/dashboards/{answer.json()['data']['id']}/edit")
    events = page.get_by_role("list", name="Told")
    assert events.evaluate("(one) => one.scrollHeight > one.clientHeight")
    assert events.get_by_role("link").count() == 0
    assert serious_violations(page) == []
    events.focus()
    expect(events).to_be_focused()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible(
    signed_in: Opener,
    picture: Picture,
    api: httpx2.Client,
    sold: str,
    color_scheme: str,
    viewport: dict[str, int],
) -> None:
    page = signed_in("/dashboards", color_scheme=color_scheme, viewport=viewport)
    board = api.get("/api/dashboards").json()["data"][-1]["id"]
    pages = {
        "explore": f"/explore?metric_name={sold}&group_by=service_name&compare=previous_period",
        "dashboards": "/dashboards",
        "dashboard": f"/dashboards/{board}",
        "dashboard-edit": f"/dashboards/{board}/edit",
        "panel-edit": f"/dashboards/{board}/panels/new",
        "shares": f"/dashboards/{board}/shares",
    }
    # What a page consists of is the same in every look.
    rules = [] if (color_scheme, viewport) == ("light", DESKTOP) else LOOKS
    for name, path in pages.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        picture(page, f"{name}-{color_scheme}-{viewport['width']}")
        assert serious_violations(page, *rules) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_ten_thousand_points_are_drawn(
    signed_in: Opener, api: httpx2.Client, record_property: Callable[[str, object], None]
) -> None:
    metric = f"many_{secrets.token_hex(4)}"
    # The axis is of 10,000 hours; hourly samples of more than three months ago are not taken.
    hours = [this_hour() - timedelta(hours=hour) for hour in range(0, 80 * 24)]
    for start in range(0, len(hours), 1000):
        submit(api, metric, *(at(hour, 5.0) for hour in hours[start : start + 1000]))
    first = (this_hour() - timedelta(hours=MANY - 24)).date()
    page = signed_in(
        f"/explore?metric_name={metric}&period=hour&start_date={first}&end_date={today().date()}"
    )
    expect(page.locator(".chart canvas")).to_have_count(1)
    points = page.evaluate("JSON.parse(document.querySelector('.chart script').text).times.length")
    assert MANY - 48 < points <= MANY
    longest = page.evaluate(_LONGEST)
    record_property("longest_task_ms", longest)
    print(f"the longest task of drawing {points} points took {longest:.0f} ms")


def test_going_back_on_a_dashboard_takes_the_choice_back(
    signed_in: Opener, api: httpx2.Client
) -> None:
    board = api.get("/api/dashboards").json()["data"][0]["id"]
    page = signed_in(f"/dashboards/{board}?range=last_90_days")
    page.locator("#range").select_option("last_7_days")
    page.wait_for_url("**range=last_7_days**")
    page.go_back()
    page.wait_for_url("**range=last_90_days")
    expect(page.locator("#range")).to_have_value("last_90_days")


def test_a_television_goes_around_without_a_dashboard_that_is_gone(
    signed_in: Opener, api: httpx2.Client
) -> None:
    for name in ("~~ stays", "~~~ goes"):
        board: dict[str, object] = {"name": name, "config": {"panels": [], "layout": []}}
        assert api.post("/api/dashboards", json=board).is_success
    rows = api.get("/api/dashboards").json()["data"]
    # Pages follow each other by their names.
    *_, stays, goes = sorted(rows, key=lambda row: str(row["name"]).casefold())
    page = signed_in("/account")
    page.clock.install()
    page.goto(f"/dashboards/{stays['id']}?tv=1&rotate=10")
    following = f"/dashboards/{goes['id']}?tv=1&rotate=10"
    expect(page.locator("body")).to_have_attribute("data-next", following)
    assert api.delete(f"/api/dashboards/{goes['id']}").is_success
    page.clock.run_for(11_000)
    page.wait_for_url("**/?tv=1&rotate=10")

"""Charts: lines and bars, and how they change when their figures are read again."""

import re
import secrets
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.reading import at, submit
from tests.acceptance.test_web_alerts import event, rule
from tests.browser.conftest import PHONE, Opener, box_of
from tests.clock import this_hour, today
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

REFRESHES = 8
# Keeps what is written on canvases, with where it ends, how lines are dashed and areas filled.
_WATCH = """
    const { fill, fillText, stroke } = CanvasRenderingContext2D.prototype;
    window.written = [];
    window.dashes = [];
    window.fills = [];
    CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
        const end = x + this.measureText(text).width / 2;
        window.written.push({ text, y: rest[0], fits: end <= this.canvas.width });
        return fillText.call(this, text, x, ...rest);
    };
    CanvasRenderingContext2D.prototype.fill = function (...given) {
        window.fills.push(this.fillStyle);
        return fill.apply(this, given);
    };
    CanvasRenderingContext2D.prototype.stroke = function (...given) {
        window.dashes.push(this.getLineDash().join());
        return stroke.apply(this, given);
    };
"""

# The colours of a line through the foot of all bars, each with its width, from left to right.
_BARS = """() => {
    const canvas = document.querySelector(".chart canvas");
    const over = document.querySelector(".chart .u-over").getBoundingClientRect();
    const top = canvas.getBoundingClientRect().top;
    const foot = Math.round(over.bottom - top) - 4;
    const row = canvas.getContext("2d").getImageData(0, foot, canvas.width, 1).data;
    const runs = [];
    for (let at = 0; at < row.length; at += 4) {
        const [red, green, blue, alpha] = row.slice(at, at + 4);
        const colour = alpha === 255 ? `rgb(${red}, ${green}, ${blue})` : "";
        if (runs.at(-1)?.colour !== colour) runs.push({ colour, width: 0 });
        runs.at(-1).width++;
    }
    return runs.filter(({ colour, width }) => colour && width > 2);
}"""
# How much is drawn just right of where the plot ends, at its top.
_BESIDE = """() => {
    const canvas = document.querySelector(".chart canvas");
    const over = document.querySelector(".chart .u-over").getBoundingClientRect();
    const { left, top } = canvas.getBoundingClientRect();
    const [x, y] = [Math.round(over.right - left), Math.round(over.top - top)];
    const pixels = canvas.getContext("2d").getImageData(x + 1, y, 3, 4).data;
    return pixels.filter((_, index) => index % 4 === 3).filter((alpha) => alpha > 0).length;
}"""


@pytest.fixture
def grouped(api: httpx2.Client) -> str:
    """A week of three services, daily."""
    metric = f"sold_{secrets.token_hex(4)}"
    days = [this_hour() - timedelta(days=day) for day in range(8)]
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
    days = {f"{day:%b} {day.day}" for day in (today() - timedelta(days=back) for back in range(7))}
    texts = {one["text"] for one in written}
    assert {text for text in texts if not text.replace(".", "").isdecimal()} == days
    assert all(one["fits"] for one in written)


def test_a_period_that_is_not_over_is_dashed_beside_one_other(
    signed_in: Opener, grouped: str
) -> None:
    first, last = ((today() - timedelta(days=back)).date() for back in (1, 0))
    page = watched(
        signed_in,
        f"/explore?metric_name={grouped}&period=day&start_date={first}&end_date={last}",
    )
    assert "5,5" in page.evaluate("window.dashes")


def test_twelve_lines_are_told_apart(signed_in: Opener, api: httpx2.Client) -> None:
    metric = f"sold_{secrets.token_hex(4)}"
    days = (this_hour(), this_hour() - timedelta(days=1))
    submit(api, metric, *(at(day, n, service_name=f"s{n}") for day in days for n in range(12)))
    page = signed_in(
        f"/explore?metric_name={metric}&period=day&range=last_7_days&group_by=service_name"
    )
    swatches = page.locator(".legend i")
    expect(swatches).to_have_count(12)
    colours = swatches.evaluate_all("(all) => all.map((one) => getComputedStyle(one).color)")
    assert len(set(colours)) == 12
    expect(page.locator(".legend i.dashed")).to_have_count(6)


@pytest.mark.parametrize("compare", ["none", "previous_period"])
def test_bars_of_groups_stand_side_by_side(signed_in: Opener, grouped: str, compare: str) -> None:
    address = f"/explore?metric_name={grouped}&period=day&range=last_7_days&look=bar"
    page = watched(signed_in, f"{address}&group_by=service_name&compare={compare}")
    swatches = page.locator(".legend i").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).color)"
    )
    colours = [colour for colour in swatches if colour.startswith("rgb(")]
    bars = [bar for bar in page.evaluate(_BARS) if bar["colour"] in colours]
    # Of the day that is not over they are paler.
    assert [bar["colour"] for bar in bars] == colours * 6
    widths = {bar["width"] for bar in bars}
    assert max(widths) - min(widths) <= 1


def of_percent(api: httpx2.Client, *values: float) -> str:
    """A metric that had these values on the last days."""
    metric = f"failed_{secrets.token_hex(4)}"
    samples = [
        at(this_hour() - timedelta(days=day), value, unit="percent", metric_type="performance")
        for day, value in enumerate(values)
    ]
    submit(api, metric, *samples)
    return metric


def test_no_two_marks_of_an_axis_read_alike(signed_in: Opener, api: httpx2.Client) -> None:
    metric = of_percent(api, 0.31, 0.34, 0.3, 0.32)
    page = watched(signed_in, f"/explore?metric_name={metric}&period=day&range=last_7_days")
    heights: dict[str, set[float]] = {}
    for one in page.evaluate("window.written"):
        heights.setdefault(one["text"], set()).add(one["y"])
    marks = {text: ys for text, ys in heights.items() if text.endswith("%")}
    assert len(marks) > 2
    assert all(len(ys) == 1 for ys in marks.values()), marks


def test_the_lowest_mark_is_clear_of_the_dates(signed_in: Opener, grouped: str) -> None:
    address = f"/explore?metric_name={grouped}&period=day&range=last_7_days&look=bar"
    page = watched(signed_in, address)
    heights = {one["text"]: one["y"] for one in page.evaluate("window.written")}
    # The mark is written around its height, dates below theirs.
    assert heights[f"{today():%b} {today().day}"] - heights["0"] >= 9


@pytest.mark.parametrize(("values", "filled"), [((1, 90, 40), True), ((90, 91, 92), False)])
def test_an_area_is_filled_from_zero_alone(
    signed_in: Opener, api: httpx2.Client, values: tuple[float, ...], filled: bool
) -> None:
    metric = of_percent(api, *values)
    page = watched(signed_in, f"/explore?metric_name={metric}&period=day&range=last_7_days")
    assert any("0.08" in fill for fill in page.evaluate("window.fills")) is filled


def test_the_mark_of_the_latest_alert_is_whole(
    signed_in: Opener, service: Service, api: httpx2.Client, grouped: str
) -> None:
    event(service, rule(api, metric_name=grouped))
    page = watched(signed_in, f"/explore?metric_name={grouped}&period=day&range=last_7_days")
    expect(page.locator("#alerts-in-range")).to_be_visible()
    assert page.evaluate(_BESIDE) > 0


def test_a_long_legend_leaves_the_plot_its_height_on_a_phone(
    signed_in: Opener, api: httpx2.Client
) -> None:
    metric = f"sold_{secrets.token_hex(4)}"
    names = [f"a service with a rather long name {number}" for number in range(12)]
    submit(api, metric, *(at(this_hour(), 5, service_name=name) for name in names))
    query = {"metric_name": metric, "period": "day", "group_by": ["service_name"]}
    config = {
        "panels": [{"id": "sold", "type": "line", "title": "Sold", "queries": [query]}],
        "layout": [{"panel": "sold", "x": 0, "y": 0, "w": 6, "h": 5}],
    }
    made = api.post("/api/dashboards", json={"name": metric, "config": config}).json()["data"]
    page = signed_in(f"/dashboards/{made['id']}", viewport=PHONE)
    expect(page.locator(".legend button")).to_have_count(12)
    assert box_of(page.locator(".u-over"))["height"] > 100
    last, card = box_of(page.locator(".legend li").last), box_of(page.locator(".panel-card"))
    assert last["y"] + last["height"] <= card["y"] + card["height"]


@pytest.mark.parametrize("look", ["line", "bar"])
def test_one_period_is_drawn_as_one_period(
    api: httpx2.Client, signed_in: Opener, look: str
) -> None:
    metric = f"one_{secrets.token_hex(4)}"
    submit(api, metric, at(this_hour(), 100, unit="BRL"))
    page = watched(signed_in, f"/explore?metric_name={metric}&range=today&period=day&look={look}")
    texts = {one["text"] for one in page.evaluate("window.written")}
    assert len([text for text in texts if re.search("[A-Z][a-z]{2}", text)]) == 1, texts
    if look == "bar":
        assert [bar["width"] > 40 for bar in page.evaluate(_BARS)] == [True]


def test_the_axis_of_a_sum_begins_at_zero(api: httpx2.Client, signed_in: Opener) -> None:
    metric = f"steady_{secrets.token_hex(4)}"
    samples = [at(this_hour() - timedelta(hours=back), 1000 + back) for back in range(1, 6)]
    submit(api, metric, *samples)
    path = f"/explore?metric_name={metric}&range=last_24_hours&period=hour"
    for aggregation, begins_at_zero in (("sum", True), ("avg", False)):
        page = watched(signed_in, f"{path}&aggregation={aggregation}")
        texts = {one["text"] for one in page.evaluate("window.written")}
        assert ("0" in texts) is begins_at_zero, (aggregation, texts)


def test_dragging_over_a_chart_is_the_range_of_its_dashboard(signed_in: Opener, board: int) -> None:
    page = signed_in(f"/dashboards/{board}")
    box = box_of(page.locator(".panel-card .u-over"))
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 30, steps=5)
    page.mouse.up()
    page.wait_for_url("**start_date=**end_date=**")
    expect(page.locator("#range")).to_have_value("custom")
    expect(page.locator(".panel-card canvas")).to_have_count(1)


def test_a_dashboard_takes_a_wide_screen(signed_in: Opener, board: int) -> None:
    page = signed_in(f"/dashboards/{board}", viewport={"width": 2200, "height": 1000})
    width = page.locator(".board").evaluate("board => board.clientWidth")
    assert width > 2000

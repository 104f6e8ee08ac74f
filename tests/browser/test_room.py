"""Texts have the room they need, however long they are."""

import secrets

import httpx2
import pytest
from playwright.sync_api import expect

from tests.acceptance.reading import at, submit
from tests.browser.conftest import DESKTOP, Opener, box_of
from tests.clock import this_hour

pytestmark = pytest.mark.one_engine

# Choices that are wider than the select that shows them, with its arrow.
_CUT = """() => [...document.querySelectorAll("main select")].flatMap((one) => {
    const style = getComputedStyle(one);
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = style.font;
    const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    // What others have named is in groups, and as long as it is.
    const options = [...one.options].filter((option) => option.parentElement === one);
    const wide = (option) => pen.measureText(option.text).width > one.clientWidth - padding - 12;
    return one.clientWidth ? options.filter(wide).map((option) => option.text) : [];
})"""


# Figures on more than one line, or wider than where they stand.
_BROKEN = """() => [...document.querySelectorAll(".stat .value")].filter((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    return range.getClientRects().length > 1 || one.scrollWidth > one.clientWidth;
}).map((one) => one.textContent)"""


@pytest.fixture
def board(api: httpx2.Client) -> int:
    """The first dashboard."""
    number: int = api.get("/api/dashboards").json()["data"][-1]["id"]
    return number


@pytest.mark.parametrize("locale", ["en", "pt-BR"])
def test_choices_are_not_cut(signed_in: Opener, board: int, locale: str) -> None:
    page = signed_in("/dashboards", locale=locale, viewport=DESKTOP)
    here = f"/dashboards/{board}"
    for path in (
        "/explore?metric_name=revenue_hourly",
        "/alerts/rules/new",
        f"{here}",
        f"{here}/edit",
        f"{here}/panels/new",
    ):
        page.goto(path)
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate(_CUT) == [], path


@pytest.mark.parametrize("width", [390, 1000, 1280, 1920])
def test_a_figure_stays_on_one_line(signed_in: Opener, width: int) -> None:
    page = signed_in("/", locale="pt-BR", viewport={"width": width, "height": 800})
    figure = page.locator(".stat .value").first
    figure.evaluate("(one) => { one.textContent = 'R$\\u00a044.402,61' }")
    assert page.evaluate(_BROKEN) == []


def test_long_names_leave_room_for_the_rest(signed_in: Opener, api: httpx2.Client) -> None:
    long = f"a{secrets.token_hex(99)}"
    for name in (long, "short"):
        report = {"service_name": name, "status": "healthy", "response_time_ms": 80}
        assert api.post("/api/services/health", json=report).is_success
    submit(api, long, at(this_hour(), 400), at(this_hour(), 300, service_name=long))
    page = signed_in("/")
    for path in ("/", "/services"):
        page.goto(path)
        table = page.locator(".scroll", has_text=long)
        assert table.evaluate("(one) => one.scrollWidth <= one.clientWidth"), path
    for query in ("", "&group_by=service_name&compare=previous_period"):
        page.goto(f"/explore?metric_name={long}{query}")
        expect(page.locator(".chart canvas")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        table = page.locator("#figures")
        assert table.evaluate("(one) => one.scrollWidth <= one.clientWidth")


def test_a_phone_shows_the_first_figures(signed_in: Opener, api: httpx2.Client) -> None:
    metric = f"sold_{secrets.token_hex(4)}"
    submit(api, metric, at(this_hour(), 102_924.18, unit="BRL", frequency="daily"))
    page = signed_in(
        f"/explore?metric_name={metric}&period=day&range=last_7_days",
        locale="pt-BR",
        viewport={"width": 390, "height": 844},
    )
    figure = page.locator("#figures tbody td.number", has_text="102.924,18")
    box = box_of(figure)
    assert box["x"] + box["width"] <= 390

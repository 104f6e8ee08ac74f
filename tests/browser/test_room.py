"""What is written has the room it needs, however long it is."""

import httpx2
import pytest

from tests.browser.conftest import DESKTOP, Opener

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

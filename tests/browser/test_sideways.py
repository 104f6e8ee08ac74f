"""Parts wider than a phone scroll, say so, and begin where the reader looks."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Opener

pytestmark = pytest.mark.one_engine

# Whether what is current in a row that scrolls is within it.
_WITHIN = """(row) => {
    const whole = row.getBoundingClientRect();
    const part = row.querySelector("[aria-current]").getBoundingClientRect();
    return whole.left <= part.left && part.right <= whole.right;
}"""


def fades(page: Page, selector: str) -> tuple[bool, bool]:
    """Whether it fades at its begin and at its end."""
    classes = page.locator(selector).evaluate("(one) => [...one.classList]")
    return "more-before" in classes, "more-after" in classes


@pytest.mark.parametrize("path", ["/", "/services", "/admin/tenants"])
def test_the_navigation_shows_where_the_reader_is(signed_in: Opener, path: str) -> None:
    page = signed_in(path, viewport=PHONE, locale="pt-BR")
    for row in page.locator(".sections, .segments:has([aria-current])").all():
        assert row.evaluate(_WITHIN)
    assert page.evaluate("scrollY") == 0


def test_what_scrolls_fades_where_there_is_more(signed_in: Opener) -> None:
    page = signed_in("/", viewport=PHONE)
    assert fades(page, ".sections") == (False, True)
    page.locator(".sections").evaluate("(one) => { one.scrollLeft = one.scrollWidth }")
    expect(page.locator(".sections.more-before")).to_have_count(1)
    assert fades(page, ".sections") == (True, False)
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.locator(".more-before, .more-after")).to_have_count(0)

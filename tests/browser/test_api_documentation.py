"""The API's documentation, read in a browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Opener, serious_violations
from tests.conftest import Service

pytestmark = pytest.mark.one_engine


def test_who_is_not_signed_in_comes_to_the_sign_in_page_and_back(open_page: Opener) -> None:
    page = open_page("/docs")
    assert page.url.endswith("/sign-in?next=/docs")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_a_list_examples_and_meanings(
    signed_in: Opener, viewport: dict[str, int], scheme: str
) -> None:
    page = signed_in("/docs", viewport=viewport, color_scheme=scheme, role="reader")
    contents = page.get_by_role("navigation", name="Contents")
    endpoints = contents.locator("li a")
    assert endpoints.count() > 50
    # Each is closed: its name in the list and its line.
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height < 200 * endpoints.count()
    endpoints.filter(has_text="POST /api/metrics/batch").click()
    example = page.locator("#record_batch pre")
    expect(example).to_be_visible()
    expect(example).to_contain_text('"metric_name": "revenue_hourly"')
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert serious_violations(page) == []


def test_with_a_key_it_opens_in_a_browser(open_page: Opener, service: Service) -> None:
    key = service.client.headers["X-API-Key"]
    page = open_page("/docs", extra_http_headers={"X-API-Key": key})
    expect(page.locator("h1")).to_contain_text("Fature")

"""Signing in, in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Opener, serious_violations

pytestmark = pytest.mark.one_engine

Picture = Callable[[Page, str], None]


def test_signing_in_leads_to_the_overview(signed_in: Opener) -> None:
    page = signed_in("/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_signing_in_needs_no_script(signed_in: Opener) -> None:
    page = signed_in("/", java_script_enabled=False)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_form_is_accessible(
    open_page: Opener, picture: Picture, color_scheme: str, viewport: dict[str, int]
) -> None:
    page = open_page("/sign-in", color_scheme=color_scheme, viewport=viewport, locale="pt-BR")
    expect(page.get_by_label("Senha")).to_be_visible()
    picture(page, f"sign-in-{color_scheme}-{viewport['width']}")
    assert serious_violations(page) == []

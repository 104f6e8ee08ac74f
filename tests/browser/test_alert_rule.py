"""Writing an alert rule, in a browser."""

from playwright.sync_api import expect

from tests.browser.conftest import Opener


def test_signing_out_elsewhere_leaves_what_was_typed(signed_in: Opener, metric: str) -> None:
    page = signed_in("/alerts/rules/new", role="operator")
    page.locator("#description").fill("A long thought")
    other = page.context.new_page()
    other.goto("/account")
    other.locator(".menu summary").click()
    other.get_by_role("button", name="Sign out", exact=True).click()
    other.wait_for_url("**/sign-in**")
    page.locator("#metric_name").fill(metric)
    page.locator("#threshold_value").fill("500")
    page.locator("#rule_name").fill("Named")
    notice = page.locator("#notices", has_text="You are signed out")
    expect(notice.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.locator("#description")).to_have_value("A long thought")

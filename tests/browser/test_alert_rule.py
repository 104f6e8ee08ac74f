"""Writing an alert rule, in a browser."""

import httpx2
import pytest
from playwright.sync_api import expect

from tests.acceptance.reading import at, submit
from tests.browser.conftest import Opener
from tests.clock import this_hour

pytestmark = pytest.mark.one_engine


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


def test_a_rule_without_a_name_is_tried_as_it_is_typed(
    signed_in: Opener, api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, at(this_hour(), 400))
    page = signed_in("/alerts/rules/new", role="operator")
    preview = page.locator("#preview")
    page.locator("#metric_name").fill(metric)
    page.locator("#threshold_value").fill("abc")
    expect(preview).to_contain_text("this value: Expected a number")
    page.locator("#threshold_value").fill("500")
    page.locator("#window").fill("7x")
    expect(preview).to_contain_text("Window: '7x' is no window")
    page.locator("#window").fill("hour")
    expect(preview.locator("canvas")).to_have_count(1)


def test_a_panel_without_a_title_is_shown(
    signed_in: Opener, api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, at(this_hour(), 400))
    board = api.get("/api/dashboards").json()["data"][0]["id"]
    page = signed_in(f"/dashboards/{board}/panels/new")
    page.locator("#query_0_metric_name").select_option(metric)
    expect(page.locator("#preview canvas")).to_have_count(1)

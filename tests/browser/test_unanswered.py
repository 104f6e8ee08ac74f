"""Parts of pages that are asked for again, without a connection or with a slow one."""

import secrets
from datetime import timedelta

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.reading import at, submit
from tests.browser.conftest import Opener, serious_violations
from tests.clock import this_hour

pytestmark = pytest.mark.one_engine


@pytest.fixture
def explored(api: httpx2.Client, signed_in: Opener) -> Page:
    """The explorer with a figure of 4711."""
    metric = f"slow_{secrets.token_hex(4)}"
    submit(api, metric, *(at(this_hour(), value, unit="BRL") for value in (4000, 711)))
    page = signed_in(f"/explore?metric_name={metric}")
    expect(page.locator("#answer .value").first).to_contain_text("4,711")
    return page


def test_without_a_connection_no_old_figure_stays_and_one_can_try_again(explored: Page) -> None:
    explored.route("**/explore?**", lambda route: route.abort())
    explored.locator("#aggregation").select_option("min")
    notice = explored.locator("#answer [role='alert']")
    expect(notice).to_contain_text("cannot be reached")
    expect(explored.locator("#answer")).not_to_contain_text("4,711")
    assert serious_violations(explored) == []
    explored.unroute("**/explore?**")
    notice.get_by_role("button", name="Try again").click()
    expect(explored.locator("#answer .value").first).to_have_text("R$711.00")
    expect(notice).to_have_count(0)


def test_an_answer_that_is_slow_shows_that_it_is_waited_for(explored: Page) -> None:
    held: list[Route] = []
    explored.route("**/explore?**", lambda route: held.append(route))
    explored.locator("#aggregation").select_option("min")
    expect(explored.locator("#answer")).to_have_attribute("aria-busy", "true")
    expect(explored.locator("#answer .value").first).to_be_hidden()
    held.pop().continue_()
    expect(explored.locator("#answer .value").first).to_have_text("R$711.00")
    expect(explored.locator("#answer")).not_to_have_attribute("aria-busy", "true")


PREVIEW = "**/alerts/rules/preview"


@pytest.fixture
def watched(api: httpx2.Client, signed_in: Opener) -> Page:
    """The form of a new rule on a metric whose figure is 4711, which it would have fired for."""
    metric = f"watched_{secrets.token_hex(4)}"
    submit(api, metric, at(this_hour() - timedelta(hours=2), 4711, unit="BRL"))
    page = signed_in(f"/alerts/rules/new?metric_name={metric}&condition=%3E&threshold_value=10")
    expect(page.locator("#preview")).to_contain_text("1 time in the last")
    return page


def test_a_preview_that_does_not_come_is_not_that_of_the_rule_before(watched: Page) -> None:
    watched.route(PREVIEW, lambda route: route.abort())
    watched.locator("#threshold_value").fill("9000")
    notice = watched.locator("#preview [role='alert']")
    expect(notice).to_contain_text("cannot be reached")
    expect(watched.locator("#preview")).not_to_contain_text("1 time")
    assert serious_violations(watched) == []
    watched.unroute(PREVIEW)
    notice.get_by_role("button", name="Try again").click()
    expect(watched.locator("#preview")).to_contain_text("0 times in the last")
    expect(notice).to_have_count(0)


def test_a_preview_that_another_takes_the_place_of_is_waited_for(watched: Page) -> None:
    held: list[Route] = []
    watched.route(PREVIEW, lambda route: held.append(route))
    for number, value in enumerate(("8000", "9000"), 1):
        watched.locator("#threshold_value").fill(value)
        watched.wait_for_function("() => document.getElementById('preview').ariaBusy === 'true'")
        while len(held) < number:
            watched.wait_for_timeout(50)
    preview = watched.locator("#preview")
    expect(preview).to_have_attribute("aria-busy", "true")
    expect(preview.locator("h2").first).to_be_hidden()
    held.pop().continue_()
    expect(preview).to_contain_text("0 times in the last")
    expect(preview).not_to_have_attribute("aria-busy", "true")
    expect(preview.locator("[role='alert']")).to_have_count(0)


def test_a_preview_that_comes_after_its_page_can_be_tried_again(
    api: httpx2.Client, signed_in: Opener
) -> None:
    metric = f"watched_{secrets.token_hex(4)}"
    submit(api, metric, at(this_hour() - timedelta(hours=2), 4711, unit="BRL"))
    page = signed_in("/alerts/rules/new")
    page.route("**preview=yes**", lambda route: route.abort())
    path = f"/alerts/rules/new?metric_name={metric}&condition=%3E&threshold_value=10"
    page.evaluate("path => location.assign(path)", path)
    notice = page.locator("#preview [role='alert']")
    expect(notice).to_contain_text("cannot be reached")
    page.unroute("**preview=yes**")
    notice.get_by_role("button", name="Try again").click()
    expect(page.locator("#preview")).to_contain_text("1 time in the last")


def test_what_is_live_says_that_it_is_not_while_offline(signed_in: Opener) -> None:
    page = signed_in("/")
    page.context.set_offline(True)
    notice = page.locator("#live [role='alert']")
    expect(notice).to_contain_text("cannot be reached")
    expect(notice.get_by_role("button", name="Try again")).to_be_visible()
    page.context.set_offline(False)
    # Unless the browser connected again before.
    page.evaluate("document.querySelector(\"#live [role='alert'] button\")?.click()")
    expect(page.locator("#live [role='alert']")).to_have_count(0)

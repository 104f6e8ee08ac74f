"""Parts of pages that are asked for again, without a connection or with a slow one."""

import secrets

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.reading import at, submit
from tests.browser.conftest import Opener, serious_violations
from tests.clock import this_hour


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


def test_what_is_live_says_that_it_is_not_while_offline(signed_in: Opener) -> None:
    page = signed_in("/")
    page.context.set_offline(True)
    notice = page.locator("#live [role='alert']")
    expect(notice).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    notice.get_by_role("button", name="Try again").click()
    expect(page.locator("#live [role='alert']")).to_have_count(0)

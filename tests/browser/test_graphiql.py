"""GraphiQL in a browser, under the policy of all pages."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener, serious_violations

pytestmark = pytest.mark.one_engine


def test_a_query_is_asked_and_answered(
    signed_in: Opener, picture: Callable[[Page, str], None]
) -> None:
    page = signed_in("/", role="reader", locale="pt-BR")
    page.locator(".menu summary").click()
    page.get_by_role("link", name="GraphQL").click()
    editor = page.locator(".graphiql-query-editor .CodeMirror")
    expect(editor).to_be_visible()
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.type('{ metric(name: "revenue_hourly") { unit ')
    page.get_by_role("button", name="Execute query").click()
    expect(page.locator(".result-window")).to_contain_text('"BRL"')
    picture(page, "graphiql")
    # Its own colours are GraphiQL's.
    page.locator("#graphiql").evaluate("element => element.remove()")
    assert serious_violations(page) == []

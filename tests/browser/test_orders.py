"""From the first link to an alert looked after, with real orders, in a browser."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_currency
from playwright.sync_api import Page, expect

from tests.acceptance.orders import Replayed, needs_orders, placed, replay
from tests.acceptance.people import add_person, new_address
from tests.browser.conftest import Opener, serious_violations, sign_in
from tests.conftest import DatabaseServer, running_service

pytestmark = [pytest.mark.one_engine, needs_orders]

ZONE = ZoneInfo("America/Sao_Paulo")
PASSWORD = "a long password"


@pytest.fixture(scope="module")
def shop(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replayed]:
    """A service with all orders, the newest of them yesterday at noon, and no user yet."""
    folder = tmp_path_factory.mktemp("shop")
    database = database_of.new_database(ZONE.key)
    with running_service(
        folder, database, FATURE_TIMEZONE=ZONE.key, FATURE_ALERT_INTERVAL="0.5"
    ) as service:
        noon = datetime.now(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)
        newest = (noon - timedelta(days=1)).astimezone(UTC)
        said = replay(service, ZONE, folder, "--shift", newest.isoformat())
        payments = placed(newest, service.client.get("/api/health").json())
        yield Replayed(service, ZONE, payments, said)


def revenue(shop: Replayed, period: str) -> dict[datetime, Decimal]:
    """Revenue by the start of the period."""
    sums = shop.expected(period, lambda payment: payment.revenue)
    return {start.astimezone(ZONE): value for (start, _), value in sums.items()}


def in_reais(value: Decimal) -> str:
    return format_currency(value.quantize(Decimal("0.01")), "BRL", locale="en")


def opened(open_page: Opener, shop: Replayed, path: str) -> Page:
    return open_page(
        path,
        base_url=shop.service.url,
        accept_downloads=True,
        extra_http_headers={"X-Forwarded-For": new_address()},
    )


def signed_in(open_page: Opener, shop: Replayed, role: str, path: str) -> Page:
    """A page, in a browser of a new user."""
    page = opened(open_page, shop, "/sign-in")
    sign_in(page, add_person(shop.service.client, role))
    page.goto(path)
    return page


def cells(page: Page) -> list[str]:
    """The figures of the table, newest first."""
    expect(page.locator("#figures tbody tr").first).to_be_visible()
    return page.locator("#figures tbody td.number").all_inner_texts()


def test_the_first_user_finds_the_right_revenue(open_page: Opener, shop: Replayed) -> None:
    link = re.search(r"Welcome:\s+(\S+)", shop.service.log.read_text())
    assert link
    page = opened(open_page, shop, link[1])
    page.get_by_label("Email").fill("ana@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("You are signed in as admin.")).to_be_visible()
    page.get_by_role("link", name="Explore").click()
    page.locator(".picker summary").click()
    page.get_by_label("Search metrics").fill("revenue hourly")
    page.keyboard.press("Enter")
    page.wait_for_url("**metric_name=revenue_hourly**")
    page.locator("#period").select_option("day")
    page.wait_for_url("**period=day**")
    days = revenue(shop, "day")
    yesterday = datetime.now(ZONE).date() - timedelta(days=1)
    (right,) = (value for start, value in days.items() if start.date() == yesterday)
    row = page.locator("#figures tbody tr").filter(has_text=f"{yesterday:%b} {yesterday.day}, ")
    expect(row.locator("td.number").first).to_have_text(in_reais(right))


def test_periods_groups_links_and_csv_are_of_the_same_figures(
    open_page: Opener, shop: Replayed
) -> None:
    page = signed_in(
        open_page, shop, "operator", "/explore?metric_name=revenue_hourly&range=last_12_months"
    )
    page.locator("#period").select_option("month")
    page.wait_for_url("**period=month**")
    expect(page.locator("#figures thead th").first).to_be_visible()
    months = revenue(shop, "month")
    first = datetime.fromisoformat(_oldest(page))
    right = [in_reais(value) for start, value in sorted(months.items()) if start >= first]
    # The month under way may have nothing yet.
    assert [cell for cell in cells(page) if cell != "–"] == right[::-1]
    page.locator("summary", has_text="Filters and groups").click()
    page.get_by_role("checkbox", name="Region").check()
    page.wait_for_url("**group_by=region**")
    expect(page.locator("#figures thead th").nth(2)).to_be_visible()
    table = page.locator("#figures").inner_text()

    reader = signed_in(open_page, shop, "reader", page.url)
    assert reader.locator("#figures").inner_text() == table
    expect(reader.get_by_role("link", name="Alert on this")).to_have_count(0)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    asked = dict(parse_qsl(urlsplit(page.url).query))
    params = {
        "metric_name": "revenue_hourly",
        "period": asked["period"],
        "group_by": "region",
        "start_date": first.isoformat(),
        "limit": "10000",
    }
    answer = shop.service.client.get(
        "/api/metrics/aggregate", params=params, headers={"Accept": "text/csv"}
    )
    assert answer.status_code == 200, answer.text
    assert download.value.path().read_bytes() == answer.content


def _oldest(page: Page) -> str:
    """Where the range of a page begins, as its CSV has it."""
    address = page.get_by_role("link", name="CSV").get_attribute("href")
    rows = page.context.request.get(address or "").text().splitlines()
    header, *figures = [row.split(",") for row in rows]
    return min(row[header.index("start")] for row in figures)


def test_a_rule_from_the_explorer_fires_and_is_looked_after(
    open_page: Opener, shop: Replayed
) -> None:
    page = signed_in(
        open_page, shop, "operator", "/explore?metric_name=revenue_hourly&range=last_90_days"
    )
    page.get_by_role("link", name="Alert on this").click()
    expect(page.locator("#metric_name")).to_have_value("revenue_hourly")
    page.locator("#rule_name").fill("Too much of a good thing")
    page.locator("#window").fill("month")
    page.locator("#condition").select_option(">")
    page.locator("#threshold_value").fill("1")
    # Two years take a while, and longer where other tests run.
    expect(page.locator("#preview")).to_contain_text("in the last 730 days", timeout=20_000)
    expect(page.locator("#preview canvas")).to_have_count(1)
    assert serious_violations(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The rule is saved")).to_be_visible()
    alert = page.get_by_role("link", name="Too much of a good thing")
    answer = shop.service.client.post(
        "/api/metrics",
        json={
            "metric_name": "revenue_hourly",
            "metric_type": "revenue",
            "value": 99.5,
            "unit": "BRL",
            "frequency": "hourly",
        },
    )
    assert answer.status_code == 201, answer.text
    for _ in range(60):
        page.goto("/alerts")
        if alert.count():
            break
        page.wait_for_timeout(500)
    alert.first.click()
    page.locator("textarea[name=comment], input[name=comment]").first.fill("Counting again")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".badge", has_text="Acknowledged").first).to_be_visible()
    expect(page.locator("q", has_text="Counting again")).to_be_visible()
    events = shop.service.client.get("/api/alerts/events").json()["data"]
    (event,) = (one for one in events if one["rule_name"] == "Too much of a good thing")
    assert (event["status"], event["comment"]) == ("acknowledged", "Counting again")


def test_a_figure_becomes_a_panel_that_is_renamed(open_page: Opener, shop: Replayed) -> None:
    page = signed_in(
        open_page, shop, "operator", "/explore?metric_name=revenue_hourly&range=last_90_days"
    )
    page.locator("summary", has_text="Save as a panel").click()
    page.locator("#dashboard").select_option("")
    page.locator("#name").fill("Money")
    page.locator(".save button").click()
    expect(page.get_by_role("heading", name="Money")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.locator(".handles summary").click()
    page.locator(".handles").get_by_role("link", name="Edit").click()
    page.locator("#title").fill("What came in")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="What came in")).to_be_visible()
    boards = shop.service.client.get("/api/dashboards").json()["data"]
    (board,) = (one for one in boards if one["name"] == "Money")
    assert [panel["title"] for panel in board["config"]["panels"]] == ["What came in"]

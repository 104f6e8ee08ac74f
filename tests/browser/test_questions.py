"""Questions of a business owner, answered by pages alone: each in at most three clicks from the
overview, right to the cent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
from babel.numbers import format_currency, format_percent
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from tests.acceptance.orders import Payment, Replayed, needs_orders, placed, replay
from tests.acceptance.people import add_person
from tests.acceptance.reading import submit
from tests.acceptance.test_files import cells_of
from tests.browser.conftest import Opener, serious_violations, sign_in
from tests.conftest import DatabaseServer, running_service

pytestmark = [pytest.mark.one_engine, needs_orders]

DAY = timedelta(days=1)
# In a day that ends no sooner than eleven hours from now: what is today stays today.
ZONE = ZoneInfo(f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")
CONVERSION_DAYS = 70
CLICKS = 3


@dataclass
class Asked:
    """A page that was opened at the overview, and how often it was clicked since."""

    page: Page
    clicks: int = 0

    def click(self, what: Locator) -> None:
        self.clicks += 1
        assert self.clicks <= CLICKS
        what.click()

    def choose(self, name: str, value: str) -> None:
        self.clicks += 1
        assert self.clicks <= CLICKS
        self.page.locator(f"#{name}").select_option(value)
        self.page.wait_for_url(f"**{name}={value}**")

    def go(self, section: str) -> None:
        nav = self.page.get_by_role("navigation", name="Sections")
        self.click(nav.get_by_role("link", name=section))
        expect(nav.get_by_role("link", name=section)).to_have_attribute("aria-current", "page")


@pytest.fixture(scope="module")
def shop(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replayed]:
    """A service with all orders, the newest of them today at eleven."""
    folder = tmp_path_factory.mktemp("shop")
    database = database_of.new_database(ZONE.key)
    with running_service(folder, database, FATURE_TIMEZONE=ZONE.key) as service:
        newest = datetime.now(ZONE).replace(hour=11, minute=0, second=0, microsecond=0)
        newest = newest.astimezone(UTC)
        said = replay(service, ZONE, folder, "--shift", newest.isoformat())
        payments = placed(newest, service.client.get("/api/health").json())
        yield Replayed(service, ZONE, payments, said)


@pytest.fixture(scope="module")
def signed(chromium: Browser, shop: Replayed) -> StorageState:
    """The cookies of somebody who is signed in."""
    context = chromium.new_context(base_url=shop.service.url)
    page = context.new_page()
    page.goto("/sign-in")
    sign_in(page, add_person(shop.service.client, "operator"))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def asked(open_page: Opener, shop: Replayed, signed: StorageState) -> Asked:
    url = shop.service.url
    return Asked(open_page("/", base_url=url, storage_state=signed, accept_downloads=True))


def this_day() -> date:
    return datetime.now(ZONE).date()


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def revenue(payment: Payment) -> Decimal:
    return payment.revenue


def sums(
    shop: Replayed, first: date, after: date, value: Callable[[Payment], Decimal], column: str
) -> Mapping[str, Decimal]:
    """By what a column of the file has, of the days from the first one until before the other."""
    found: dict[str, Decimal] = {}
    for payment in shop.payments:
        if payment.frequency and midnight(first) <= payment.instant < midnight(after):
            group = payment.row[column] if column else ""
            found[group] = found.get(group, Decimal(0)) + value(payment)
    return found


def total(shop: Replayed, first: date, after: date) -> Decimal:
    return sums(shop, first, after, revenue, "").get("", Decimal(0))


def in_reais(value: Decimal) -> str:
    return format_currency(value.quantize(Decimal("0.01")), "BRL", locale="en")


def rows(page: Page, table: str) -> list[list[str]]:
    """The texts of the cells of each row."""
    body = page.locator(f"{table} tbody tr")
    expect(body.first).to_be_visible()
    return [
        [cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in body.all()
    ]


def test_revenue_yesterday_against_the_same_weekday(asked: Asked, shop: Replayed) -> None:
    asked.click(asked.page.get_by_role("link", name="Revenue today"))
    asked.choose("range", "yesterday")
    asked.choose("compare", "previous_week")
    yesterday = this_day() - DAY
    right = [total(shop, day, day + DAY) for day in (yesterday, yesterday - 7 * DAY)]
    whole = asked.page.locator("#figures tfoot td.number")
    expect(whole).to_have_text([in_reais(value) for value in right])
    expect(asked.page.locator(".summary .value")).to_have_text(in_reais(right[0]))


def test_the_best_payment_method_and_its_share(asked: Asked, shop: Replayed) -> None:
    asked.go("Explore")
    asked.click(asked.page.get_by_role("link", name="Payment method"))
    found = sums(shop, this_day() - 29 * DAY, this_day() + DAY, revenue, "payment_type")
    best = max(found, key=found.__getitem__)
    share = format_percent(found[best] / sum(found.values()), "#,##0.0%", locale="en")
    name = best.replace("_", " ").capitalize()
    assert rows(asked.page, ".ranking")[0] == [name, in_reais(found[best]), share]
    assert serious_violations(asked.page) == []


def test_the_top_ten_affiliates(asked: Asked, shop: Replayed) -> None:
    asked.click(asked.page.get_by_role("link", name="Commission paid today"))
    asked.choose("range", "last_90_days")
    asked.click(asked.page.get_by_role("link", name="Affiliate", exact=True))
    first, after = this_day() - 89 * DAY, this_day() + DAY
    found = sums(shop, first, after, lambda payment: payment.commission, "seller_id")
    shown = rows(asked.page, ".ranking")[:10]
    best = sorted(found.values(), reverse=True)[:10]
    assert [row[1] for row in shown] == [in_reais(value) for value in best]
    assert [in_reais(found[row[0]]) for row in shown] == [row[1] for row in shown]


def test_the_region_that_fell_most(asked: Asked, shop: Replayed) -> None:
    asked.go("Explore")
    asked.click(asked.page.get_by_role("link", name="Region", exact=True))
    asked.click(asked.page.get_by_role("link", name="Fell the most"))
    asked.page.wait_for_url("**rank=-change**")
    first, after = this_day() - 29 * DAY, this_day() + DAY
    this = sums(shop, first, after, revenue, "customer_state")
    before = sums(shop, first - 30 * DAY, first, revenue, "customer_state")
    fell = {region: this.get(region, Decimal(0)) - value for region, value in before.items()}
    worst = min(fell, key=fell.__getitem__)
    name, value, _, baseline, change, _ = rows(asked.page, ".ranking")[0]
    assert [name, baseline, change] == [worst, in_reais(before[worst]), in_reais(fell[worst])]
    assert value in (in_reais(this.get(worst, Decimal(0))), "–")


def test_the_trend_of_the_conversion(asked: Asked, shop: Replayed) -> None:
    days = {this_day() - ago * DAY: Decimal(300 + ago % 11) for ago in range(1, CONVERSION_DAYS)}
    samples = [
        {
            "timestamp": (midnight(day) + DAY / 2).isoformat(),
            "value": float(value / 100),
            "metric_type": "conversion",
            "unit": "%",
            "frequency": "daily",
        }
        for day, value in days.items()
    ]
    submit(shop.service.client, "conversion_rate", *samples)
    asked.click(asked.page.get_by_role("link", name="Conversion today"))
    asked.choose("range", "last_90_days")
    asked.choose("period", "week")
    weeks: dict[date, list[Decimal]] = {}
    for day, value in days.items():
        weeks.setdefault(day - day.weekday() * DAY, []).append(value)
    means = [float(sum(values) / len(values) / 100) for _, values in sorted(weeks.items())]
    shown = [cells[1] for cells in rows(asked.page, "#figures") if cells[1] != "–"]
    assert [float(one.rstrip("%")) for one in shown[::-1]] == pytest.approx(means, abs=0.005)
    expect(asked.page.locator(".chart canvas")).to_have_count(1)


def test_the_services_that_are_not_well(asked: Asked, shop: Replayed) -> None:
    reported = {"payment-service": "unhealthy", "user-service": "healthy", "api": "degraded"}
    for name, status in reported.items():
        report = {"service_name": name, "status": status}
        assert shop.service.client.post("/api/services/health", json=report).is_success
    asked.go("Services")
    shown = {row[0]: row[1].lower() for row in rows(asked.page, "main")}
    assert {name: status for name, status in shown.items() if status != "healthy"} == {
        name: status for name, status in reported.items() if status != "healthy"
    }


def test_the_alerts_of_last_week_and_why(asked: Asked, shop: Replayed) -> None:
    monday = this_day() - (this_day().weekday() + 7) * DAY
    day = monday + DAY
    with psycopg.connect(shop.service.database_url) as conn:
        for name, opened in (("Tuesday was weak", day + DAY), ("Long ago", monday - 5 * DAY)):
            since, before = midnight(opened - DAY), midnight(opened)
            conn.execute(
                """
                INSERT INTO fature.alert_event (
                    tenant, rule_name, metric_name, condition, threshold_value, severity, status,
                    aggregation, window_name, value, unit, window_start, window_end, opened_at,
                    resolved_at
                )
                VALUES (
                    'default', %s, 'revenue_hourly', '<', 1e6, 'low', 'resolved',
                    'sum', 'day', 0, 'BRL', %s, %s, %s, %s
                )
                """,
                (name, since, before, before, before),
            )
    asked.go("Alerts")
    asked.click(asked.page.get_by_role("link", name="Last week"))
    expect(asked.page.get_by_role("rowheader", name="Long ago")).to_have_count(0)
    assert serious_violations(asked.page) == []
    asked.click(asked.page.get_by_role("link", name="Why? Tuesday was weak"))
    value, baseline = (total(shop, one, one + DAY) for one in (day, day - 7 * DAY))
    explained = asked.page.locator("#explanation")
    for amount in (value, baseline, abs(value - baseline)):
        expect(explained).to_contain_text(in_reais(amount))


def test_whether_this_month_is_on_track(asked: Asked, shop: Replayed) -> None:
    first = this_day().replace(day=1)
    so_far = total(shop, first, this_day() + DAY)
    for name, value in (("Easily reached", so_far / 2), ("Out of reach", so_far * 10_000)):
        target = {
            "name": name,
            "metric_name": "revenue_hourly",
            "period": "month",
            "value": float(value),
        }
        assert shop.service.client.post("/api/targets", json=target).is_success
    asked.page.reload()
    for name, word in (("Easily reached", "On track"), ("Out of reach", "Off track")):
        card = asked.page.get_by_role("article").filter(has_text=name)
        expect(card.locator(".value")).to_have_text(in_reais(so_far), timeout=20_000)
        expect(card.locator(".badge")).to_have_text(word)


def test_where_this_month_will_end(asked: Asked) -> None:
    asked.go("Explore")
    asked.choose("forecast", "month")
    expect(asked.page.get_by_text("By the end of the month: about")).to_be_visible()
    expect(asked.page.locator(".legend").get_by_role("button", name="Forecast")).to_be_visible()
    assert serious_violations(asked.page) == []


def test_the_export_for_the_accountant(asked: Asked, shop: Replayed) -> None:
    asked.go("Explore")
    asked.choose("range", "last_month")
    with asked.page.expect_download() as download:
        asked.click(asked.page.get_by_role("link", name="Excel"))
    after = this_day().replace(day=1)
    first = (after - DAY).replace(day=1)
    days = [first + n * DAY for n in range((after - first).days)]
    right = {f"{day}": total(shop, day, day + DAY) for day in days}
    heading, *figures = cells_of(download.value.path().read_bytes())
    period, value = heading.index("period"), heading.index("value")
    found = {row[period]: Decimal(row[value]).quantize(Decimal("0.01")) for row in figures}
    assert found == {day: amount for day, amount in right.items() if amount}

"""Every page as people see it: light and dark, desktop and phone, with and without scripts."""

from collections.abc import Callable

import httpx2
import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.talk import sample
from tests.browser.conftest import DESKTOP, LOOKS, PHONE, Opener, box_of, serious_violations
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

Picture = Callable[[Page, str], None]

PAGES = {
    "overview": "/",
    "overview-tv": "/?tv=1",
    "morning": "/morning",
    "explain": "/explain?metric_name=revenue_hourly&start_date=2026-11-01&end_date=2026-11-02",
    "targets": "/targets",
    "annotations": "/annotations",
    "samples": "/explore/samples?metric_name=revenue_hourly",
    "voids": "/explore/voids",
    "void-many": "/explore/samples/void?metric_name=revenue_hourly",
    "reconcile": "/explore/reconcile",
    "services": "/services",
    "service": "/services/looked-at?span=week",
    "alerts": "/alerts",
    "alert-rules": "/alerts/rules",
    "alert-rule": "/alerts/rules/1",
    "alert-silences": "/alerts/silences",
    "alert-channels": "/alerts/channels",
    "account": "/account",
    "catalog": "/admin/catalog",
    "metric": "/admin/catalog/revenue_hourly",
    "metric-derived": "/admin/derived",
    "metric-remove": "/admin/catalog/throughput/remove",
    "users": "/admin/users",
    "user-new": "/admin/users/new",
    "keys": "/admin/keys",
    "key-new": "/admin/keys/new",
    "imports": "/imports",
    "closes": "/admin/closes",
    "audit": "/admin/audit",
    "retention": "/admin/retention",
    "tenants": "/admin/tenants",
    "not-found": "/nothing",
}
_FIRST_VISIT = 120 * 1024


@pytest.fixture(scope="module")
def lively(service: Service) -> None:
    """The shared service with a week of health reports of one service, every 20 minutes."""
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        conn.execute(
            """
            INSERT INTO fature.service_health (
                ts, tenant, service_name, status, response_time_ms, error_rate, cpu_usage,
                memory_usage, version
            )
            SELECT
                now() - n * interval '20 minutes', 'default', 'looked-at',
                CASE WHEN n % 50 = 7 THEN 'unhealthy' ELSE 'healthy' END,
                80 + n % 17, 0.01, 0.3, 0.5, '1.2.3'
            FROM generate_series(0, 504) AS n
            """
        )


@pytest.mark.usefixtures("lively")
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_are_accessible_and_fit(
    signed_in: Opener, picture: Picture, color_scheme: str, viewport: dict[str, int]
) -> None:
    page = signed_in("/", color_scheme=color_scheme, viewport=viewport, locale="pt-BR")
    # What a page consists of is the same in every look.
    rules = [] if (color_scheme, viewport) == ("light", DESKTOP) else LOOKS
    for name, path in PAGES.items():
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        for figure in page.locator("[data-chart]").all():
            expect(figure.locator("canvas")).to_have_count(1)
        picture(page, f"{name}-{color_scheme}-{viewport['width']}")
        assert serious_violations(page, *rules) == []
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{name} scrolls sideways"


@pytest.mark.usefixtures("lively")
def test_pages_read_without_scripts(signed_in: Opener) -> None:
    page = signed_in("/", java_script_enabled=False)
    expect(page.get_by_role("heading", name="Revenue today")).to_be_visible()
    page.get_by_role("link", name="Services").first.click()
    page.get_by_role("link", name="looked-at").click()
    expect(page.get_by_role("heading", name="looked-at")).to_be_visible()
    expect(page.get_by_role("cell", name="Healthy").first).to_be_visible()


@pytest.mark.usefixtures("lively")
def test_a_phone_shows_how_available_services_are(signed_in: Opener) -> None:
    page = signed_in("/", viewport=PHONE)
    for path in ("/", "/services"):
        page.goto(path)
        figure = page.get_by_role("row", name="looked-at").get_by_role("cell", name="%").first
        # The overview may be as others saw it some seconds ago, and follows.
        expect(figure).to_be_visible(timeout=30_000)
        box = box_of(figure)
        assert box["x"] + box["width"] <= PHONE["width"]
        expect(page.get_by_role("columnheader", name="Available")).to_be_visible()


@pytest.mark.usefixtures("lively")
def test_a_first_visit_is_light(signed_in: Opener) -> None:
    page = signed_in("/services")
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    received: list[float] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    # With charts, which is the most that a page loads.
    page.goto("/services/looked-at")
    expect(page.locator("canvas").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert len(received) > 6
    assert sum(received) < _FIRST_VISIT


def test_the_overview_follows(signed_in: Opener, api: httpx2.Client) -> None:
    page = signed_in("/")
    card = page.locator("article", has_text="Commission paid today")
    expect(card).to_be_visible()
    before = card.locator(".value").inner_text()
    body = sample("commission_paid", value=123456, unit="BRL", metric_type="commission")
    assert api.post("/api/metrics", json=body).is_success
    expect(card.locator(".value")).not_to_have_text(before, timeout=30_000)


@pytest.mark.usefixtures("lively")
def test_a_chart_says_what_is_under_the_pointer(signed_in: Opener) -> None:
    page = signed_in("/services/looked-at?span=week")
    chart = page.locator("#chart-1")
    expect(chart.locator("canvas")).to_have_count(1)
    chart.locator(".u-over").hover()
    expect(chart.locator(".tip")).to_contain_text("ms")


def test_the_menu_works_by_keyboard(signed_in: Opener) -> None:
    page = signed_in("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    summary = page.locator(".menu summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(summary).to_be_focused()


def test_dark_and_portuguese_are_chosen_in_the_menu(signed_in: Opener) -> None:
    page = signed_in("/services")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Português").click()
    expect(page.get_by_role("heading", name="Serviços")).to_be_visible()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Escura").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

"""The page of the morning, and pages on a television."""

import secrets
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import psycopg
import pytest

from tests.acceptance.access import ok
from tests.acceptance.reading import at, submit
from tests.acceptance.test_web_dashboards import shared_path
from tests.acceptance.web import post, signed_in, text_of
from tests.clock import this_hour, today
from tests.conftest import DatabaseServer, Service, running_service
from tests.killable import until

pytestmark = pytest.mark.one_engine

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 35
# What was lost of each of the last 24 hours.
LOST = 0.9


@pytest.fixture(scope="module")
def shop(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Revenue by hour of five weeks until now, very little of it in the last 24 hours."""
    with running_service(tmp_path_factory.mktemp("morning"), database_of.new_database()) as service:
        hour = this_hour()
        samples = [
            at(
                hour - HOUR * ago,
                round((100 + ago * 7 % 5) * (1 - LOST if ago <= 24 else 1), 2),
                unit="BRL",
                metric_type="revenue",
                region=region,
            )
            for ago in range(DAYS * 24, 0, -1)
            for region in ("SP", "RJ")
        ]
        for first in range(0, len(samples), 1000):
            submit(service.client, "revenue_hourly", *samples[first : first + 1000])
        yield service


@pytest.fixture
def web(shop: Service) -> Iterator[httpx2.Client]:
    with signed_in(shop.client) as client:
        yield client


def day_of(shop: Service, ago: int) -> float:
    """Revenue of a day, as the API says it."""
    day = f"{today() - ago * DAY:%Y-%m-%d}"
    params = {"metric_name": "revenue_hourly", "start_date": day, "end_date": day, "period": "day"}
    (row,) = ok(shop.client.get("/api/metrics/aggregate", params=params))
    return float(row["value"])


def test_yesterday_stands_beside_the_same_weekday_before(shop: Service, web: httpx2.Client) -> None:
    yesterday, before = day_of(shop, 1), day_of(shop, 8)
    text = text_of(web.get("/morning"))
    assert f"Revenue hourly R${yesterday:,.2f} R${before:,.2f} " in text
    assert "Commission paid" not in text
    said = text_of(web.get("/morning", headers={"Accept-Language": "pt-BR"}))
    assert "em relação ao mesmo dia da semana anterior" in said


def test_what_is_unusual_is_named_and_explained(shop: Service, web: httpx2.Client) -> None:
    # Fitted for the first time it may take longer than the page waits for it.
    until(lambda: "Unusually low: about" in text_of(web.get("/morning")))
    page = web.get("/morning")
    (link, *_) = [part for part in page.text.split('href="') if part.startswith("/explain?")]
    explained = web.get(link.partition('"')[0].replace("&amp;", "&"))
    assert "less than before" in text_of(explained)


def test_the_overview_asks_for_the_morning_once_it_is_there(web: httpx2.Client) -> None:
    assert 'hx-get="/morning"' in web.get("/").text


def test_a_page_on_a_television_says_as_of_when_and_can_be_left(
    shop: Service, web: httpx2.Client
) -> None:
    board = ok(shop.client.get("/api/dashboards"))[0]["id"]
    for path in ("/", f"/dashboards/{board}"):
        page = web.get(f"{path}?tv=1")
        assert 'class="tv"' in page.text
        assert "As of" in text_of(page)
        assert f'href="{path}">Leave TV mode' in page.text
        assert 'class="tv"' not in web.get(path).text
    assert 'data-every="' in web.get(f"/dashboards/{board}?tv=1").text


def test_pages_follow_each_other_from_the_overview_and_again(
    shop: Service, web: httpx2.Client
) -> None:
    boards = ok(shop.client.get("/api/dashboards"))
    seen, path = [], "/?tv=1&rotate=20"
    for _ in range(len(boards) + 1):
        page = web.get(path)
        assert page.status_code == 200
        seen.append(path.partition("?")[0])
        assert 'data-after="20"' in page.text
        path = page.text.partition('data-next="')[2].partition('"')[0].replace("&amp;", "&")
    assert path == "/?tv=1&rotate=20"
    assert sorted(seen) == sorted(["/", *(f"/dashboards/{board['id']}" for board in boards)])


@pytest.mark.parametrize("rotate", ["5", "x", "99999"])
def test_a_page_is_not_shown_for_less_than_can_be_read(web: httpx2.Client, rotate: str) -> None:
    answer = web.get(f"/?tv=1&rotate={rotate}")
    assert answer.status_code == 422
    assert "Use 10 to 3600 seconds" in text_of(answer)


def test_a_link_for_others_has_the_mode_too(shop: Service, web: httpx2.Client) -> None:
    board = {"name": secrets.token_hex(6), "config": {"panels": [], "layout": []}}
    made = ok(shop.client.post("/api/dashboards", json=board))
    link = shared_path(post(web, f"/dashboards/{made['id']}/shares", days="1"))
    page = web.get(f"{link}?tv=1")
    assert 'class="tv"' in page.text
    assert "As of" in text_of(page)


def test_open_alerts_say_what_they_cost(shop: Service, web: httpx2.Client) -> None:
    with psycopg.connect(shop.database_url) as conn:
        conn.execute(
            """
            INSERT INTO fature.alert_event (
                tenant, rule_name, metric_name, condition, threshold_value, severity, aggregation,
                window_name, value, unit, opened_at, impact, impact_expected, impact_unit,
                impact_since, impact_until
            )
            VALUES (
                'default', 'Costly', 'revenue_hourly', '<', 5, 'high', 'sum', 'hour', 3, 'BRL',
                now(), -4200.5, 9000, 'BRL', now() - interval '2 hours', now()
            )
            """
        )
    # What is shown of one time is shown for some seconds.
    until(lambda: "Costly" in text_of(web.get("/")))
    text = text_of(web.get("/"))
    assert "Costly High R$3.00 · Impact -R$4,200.50 · Open" in text

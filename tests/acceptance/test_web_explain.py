"""The page that explains a change, and where it is shown or linked."""

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx2
import psycopg
import pytest

from tests.acceptance.access import ok
from tests.acceptance.reading import at, submit
from tests.acceptance.test_access_table import RULE
from tests.acceptance.test_explain import day, noon
from tests.acceptance.test_explain import sales as sales_of
from tests.acceptance.web import signed_in, text_of
from tests.conftest import Service, run_refresh_jobs

pytestmark = pytest.mark.one_engine


@pytest.fixture(scope="module")
def user(service: Service) -> Iterator[httpx2.Client]:
    with signed_in(service.client) as client:
        yield client


@pytest.fixture(scope="module")
def dropped(service: Service) -> str:
    """Two days ago pix in SP fell to 22 % of what it was a week before."""
    metric = f"metric_{secrets.token_hex(6)}"
    submit(service.client, metric, at(noon(30), 0.0, unit="BRL"))
    change = {"dimensions": ["payment_method"]}
    ok(service.client.patch(f"/api/metrics/catalog/{metric}", json=change))
    submit(service.client, metric, *sales_of(noon(2), 0.22), *sales_of(noon(9)))
    run_refresh_jobs(service.database_url)
    return metric


def why(user: httpx2.Client, metric: str, **params: str) -> str:
    given = {"metric_name": metric, "start_date": day(2), "end_date": day(2)} | params
    return text_of(user.get("/explain", params=given))


def test_the_page_says_how_much_and_of_what(user: httpx2.Client, dropped: str) -> None:
    shown = why(user, dropped, compare="previous_week")
    assert re.search(r"R\$[\d,.]+ less than before, of which SP · Pix \d+%", shown)


def test_in_portuguese_it_says_so_too(user: httpx2.Client, dropped: str) -> None:
    given = {"metric_name": dropped, "start_date": day(2), "end_date": day(2)}
    page = user.get(
        "/explain",
        params=given | {"compare": "previous_week"},
        headers={"Accept-Language": "pt-BR"},
    )
    assert re.search(r"a menos que antes, dos quais SP · Pix \d+", text_of(page))


def test_what_is_wrong_is_said_on_the_page(user: httpx2.Client, dropped: str) -> None:
    assert "smallest and largest" in why(user, dropped, aggregation="max").lower()
    assert "There is nothing to compare" in why(user, dropped, start_date=day(20), end_date=day(20))


def test_the_explorer_leads_to_why_a_range_and_each_period_changed(
    user: httpx2.Client, dropped: str
) -> None:
    page = user.get(
        "/explore",
        params={
            "metric_name": dropped,
            "range": "custom",
            "start_date": day(2),
            "end_date": day(2),
            "period": "day",
            "compare": "previous_week",
        },
    )
    links = re.findall(r'href="(/explain\?[^"]+)"', page.text)
    assert len(links) == 2
    for link in links:
        assert "SP · Pix" in text_of(user.get(link.replace("&amp;", "&")))


def test_an_event_shows_why_its_value_is_so(
    service: Service, user: httpx2.Client, dropped: str
) -> None:
    rule = RULE | {"rule_name": secrets.token_hex(6), "metric_name": dropped, "window": "day"}
    made = ok(service.client.post("/api/alerts/rules", json=rule))
    start = noon(2).replace(hour=0)
    number = opened(service, made["id"], dropped, start)
    page = user.get(f"/alerts/events/{number}")
    (link,) = set(re.findall(r'hx-get="(/explain\?[^"]+)"', page.text))
    part = user.get(link.replace("&amp;", "&")).text
    assert 'id="explanation"' in part
    assert "SP · Pix" in part


def opened(service: Service, rule: int, metric: str, start: datetime) -> int:
    """An event of that day."""
    with psycopg.connect(service.database_url) as conn:
        row = conn.execute(
            """
            INSERT INTO fature.alert_event (
                tenant, rule_id, rule_name, metric_name, condition, threshold_value, severity,
                aggregation, window_name, opened_at, value, peak_value, group_labels,
                window_start, window_end
            )
            VALUES (
                'default', %s, 'A rule', %s, '<', 5, 'low', 'sum', 'day', %s, 1, 1, '{}', %s, %s
            )
            RETURNING event_id
            """,
            (rule, metric, start + timedelta(days=1), start, start + timedelta(days=1)),
        ).fetchone()
        assert row
        return int(row[0])

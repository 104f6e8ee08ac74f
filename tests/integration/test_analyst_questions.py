"""The questions of docs/analysts.md, asked by an analyst: each is answered, and rightly."""

import re
import secrets
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from sql.analysts import let_in
from sql.calendar import floor
from tests.conftest import ROOT, DatabaseServer, run_refresh_jobs

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime.now(ZONE)
TODAY = floor(NOW, "day", ZONE)
THIS_MONTH = floor(NOW, "month", ZONE)
LAST_MONTH = floor(THIS_MONTH - timedelta(days=1), "month", ZONE)
YESTERDAY = floor(TODAY - timedelta(hours=1), "day", ZONE)
QUESTION = re.compile(r"^### (\d+)\. (.+?)\n.*?^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUESTIONS = {
    int(number): text
    for number, _, text in QUESTION.findall((ROOT / "docs" / "analysts.md").read_text())
}


@dataclass(frozen=True)
class Sample:
    """One sample with its labels."""

    ts: datetime
    value: float
    metric: str = "revenue_hourly"
    frequency: str = "hourly"
    unit: str = "BRL"
    service: str | None = "payment-service"
    affiliate: str | None = None
    region: str | None = None
    method: str | None = None


def samples() -> list[Sample]:
    """Orders of this month, the last one and yesterday evening, and what goes with them."""
    this, last = THIS_MONTH + (NOW - THIS_MONTH) / 2, LAST_MONTH + timedelta(days=20)
    evening, noon = YESTERDAY + timedelta(hours=23.5), YESTERDAY + timedelta(hours=12)
    made = [
        Sample(this, 100, affiliate="a-1", method="pix"),
        Sample(this, 300, affiliate="a-2", method="card"),
        Sample(this, 50, service="shop", affiliate="a-1", method="pix"),
        Sample(LAST_MONTH, 40, affiliate="a-3", method="pix"),
        Sample(last, 200, affiliate="a-1", method="pix"),
        Sample(last, 100, service="shop", affiliate="a-2"),
        Sample(evening, 7, affiliate="a-4", method="pix"),
        # Not to be added to the rest.
        Sample(this, 9999, unit="USD", affiliate="a-1"),
        Sample(this, 15, metric="commission_paid", affiliate="a-1"),
        Sample(last, 30, metric="commission_paid", affiliate="a-2"),
        Sample(YESTERDAY, 500, metric="revenue_daily", frequency="daily", service=None),
    ]
    for value, service in ((2.0, "web"), (2.0, "web"), (8.0, "app")):
        labels = {"unit": "%", "service": service, "region": "SP"}
        made.append(Sample(noon, value, "conversion_rate", **labels))
    recent = NOW - timedelta(minutes=10)
    for value in range(1, 101):
        made.append(Sample(recent, value, "api_response_time", "real_time", "ms"))
    for value, region in ((70, "SP"), (30, "RJ")):
        made.append(Sample(recent, value, "active_users", "real_time", "users", region=region))
    return made


SAMPLES = samples()
REVENUE = [one for one in SAMPLES if one.metric == "revenue_hourly" and one.unit == "BRL"]


@pytest.fixture(scope="module")
def analyst(database_of: DatabaseServer) -> Iterator[psycopg.Connection[Any]]:
    """An analyst's session in the business time zone, as the page says."""
    url = database_of.new_database(ZONE.key)
    with psycopg.connect(url, autocommit=True) as conn:
        for number, one in enumerate(SAMPLES, start=1):
            store(conn, number, one)
        store_alerts(conn)
    run_refresh_jobs(url)
    made = let_in(url, f"ana_{secrets.token_hex(4)}")
    log_in = make_conninfo(url, user=made.name, password=made.password)
    with psycopg.connect(log_in, autocommit=True) as conn:
        # Rights on a database are not copied with its template; views are.
        conn.execute("SET timezone = 'America/Sao_Paulo'")
        yield conn


def store(conn: psycopg.Connection[Any], number: int, one: Sample) -> None:
    labels = {
        "metric": one.metric,
        "unit": one.unit,
        "frequency": one.frequency,
        "service": one.service,
        "affiliate": one.affiliate,
        "region": one.region,
        "dimensions": Jsonb({"payment_method": one.method} if one.method else {}),
    }
    found = """
        SELECT series_id FROM fature.series
        WHERE metric_name = %(metric)s AND unit = %(unit)s AND frequency = %(frequency)s
            AND service_name IS NOT DISTINCT FROM %(service)s
            AND affiliate_id IS NOT DISTINCT FROM %(affiliate)s
            AND region IS NOT DISTINCT FROM %(region)s AND dimensions = %(dimensions)s
    """
    made = """
        INSERT INTO fature.series (metric_name, metric_type, unit, frequency, service_name,
            affiliate_id, region, dimensions)
        VALUES (%(metric)s, 'revenue', %(unit)s, %(frequency)s, %(service)s, %(affiliate)s,
            %(region)s, %(dimensions)s)
        RETURNING series_id
    """
    row = conn.execute(found, labels).fetchone() or conn.execute(made, labels).fetchone()
    assert row is not None
    statement = sql.SQL("INSERT INTO {} (ts, id, series_id, value) VALUES (%s, %s, %s, %s)")
    table = sql.Identifier("fature", f"sample_{one.frequency}")
    conn.execute(statement.format(table), (one.ts, number, row[0], one.value))


def store_alerts(conn: psycopg.Connection[Any]) -> None:
    """One that was acknowledged after 10 minutes and lasted 60, one that lasted 30."""
    for days, acknowledged, resolved in ((3, 10, 60), (2, None, 30)):
        conn.execute(
            """
            INSERT INTO fature.alert_event (tenant, rule_name, metric_name, condition,
                threshold_value, severity, status, aggregation, window_name, value, opened_at,
                acknowledged_at, resolved_at)
            SELECT 'default', 'Low revenue', 'revenue_hourly', '<', 1500, 'medium', 'resolved',
                'sum', 'hour', 100, o.at, o.at + %s * interval '1 minute',
                o.at + %s * interval '1 minute'
            FROM (SELECT now() - %s * interval '1 day' AS at) AS o
            """,
            (acknowledged, resolved, days),
        )


def answer(analyst: psycopg.Connection[Any], number: int) -> list[tuple[Any, ...]]:
    # The text is a file of this repository.
    return analyst.execute(QUESTIONS[number].encode()).fetchall()


def totals(of: list[Sample], key: Any) -> dict[Any, float]:
    found: dict[Any, float] = defaultdict(float)
    for one in of:
        found[key(one)] += one.value
    return dict(found)


def day_of(one: Sample) -> date:
    return one.ts.astimezone(ZONE).date()


def since(start: datetime) -> list[Sample]:
    return [one for one in REVENUE if one.ts >= start]


def test_there_are_fifteen_questions() -> None:
    assert list(QUESTIONS) == list(range(1, 16))


@pytest.mark.parametrize("number", QUESTIONS)
def test_every_question_has_an_answer(analyst: psycopg.Connection[Any], number: int) -> None:
    assert answer(analyst, number)


def test_revenue_by_service_and_month(analyst: psycopg.Connection[Any]) -> None:
    this = totals(since(THIS_MONTH), lambda one: one.service)
    earlier = [one for one in since(LAST_MONTH) if one.ts < THIS_MONTH]
    last = totals(earlier, lambda one: one.service)
    expected = [(name, this.get(name), last.get(name)) for name in ("payment-service", "shop")]
    assert answer(analyst, 1) == expected


def test_the_same_days_of_last_month(analyst: psycopg.Connection[Any]) -> None:
    earlier = [o for o in since(LAST_MONTH) if o.ts < THIS_MONTH and day_of(o).day <= NOW.day]
    expected = (sum(o.value for o in since(THIS_MONTH)), sum(o.value for o in earlier))
    assert answer(analyst, 2) == [expected]


def test_weeks_and_what_they_have_more(analyst: psycopg.Connection[Any]) -> None:
    recent = since(floor(NOW, "week", ZONE) - timedelta(weeks=8))
    weeks = totals(recent, lambda one: floor(one.ts.astimezone(ZONE), "week", ZONE).date())
    found = {week: revenue for week, revenue, _ in answer(analyst, 3)}
    assert found == weeks
    differences = [more for _, _, more in answer(analyst, 3)]
    ordered = [weeks[week] for week in sorted(weeks)]
    assert differences == [None, *(b - a for a, b in pairwise(ordered))]


def test_the_running_total_ends_with_the_month(analyst: psycopg.Connection[Any]) -> None:
    rows = answer(analyst, 4)
    assert rows[-1][2] == sum(one.value for one in since(THIS_MONTH))
    assert [day for day, _, _ in rows] == sorted(set(map(day_of, since(THIS_MONTH))))


def test_shares_of_affiliates(analyst: psycopg.Connection[Any]) -> None:
    of = totals(since(TODAY - timedelta(days=60)), lambda one: one.affiliate)
    rows = answer(analyst, 5)
    assert {name: revenue for name, revenue, _ in rows} == of
    assert sum(percent for _, _, percent in rows) == pytest.approx(100, abs=1)


def test_commission_as_part_of_revenue(analyst: psycopg.Connection[Any]) -> None:
    found = {month: (revenue, paid) for month, revenue, paid, _ in answer(analyst, 6)}
    assert found[THIS_MONTH.date()] == (sum(one.value for one in since(THIS_MONTH)), 15)


def test_a_ratio_is_the_mean_of_its_samples(analyst: psycopg.Connection[Any]) -> None:
    assert answer(analyst, 7) == [(YESTERDAY.date(), "SP", 4.0)]


def test_hours_in_which_nothing_arrived(analyst: psycopg.Connection[Any]) -> None:
    hour = floor(NOW, "hour", ZONE)
    hours = {hour - timedelta(hours=back) for back in range(1, 49)}
    orders = [one for one in SAMPLES if one.metric == "revenue_hourly"]
    known = {floor(one.ts.astimezone(ZONE), "hour", ZONE) for one in orders}
    assert [row[0] for row in answer(analyst, 8)] == sorted(hours - known)


def test_percentiles_of_response_times(analyst: psycopg.Connection[Any]) -> None:
    ((name, requests, median, p95, p99),) = answer(analyst, 9)
    assert (name, requests) == ("payment-service", 100)
    assert (median, p95, p99) == pytest.approx((50.5, 95.05, 99.01))


def test_payment_methods(analyst: psycopg.Connection[Any]) -> None:
    recent = since(TODAY - timedelta(days=60))
    of = totals(recent, lambda one: one.method or "(not said)")
    assert {method: revenue for method, revenue, _, _ in answer(analyst, 11)} == of


def test_a_level_is_the_sum_of_the_last_values(analyst: psycopg.Connection[Any]) -> None:
    assert answer(analyst, 12) == [(100,)]


def test_alerts_by_rule(analyst: psycopg.Connection[Any]) -> None:
    expected = ("Low revenue", "medium", 2, Decimal(45), Decimal(10))
    assert answer(analyst, 13) == [expected]


def test_days_on_which_accounting_differs(analyst: psycopg.Connection[Any]) -> None:
    orders = sum(one.value for one in REVENUE if day_of(one) == YESTERDAY.date())
    assert answer(analyst, 14) == [(YESTERDAY.date(), 500, orders)]


def test_an_order_late_in_the_evening_is_tomorrows_in_utc(analyst: psycopg.Connection[Any]) -> None:
    rows = {day: (business, utc) for day, business, utc in answer(analyst, 15)}
    business = totals(since(TODAY - timedelta(days=7)), day_of)
    utc = totals(since(TODAY - timedelta(days=7)), lambda one: one.ts.astimezone(UTC).date())
    assert rows == {day: (business.get(day, 0), utc.get(day, 0)) for day in business | utc}
    assert rows[TODAY.date()][1] >= 7

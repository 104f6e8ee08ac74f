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
from tests.clock import wait_out
from tests.conftest import ROOT, DatabaseServer, run_refresh_jobs

ZONE = ZoneInfo("America/Sao_Paulo")
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


class Office:
    """Data to ask about, from one instant: orders of this month, the last one and
    yesterday evening, and what goes with them.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today = floor(now, "day", ZONE)
        self.yesterday = floor(self.today - timedelta(hours=1), "day", ZONE)
        self.this_month = floor(now, "month", ZONE)
        self.last_month = floor(self.this_month - timedelta(days=1), "month", ZONE)
        self.samples = self._samples()
        self.orders = [one for one in self.samples if one.metric == "revenue_hourly"]
        self.revenue = [one for one in self.orders if one.unit == "BRL"]

    def since(self, start: datetime) -> list[Sample]:
        """The revenue of that instant and later."""
        return [one for one in self.revenue if one.ts >= start]

    def _samples(self) -> list[Sample]:
        this = self.this_month + (self.now - self.this_month) / 2
        last = self.last_month + timedelta(days=20)
        evening, noon = (self.yesterday + timedelta(hours=hours) for hours in (23.5, 12))
        made = [
            Sample(this, 100, affiliate="a-1", method="pix"),
            Sample(this, 300, affiliate="a-2", method="card"),
            Sample(this, 50, service="shop", affiliate="a-1", method="pix"),
            Sample(self.last_month, 40, affiliate="a-3", method="pix"),
            Sample(last, 200, affiliate="a-1", method="pix"),
            Sample(last, 100, service="shop", affiliate="a-2"),
            Sample(evening, 7, affiliate="a-4", method="pix"),
            # Not to be added to the rest.
            Sample(this, 9999, unit="USD", affiliate="a-1"),
            Sample(this, 15, metric="commission_paid", affiliate="a-1"),
            Sample(last, 30, metric="commission_paid", affiliate="a-2"),
            Sample(self.yesterday, 500, metric="revenue_daily", frequency="daily", service=None),
        ]
        for value, service in ((2.0, "web"), (2.0, "web"), (8.0, "app")):
            labels = {"unit": "%", "service": service, "region": "SP"}
            made.append(Sample(noon, value, "conversion_rate", **labels))
        recent = self.now - timedelta(minutes=10)
        for value in range(1, 101):
            made.append(Sample(recent, value, "api_response_time", "real_time", "ms"))
        for value, region in ((70, "SP"), (30, "RJ")):
            made.append(Sample(recent, value, "active_users", "real_time", "users", region=region))
        return made


@pytest.fixture(scope="module")
def office() -> Office:
    """As of now; the hour does not end while it is asked about."""
    wait_out("hour", ZONE)
    return Office(datetime.now(ZONE))


@pytest.fixture(scope="module")
def analyst(database_of: DatabaseServer, office: Office) -> Iterator[psycopg.Connection[Any]]:
    """An analyst's session in the business time zone, as the page says."""
    url = database_of.new_database(ZONE.key)
    with psycopg.connect(url, autocommit=True) as conn:
        for number, one in enumerate(office.samples, start=1):
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


def test_there_are_fifteen_questions() -> None:
    assert list(QUESTIONS) == list(range(1, 16))


@pytest.mark.parametrize("number", QUESTIONS)
def test_every_question_has_an_answer(analyst: psycopg.Connection[Any], number: int) -> None:
    assert answer(analyst, number)


def test_revenue_by_service_and_month(analyst: psycopg.Connection[Any], office: Office) -> None:
    this = totals(office.since(office.this_month), lambda one: one.service)
    earlier = [one for one in office.since(office.last_month) if one.ts < office.this_month]
    last = totals(earlier, lambda one: one.service)
    expected = [(name, this.get(name), last.get(name)) for name in ("payment-service", "shop")]
    assert answer(analyst, 1) == expected


def test_the_same_days_of_last_month(analyst: psycopg.Connection[Any], office: Office) -> None:
    earlier = [
        o
        for o in office.since(office.last_month)
        if o.ts < office.this_month and day_of(o).day <= office.now.day
    ]
    expected = (
        sum(o.value for o in office.since(office.this_month)),
        sum(o.value for o in earlier),
    )
    assert answer(analyst, 2) == [expected]


def test_weeks_and_what_they_have_more(analyst: psycopg.Connection[Any], office: Office) -> None:
    recent = office.since(floor(office.now, "week", ZONE) - timedelta(weeks=8))
    weeks = totals(recent, lambda one: floor(one.ts.astimezone(ZONE), "week", ZONE).date())
    found = {week: revenue for week, revenue, _ in answer(analyst, 3)}
    assert found == weeks
    differences = [more for _, _, more in answer(analyst, 3)]
    ordered = [weeks[week] for week in sorted(weeks)]
    assert differences == [None, *(b - a for a, b in pairwise(ordered))]


def test_the_running_total_ends_with_the_month(
    analyst: psycopg.Connection[Any], office: Office
) -> None:
    rows = answer(analyst, 4)
    assert rows[-1][2] == sum(one.value for one in office.since(office.this_month))
    assert [day for day, _, _ in rows] == sorted(set(map(day_of, office.since(office.this_month))))


def test_shares_of_affiliates(analyst: psycopg.Connection[Any], office: Office) -> None:
    recent = office.since(office.today - timedelta(days=60))
    of = totals(recent, lambda one: one.affiliate or "(no affiliate)")
    rows = answer(analyst, 5)
    assert {name: revenue for name, revenue, _ in rows} == of
    assert sum(percent for _, _, percent in rows) == pytest.approx(100, abs=1)


def test_commission_as_part_of_revenue(analyst: psycopg.Connection[Any], office: Office) -> None:
    found = {month: (revenue, paid) for month, revenue, paid, _ in answer(analyst, 6)}
    assert found[office.this_month.date()] == (
        sum(one.value for one in office.since(office.this_month)),
        15,
    )


def test_a_ratio_is_the_mean_of_its_samples(
    analyst: psycopg.Connection[Any], office: Office
) -> None:
    assert answer(analyst, 7) == [(office.yesterday.date(), "SP", 4.0)]


def test_hours_in_which_nothing_arrived(analyst: psycopg.Connection[Any], office: Office) -> None:
    hour = floor(office.now, "hour", ZONE)
    hours = {hour - timedelta(hours=back) for back in range(1, 49)}
    known = {floor(one.ts.astimezone(ZONE), "hour", ZONE) for one in office.orders}
    assert [row[0] for row in answer(analyst, 8)] == sorted(hours - known)


def test_percentiles_of_response_times(analyst: psycopg.Connection[Any]) -> None:
    ((name, requests, median, p95, p99),) = answer(analyst, 9)
    assert (name, requests) == ("payment-service", 100)
    assert (median, p95, p99) == pytest.approx((50.5, 95.05, 99.01))


def test_payment_methods(analyst: psycopg.Connection[Any], office: Office) -> None:
    recent = office.since(office.today - timedelta(days=60))
    of = totals(recent, lambda one: one.method or "(not said)")
    assert {method: revenue for method, revenue, _, _ in answer(analyst, 11)} == of


def test_a_level_is_the_sum_of_the_last_values(analyst: psycopg.Connection[Any]) -> None:
    assert answer(analyst, 12) == [(100,)]


def test_alerts_by_rule(analyst: psycopg.Connection[Any]) -> None:
    expected = ("Low revenue", "medium", 2, Decimal(45), Decimal(10))
    assert answer(analyst, 13) == [expected]


def test_days_on_which_accounting_differs(analyst: psycopg.Connection[Any], office: Office) -> None:
    orders = sum(one.value for one in office.revenue if day_of(one) == office.yesterday.date())
    assert answer(analyst, 14) == [(office.yesterday.date(), 500, orders)]


def test_an_order_late_in_the_evening_is_tomorrows_in_utc(
    analyst: psycopg.Connection[Any], office: Office
) -> None:
    rows = {day: (business, utc) for day, business, utc in answer(analyst, 15)}
    business = totals(office.since(office.today - timedelta(days=7)), day_of)
    utc = totals(
        office.since(office.today - timedelta(days=7)), lambda one: one.ts.astimezone(UTC).date()
    )
    assert rows == {day: (business.get(day, 0), utc.get(day, 0)) for day in business | utc}
    assert rows[office.today.date()][1] >= 7

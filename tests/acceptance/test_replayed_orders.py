"""Real orders, replayed over HTTP, come to the figures that their file comes to."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.acceptance.orders import (
    MARGIN,
    Figures,
    Payment,
    Replayed,
    needs_orders,
    placed,
    replay,
)
from tests.conftest import (
    DatabaseServer,
    Service,
    run_refresh_jobs,
    running_service,
)

PERIODS = ("hour", "day", "week", "month")

pytestmark = needs_orders


@pytest.fixture(scope="module", params=["UTC", "America/Sao_Paulo"])
def replayed(
    request: pytest.FixtureRequest,
    database_of: DatabaseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Replayed]:
    """A service in that business zone with all orders, the newest of them just now."""
    zone, folder = ZoneInfo(request.param), tmp_path_factory.mktemp("orders")
    database_url = database_of.new_database(zone.key)
    with running_service(folder, database_url, FATURE_TIMEZONE=zone.key) as service:
        shift_to = datetime.now(UTC).replace(microsecond=0)
        said = replay(service, zone, folder, "--shift", shift_to.isoformat())
        payments = placed(shift_to, service.client.get("/api/health").json())
        yield Replayed(service, zone, payments, said)


@pytest.fixture(scope="module", params=["live", "materialised"])
def orders(request: pytest.FixtureRequest, replayed: Replayed, engine: str) -> Replayed:
    """The orders before any refresh, and after every refresh job ran."""
    if request.param == "materialised":
        run_refresh_jobs(replayed.service.database_url)
        time.sleep(1)  # as long as the service may remember how far rollups reach
    body = replayed.service.client.get(
        "/api/metrics/aggregate", params={"metric_name": "revenue_hourly", "limit": "9999"}
    ).json()
    is_materialised = request.param == "materialised" and engine == "timescale"
    assert (body["materialized_until"] is not None) == is_materialised
    return replayed


def figures(rows: Sequence[Mapping[str, str | Decimal]], group: str | None = None) -> Figures:
    """Rows of an answer by start and group."""
    found: Figures = {}
    for row in rows:
        start = datetime.fromisoformat(str(row["start"])).astimezone(UTC)
        found[start, str(row[group]) if group else None] = Decimal(row["value"])
    assert len(found) == len(rows)
    return found


def assert_same(found: Figures, expected: Figures, places: str) -> None:
    """Every figure is there and right to that many places."""
    assert expected
    assert found.keys() == expected.keys()
    wrong = {
        key: (value, expected[key])
        for key, value in found.items()
        if value.quantize(Decimal(places)) != expected[key]
    }
    assert not wrong


@pytest.mark.parametrize("period", PERIODS)
def test_revenue_is_right_to_the_cent(orders: Replayed, period: str) -> None:
    found = orders.ask(metric_name="revenue_hourly", period=period)
    expected = orders.expected(period, lambda payment: payment.revenue)
    assert_same(figures(found), expected, "0.01")


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(
    ("group", "column"), [("region", "customer_state"), ("payment_method", "payment_type")]
)
def test_revenue_of_each_group_is_right_to_the_cent(
    orders: Replayed, period: str, group: str, column: str
) -> None:
    found = orders.ask(metric_name="revenue_hourly", period=period, group_by=group)
    expected = orders.expected(period, lambda payment: payment.revenue, column)
    assert_same(figures(found, group), expected, "0.01")


@pytest.mark.parametrize("period", PERIODS)
def test_commission_of_each_affiliate_is_ten_percent(orders: Replayed, period: str) -> None:
    found = orders.ask(metric_name="commission_paid", period=period, group_by="affiliate_id")
    expected = orders.expected(period, lambda payment: payment.commission, "seller_id")
    assert_same(figures(found, "affiliate_id"), expected, "0.001")


@pytest.mark.parametrize("tz", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_days_of_another_zone_are_right_to_the_cent(orders: Replayed, period: str, tz: str) -> None:
    found = orders.ask(metric_name="revenue_hourly", period=period, tz=tz)
    expected = orders.expected(
        period, lambda payment: payment.revenue, zone=ZoneInfo(tz), finest="hour"
    )
    assert_same(figures(found), expected, "0.01")


@pytest.mark.parametrize("period", PERIODS)
def test_payments_are_counted(orders: Replayed, period: str) -> None:
    found = orders.ask(metric_name="revenue_hourly", period=period, aggregation="count")
    expected = orders.expected(period, lambda _: Decimal(1))
    assert_same(figures(found), expected, "1")


def test_months_add_up_to_the_whole_file(orders: Replayed) -> None:
    months = orders.ask(metric_name="revenue_hourly", period="month")
    total = sum((Decimal(row["value"]) for row in months), Decimal(0))
    assert len(orders.payments) == 2580
    assert total.quantize(Decimal("0.01")) == Decimal("391388.23")
    assert "revenue 391,388.23 BRL" in orders.said
    assert "replayed 2,580 rows as 5,160 samples" in orders.said


def test_a_payment_is_found_as_it_was_made(orders: Replayed) -> None:
    newest = max(orders.payments, key=lambda payment: payment.instant)
    (sample,) = orders.service.client.get(
        "/api/metrics/query", params={"metric_name": "revenue_hourly", "limit": "1"}
    ).json(parse_float=Decimal)["data"]
    assert datetime.fromisoformat(sample["timestamp"]) == newest.instant
    assert sample["value"] == newest.revenue
    assert sample["region"] == newest.row["customer_state"]
    assert sample["metadata"] == {
        "payment_method": newest.row["payment_type"],
        "order_id": newest.row["order_id"],
    }


def test_a_second_replay_counts_nothing_twice(replayed: Replayed, tmp_path: Path) -> None:
    newest = max(payment.instant for payment in replayed.payments)
    said = replay(replayed.service, replayed.zone, tmp_path, "--shift", newest.isoformat())
    assert "5,160 samples had arrived before and were not counted again" in said
    found = replayed.ask(metric_name="revenue_hourly", period="month", aggregation="count")
    assert sum(Decimal(row["value"]) for row in found) == 2580


def test_rows_that_are_too_old_are_left_out_and_reported(
    service: Service, database_of: DatabaseServer, tmp_path: Path
) -> None:
    said = replay(service, ZoneInfo("UTC"), tmp_path)
    assert "replayed 0 rows" in said
    assert "left out 2,580 rows: older than the oldest window" in said

    with running_service(tmp_path, database_of.new_database()) as fresh:
        shift_to, payments = _partly_too_old(fresh.client)
        said = replay(fresh, ZoneInfo("UTC"), tmp_path, "--shift", shift_to.isoformat())
        old = sum(payment.frequency is None for payment in payments)
        assert 0 < old < 2580
        assert f"left out {old:,} rows: older than the oldest window" in said
        assert f"replayed {2580 - old:,} rows" in said
        some = Replayed(fresh, ZoneInfo("UTC"), payments, said)
        found = some.ask(metric_name="revenue_hourly", period="month")
        expected = some.expected("month", lambda payment: payment.revenue)
        assert_same(figures(found), expected, "0.01")


def _partly_too_old(client: httpx2.Client) -> tuple[datetime, list[Payment]]:
    """A shift with which the oldest window ends amid the orders, but next to none of them."""
    health = client.get("/api/health").json()
    oldest = timedelta(seconds=health["accepts"]["monthly"]["max_age_seconds"])
    shift_to = datetime.now(UTC).replace(microsecond=0) - oldest + timedelta(days=300)
    while True:
        payments = placed(shift_to, health)
        edge = datetime.now(UTC) - oldest + MARGIN
        if all(abs(payment.instant - edge) > timedelta(minutes=5) for payment in payments):
            return shift_to, payments
        shift_to -= timedelta(minutes=1)

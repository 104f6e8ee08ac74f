"""``GET /api/metrics/aggregate``: periods, ranges, time zones, gaps and limits."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.acceptance.reading import aggregate, ask, at, figures, submit
from tests.acceptance.talk import accepted, places, refused, sample
from tests.conftest import DatabaseServer, running_service
from tests.reference import start_after, start_of

PERIODS = ("hour", "day", "week", "month")
SAO_PAULO = "America/Sao_Paulo"
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
ZONES = ["UTC", SAO_PAULO]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module", params=ZONES)
def zone(request: pytest.FixtureRequest) -> ZoneInfo:
    """The business time zone."""
    return ZoneInfo(request.param)


@pytest.fixture(scope="module")
def local(
    database_of: DatabaseServer, zone: ZoneInfo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx2.Client]:
    """A service in that business time zone."""
    folder = tmp_path_factory.mktemp("service")
    database_url = database_of.new_database(zone.key)
    with running_service(folder, database_url, FATURE_TIMEZONE=zone.key) as running:
        yield running.client


def noon(days_ago: int, zone: ZoneInfo | None = None) -> datetime:
    """Noon of a day in that zone, UTC if none."""
    day = NOW.astimezone(zone or UTC) - days_ago * DAY
    return day.replace(hour=12, minute=0, second=0, microsecond=0)


def label(start: datetime, period: str) -> str:
    """How API.md calls the period that starts there."""
    if period == "hour":
        return f"{start:%Y-%m-%dT%H:%M:%S}" + (
            f"{start:%z}"[:3] + ":00" if start.utcoffset() else "Z"
        )
    return f"{start:%Y-%m}" if period == "month" else f"{start:%Y-%m-%d}"


@pytest.mark.parametrize("tz", [None, "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("period", PERIODS)
def test_a_row_says_which_period_it_is(
    local: httpx2.Client, zone: ZoneInfo, metric: str, period: str, tz: str | None
) -> None:
    there = ZoneInfo(tz) if tz else zone
    moment = noon(40, there) + timedelta(minutes=17)
    submit(local, metric, at(moment, 2.5))
    body = aggregate(local, metric, period=period, **({"tz": tz} if tz else {}))
    start = start_of(moment, period, there)
    assert body["timezone"] == there.key
    assert body["data"] == [
        {
            "period": label(start.astimezone(there), period),
            "value": 2.5,
            "start": label(start.astimezone(there), "hour"),
            "end": label(start_after(start, period, there).astimezone(there), "hour"),
            "complete": True,
        }
    ]


@pytest.mark.parametrize("period", PERIODS)
def test_the_current_period_is_not_complete(local: httpx2.Client, metric: str, period: str) -> None:
    submit(local, metric, {})
    (row,) = aggregate(local, metric, period=period)["data"]
    is_over = datetime.fromisoformat(row["end"]) <= datetime.now(UTC)
    assert row["complete"] is False or is_over


def test_an_answer_says_what_was_asked(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {"unit": "BRL"})
    body = aggregate(api, metric)
    (row,) = body.pop("data")
    assert row.keys() == {"period", "value", "start", "end", "complete"}
    assert "materialized_until" in body
    del body["materialized_until"]
    assert body == {
        "success": True,
        "aggregation": "sum",
        "period": "day",
        "metric_name": metric,
        "unit": "BRL",
        "timezone": "UTC",
    }


def test_rows_come_oldest_first(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, *(at(noon(days), float(days)) for days in (1, 9, 4, 7)))
    assert list(figures(api, metric).values()) == [9.0, 7.0, 4.0, 1.0]


@pytest.mark.parametrize("period", PERIODS)
def test_a_range_is_widened_to_whole_periods(
    local: httpx2.Client, zone: ZoneInfo, metric: str, period: str
) -> None:
    start = start_of(noon(45, zone), period, zone)
    end = start_after(start, period, zone)
    inside = [at(start), at(start + (end - start) / 2), at(end - MICROSECOND)]
    submit(local, metric, at(start - MICROSECOND), *inside, at(end))
    middle = (start + (end - start) / 3).isoformat()
    body = aggregate(local, metric, period=period, start_date=middle, end_date=middle)
    assert [(row["value"], row["start"]) for row in body["data"]] == [
        (3.0, label(start.astimezone(zone), "hour"))
    ]


def test_a_bare_date_is_a_day_of_the_business_zone(
    local: httpx2.Client, zone: ZoneInfo, metric: str
) -> None:
    day = noon(10, zone).date().isoformat()
    start = start_of(noon(10, zone), "day", zone)
    end = start_after(start, "day", zone)
    moments = (start - MICROSECOND, start, end - MICROSECOND, end)
    submit(local, metric, *(at(moment, 10.0**n) for n, moment in enumerate(moments)))
    assert figures(local, metric, start_date=day, end_date=day) == {day: 110.0}
    hours = figures(local, metric, start_date=day, end_date=day, period="hour")
    assert list(hours.values()) == [10.0, 100.0]


def test_with_tz_a_bare_date_is_a_day_of_that_zone(local: httpx2.Client, metric: str) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    day = noon(10, tokyo).date().isoformat()
    start = start_of(noon(10, tokyo), "day", tokyo)
    moments = (start - MICROSECOND, start, start + DAY - MICROSECOND, start + DAY)
    submit(local, metric, *(at(moment, 10.0**n) for n, moment in enumerate(moments)))
    assert figures(local, metric, tz="Asia/Tokyo", start_date=day, end_date=day) == {day: 110.0}


def test_the_end_is_inclusive(api: httpx2.Client, metric: str) -> None:
    edge = start_of(noon(5), "day", ZoneInfo("UTC"))
    submit(api, metric, at(edge - MICROSECOND, 1.0), at(edge, 2.0), at(edge + DAY, 4.0))
    before = f"{edge - DAY:%Y-%m-%d}"
    upto = figures(api, metric, start_date=before, end_date=edge.isoformat())
    assert list(upto.values()) == [1.0, 2.0]
    short_of = figures(api, metric, end_date=(edge - MICROSECOND).isoformat())
    assert list(short_of.values()) == [1.0]
    whole_day = figures(api, metric, end_date=f"{edge:%Y-%m-%d}")
    assert list(whole_day.values()) == [1.0, 2.0]


def test_a_plus_that_was_not_escaped_is_understood(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(noon(5), 1.0), at(noon(3), 2.0))
    start = f"{noon(4):%Y-%m-%dT%H:%M:%S}+00:00"
    response = api.get(f"/api/metrics/aggregate?metric_name={metric}&start_date={start}")
    assert [row["value"] for row in response.json()["data"]] == [2.0]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "2025-06-14T15:00:00"}, "start_date"),
        ({"end_date": "2025-02-30"}, "end_date"),
        ({"end_date": "0001-01-01"}, "end_date"),
        ({"start_date": "2025-06-15", "end_date": "2025-06-14"}, "end_date"),
        ({"period": "decade"}, "period"),
        ({"aggregation": "median"}, "aggregation"),
        ({"fill": "linear"}, "fill"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"metric_type": "sales"}, "metric_type"),
        ({"frequency": "weekly"}, "frequency"),
        ({"tz": "Mars/Olympus"}, "tz"),
        # Half an hour from UTC, and midnight twice: days are not made of whole hours.
        ({"tz": "Asia/Kolkata"}, "tz"),
        ({"tz": "America/Havana"}, "tz"),
        ({"metric_nam": "revenue"}, "metric_nam"),
        ({"period": ["day", "week"]}, "period"),
        ({"metric_name": ""}, "metric_name"),
    ],
)
def test_a_wrong_parameter_is_named(
    api: httpx2.Client, metric: str, given: dict[str, Any], field: str
) -> None:
    submit(api, metric, {})
    error = refused(ask(api, metric, **given), 422)
    assert places(error) == [(None, field)]


def test_every_wrong_parameter_is_named_at_once(api: httpx2.Client) -> None:
    params = {"period": "decade", "limit": "many", "colour": "red"}
    error = refused(api.get("/api/metrics/aggregate", params=params), 422)
    named = {field for _, field in places(error)}
    assert named == {"metric_name", "period", "limit", "colour"}


def test_an_unknown_metric_has_no_figures(api: httpx2.Client, metric: str) -> None:
    refused(ask(api, metric), 404)
    refused(ask(api, metric, group_by="region", fill="zero", start_date="2026-01-01"), 404)
    # A platform's metric without samples is known.
    body = aggregate(api, "manual_review_required", region=metric)
    assert (body["data"], body["unit"]) == ([], None)


@pytest.mark.parametrize(
    ("fill", "gap"), [("none", []), ("zero", [0, 0]), ("null", [None, None]), ("previous", [3, 3])]
)
def test_gaps_are_filled_as_asked(
    local: httpx2.Client, zone: ZoneInfo, metric: str, fill: str, gap: list[float | None]
) -> None:
    submit(local, metric, at(noon(8, zone), 3.0), at(noon(5, zone), 4.0))
    days = {"start_date": str(noon(8, zone).date()), "end_date": str(noon(5, zone).date())}
    rows = aggregate(local, metric, fill=fill, **days)["data"]
    assert [row["value"] for row in rows] == [3.0, *gap, 4.0]
    assert len({row["period"] for row in rows}) == len(rows)


@pytest.mark.parametrize("period", PERIODS)
def test_filling_ends_with_the_current_period(
    local: httpx2.Client, zone: ZoneInfo, metric: str, period: str
) -> None:
    now = datetime.now(zone)
    submit(local, metric, at(now - 40 * DAY))
    ahead = str((now + 40 * DAY).date())
    rows = aggregate(local, metric, period=period, fill="zero", end_date=ahead)["data"]
    assert [row["complete"] for row in rows] == [True] * (len(rows) - 1) + [False]
    assert rows[0]["value"] == 1.0
    for row, following in pairwise(rows):
        assert row["end"] == following["start"]


def test_every_group_has_a_row_in_every_period(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(noon(3), 1.0, region="SP"), at(noon(1), 2.0, region="RJ"))
    days = {"start_date": str(noon(4).date()), "end_date": str(noon(1).date())}
    rows = aggregate(api, metric, fill="previous", group_by="region", **days)["data"]
    assert [(row["region"], row["value"]) for row in rows] == [
        ("RJ", None),
        ("SP", None),
        ("RJ", None),
        ("SP", 1.0),
        ("RJ", None),
        ("SP", 1.0),
        ("RJ", 2.0),
        ("SP", 1.0),
    ]


def test_the_limit_keeps_the_newest_rows_and_says_so(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, *(at(noon(days), float(days)) for days in range(1, 6)))
    body = aggregate(api, metric, limit=2)
    assert [row["value"] for row in body["data"]] == [2.0, 1.0]
    assert body["truncated"] is True
    assert "truncated" not in aggregate(api, metric, limit=5)


def test_csv_says_in_headers_what_it_leaves_out(api: httpx2.Client, metric: str) -> None:
    frequencies = ("hourly", "daily", "monthly")
    submit(api, metric, *(at(noon(days), frequency=one) for days in (1, 2) for one in frequencies))
    found = {}
    for period, limit in (("hour", 1), ("day", 2), ("month", 100)):
        response = api.get(
            "/api/metrics/aggregate",
            params={"metric_name": metric, "period": period, "limit": limit},
            headers={"Accept": "text/csv"},
        )
        names = ("X-Truncated", "X-Omitted-Frequencies")
        found[period] = [response.headers.get(name) for name in names]
    assert found == {
        "hour": ["true", "daily, monthly"],
        "day": [None, "monthly"],
        "month": [None, None],
    }


def test_the_limit_counts_filled_rows(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(noon(20), 7.0, region="SP"), at(noon(19), 1.0, region="RJ"))
    since = {"start_date": str(noon(20).date()), "fill": "previous", "group_by": "region"}
    body = aggregate(api, metric, limit=2, **since)
    assert [(row["region"], row["value"]) for row in body["data"]] == [("RJ", 1.0), ("SP", 7.0)]
    assert body["data"][0]["complete"] is False
    assert body["truncated"] is True


def test_filling_without_end_is_refused(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {})
    asked = {"period": "hour", "fill": "zero", "start_date": "2000-01-01"}
    error = refused(ask(api, metric, **asked), 422)
    assert places(error) == [(None, "fill")]


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([0.1] * 1000, 100.0),
        ([1234567.89, -1234560.0], 7.89),
        ([1000.1, -999.0], 1.1),
        ([99.9, -99.9, 0.1, 0.2, -0.3], 0.0),
        ([1e15, 0.01, -1e15], 0.01),
        ([1e-12, 2e-12], 3e-12),
        ([1e308, 1e308], 1.7976931348623157e308),
        ([-1.7976931348623157e308], -1.7976931348623157e308),
    ],
)
def test_sums_are_exact(api: httpx2.Client, metric: str, values: list[float], total: float) -> None:
    submit(api, metric, *(at(noon(2), value, unit="BRL") for value in values))
    for period in PERIODS:
        assert list(figures(api, metric, period=period, aggregation="sum").values()) == [total]
    for tz in ("UTC", "Asia/Tokyo"):
        assert list(figures(api, metric, tz=tz, aggregation="sum").values()) == [total]


@pytest.mark.parametrize("tz", ["CET", "EET", "MET", "WET"])
def test_a_zone_that_is_another_one_in_the_database_is_refused(
    api: httpx2.Client, metric: str, tz: str
) -> None:
    accepted(api.post("/api/metrics", json=sample(metric)))
    parameters = {"metric_name": metric, "tz": tz}
    error = refused(api.get("/api/metrics/aggregate", params=parameters), 422)
    assert error["details"][0]["field"] == "tz"
    assert "is another time zone in the database" in error["message"]

"""``GET /api/metrics/aggregate``: which samples count, how they are added up and grouped."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.acceptance.reading import aggregate, ask, at, figures, query, submit, submit_in_units
from tests.acceptance.talk import places, refused

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


def noon(days_ago: int = 2) -> datetime:
    """Noon of a day in UTC."""
    day = NOW - days_ago * DAY
    return day.replace(hour=12, minute=0, second=0, microsecond=0)


def promote(api: httpx2.Client, metric: str, *dimensions: str) -> None:
    """Make these metadata keys dimensions of the metric."""
    change = {"dimensions": list(dimensions)}
    response = api.patch(f"/api/metrics/catalog/{metric}", json=change)
    assert response.status_code == 200, response.text


def value(api: httpx2.Client, metric: str, **params: Any) -> float | None:
    """The one value of an answer."""
    (found,) = figures(api, metric, **params).values()
    return found


def test_a_series_that_is_new_counts_at_once(api: httpx2.Client, metric: str) -> None:
    for number, service in enumerate(("shop", "app", "cart", "till"), start=1):
        submit(api, metric, at(noon(), 1.0, service_name=service))
        assert value(api, metric) == number
        # The same series, asked for otherwise.
        assert value(api, metric, aggregation="count") == number


@pytest.mark.parametrize(
    ("metric_type", "aggregation", "right"),
    [
        ("revenue", "sum", 50.0),
        ("commission", "sum", 50.0),
        ("gamification", "sum", 50.0),
        ("validation", "sum", 50.0),
        # The last of each region, added up.
        ("user_activity", "last", 45.0),
        ("conversion", "avg", 12.5),
        ("performance", "avg", 12.5),
    ],
)
def test_a_metric_is_added_up_as_its_kind_says(
    api: httpx2.Client, metric: str, metric_type: str, aggregation: str, right: float
) -> None:
    submit(
        api,
        metric,
        at(noon() + timedelta(hours=1), 20.0, region="SP", metric_type=metric_type),
        at(noon(), 5.0, region="SP", metric_type=metric_type),
        at(noon(), 0.0, region="RJ", metric_type=metric_type),
        at(noon() + timedelta(hours=2), 25.0, region="RJ", metric_type=metric_type),
    )
    body = aggregate(api, metric)
    assert body["aggregation"] == aggregation
    assert [row["value"] for row in body["data"]] == [right]


def test_the_last_of_two_at_the_same_instant_is_the_one_submitted_later(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, at(noon(), 1.0), at(noon(), 3.0), at(noon(), 2.0))
    assert value(api, metric, aggregation="last") == 2.0
    submit(api, metric, at(noon(), 4.0))
    assert value(api, metric, aggregation="last") == 4.0
    submit(api, metric, at(noon() - timedelta(microseconds=1), 9.0))
    assert value(api, metric, aggregation="last") == 4.0


def test_a_mean_is_never_a_mean_of_means(api: httpx2.Client, metric: str) -> None:
    hours = [at(noon() + timedelta(hours=n % 2), 1.0 if n else 100.0) for n in range(4)]
    submit(api, metric, *hours, at(noon() + timedelta(hours=1), 10.0))
    assert value(api, metric, aggregation="avg") == pytest.approx(113 / 5)


def test_cents_add_up_to_cents(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(noon(), 0.1), at(noon(), 0.2))
    assert value(api, metric) == 0.3


@pytest.mark.parametrize(
    ("filters", "right"),
    [
        ({}, 31.0),
        ({"service_name": "checkout"}, 3.0),
        ({"affiliate_id": "a-1"}, 2.0),
        ({"region": "SP"}, 4.0),
        ({"unit": "BRL"}, 8.0),
        ({"frequency": "daily"}, 16.0),
        ({"service_name": "checkout", "affiliate_id": "a-1"}, 2.0),
    ],
)
def test_a_filter_lets_only_its_own_through(
    api: httpx2.Client, metric: str, filters: dict[str, str], right: float
) -> None:
    submit_in_units(
        api,
        metric,
        at(noon(), 1.0, service_name="checkout"),
        at(noon(), 2.0, service_name="checkout", affiliate_id="a-1"),
        at(noon(), 4.0, region="SP"),
        at(noon(), 8.0, unit="BRL"),
        at(noon(), 16.0, frequency="daily"),
    )
    # Units of several kinds may only be added up one by one.
    rows = aggregate(api, metric, group_by="unit", **filters)["data"]
    assert sum(row["value"] for row in rows) == right


@pytest.mark.parametrize("filters", [{"region": "BA"}, {"service_name": "x"}, {"unit": "USD"}])
def test_a_filter_that_nothing_passes_gives_nothing(
    api: httpx2.Client, metric: str, filters: dict[str, str]
) -> None:
    submit(api, metric, at(noon(), region="SP", unit="BRL"))
    assert aggregate(api, metric, **filters)["data"] == []


def test_rows_carry_the_fields_of_their_group(api: httpx2.Client, metric: str) -> None:
    submit(
        api,
        metric,
        at(noon(), 1.0, region="SP", service_name="checkout"),
        at(noon(), 2.0, region="SP", service_name="checkout", affiliate_id="a-1"),
        at(noon(), 4.0, region="SP"),
        at(noon(), 8.0),
    )
    rows = aggregate(api, metric, group_by=["service_name", "region"])["data"]
    assert all(
        list(row) == ["period", "service_name", "region", "value", "start", "end", "complete"]
        for row in rows
    )
    assert {(row["service_name"], row["region"]): row["value"] for row in rows} == {
        ("checkout", "SP"): 3.0,
        (None, "SP"): 4.0,
        (None, None): 8.0,
    }


@pytest.mark.parametrize("group_by", ["colour", "metric_name", "frequency", ["region", "colour"]])
def test_an_unknown_group_is_refused(api: httpx2.Client, metric: str, group_by: Any) -> None:
    submit(api, metric, {})
    error = refused(ask(api, metric, group_by=group_by), 422)
    assert places(error) == [(None, "group_by")]
    assert "service_name" in error["message"]


def test_a_group_named_twice_is_refused(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {})
    error = refused(ask(api, metric, group_by=["region", "region"]), 422)
    assert places(error) == [(None, "group_by")]


def test_several_units_are_refused_and_named(api: httpx2.Client, metric: str) -> None:
    submit_in_units(
        api, metric, at(noon(), unit="BRL"), at(noon(), unit="USD"), at(noon(), unit=None)
    )
    for aggregation in ("sum", "avg", "min", "max", "last"):
        error = refused(ask(api, metric, aggregation=aggregation), 422)
        assert places(error) == [(None, "unit")]
        assert "BRL" in error["message"]
        assert "USD" in error["message"]


def test_the_number_of_samples_has_no_unit(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {"unit": "BRL"}, {"unit": "BRL"})
    for asked in ({}, {"group_by": "region"}, {"unit": "BRL"}):
        counted = aggregate(api, metric, aggregation="count", **asked)
        assert (counted["data"][0]["value"], counted["unit"]) == (2, None)
    assert aggregate(api, metric)["unit"] == "BRL"


def test_several_units_can_be_counted_grouped_and_picked(api: httpx2.Client, metric: str) -> None:
    submit_in_units(
        api, metric, at(noon(), 1.0, unit="BRL"), at(noon(), 2.0, unit="USD"), at(noon(), 4.0)
    )
    counted = aggregate(api, metric, aggregation="count")
    assert [row["value"] for row in counted["data"]] == [3]
    assert counted["unit"] is None
    grouped = aggregate(api, metric, group_by="unit")
    assert {row["unit"]: row["value"] for row in grouped["data"]} == {
        "BRL": 1.0,
        "USD": 2.0,
        None: 4.0,
    }
    picked = aggregate(api, metric, unit="USD")
    assert [row["value"] for row in picked["data"]] == [2.0]
    assert picked["unit"] == "USD"


def test_an_empty_filter_picks_what_has_no_such_label(api: httpx2.Client, metric: str) -> None:
    submit_in_units(
        api, metric, at(noon(), 1.0, unit="BRL"), at(noon(), 4.0), at(noon(), 2.0, region="SP")
    )
    assert value(api, metric, unit="") == 6
    assert value(api, metric, unit="", region="") == 4
    assert [row["value"] for row in query(api, metric, unit="", region="SP")["data"]] == [2]


@pytest.mark.parametrize("name", ["start", "end", "complete", "value", "period", "id"])
def test_no_dimension_is_called_like_a_field_of_answers(
    api: httpx2.Client, metric: str, name: str
) -> None:
    submit(api, metric, at(noon()))
    error = refused(api.patch(f"/api/metrics/catalog/{metric}", json={"dimensions": [name]}), 422)
    assert places(error) == [(None, "dimensions")]


def test_a_filter_may_leave_one_unit(api: httpx2.Client, metric: str) -> None:
    submit_in_units(
        api, metric, at(noon(), 1.0, unit="BRL", region="SP"), at(noon(), 2.0, unit="USD")
    )
    body = aggregate(api, metric, region="SP")
    assert (body["unit"], body["data"][0]["value"]) == ("BRL", 1.0)


def test_a_dimension_filters_and_groups(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(noon(), 1.0, metadata={"payment_method": "pix"}))
    refused(ask(api, metric, group_by="payment_method"), 422)
    assert places(refused(ask(api, metric, payment_method="pix"), 422)) == [
        (None, "payment_method")
    ]
    promote(api, metric, "payment_method", "installments")
    submit(
        api,
        metric,
        at(noon(), 2.0, metadata={"payment_method": "pix", "installments": 1}),
        at(noon(), 4.0, metadata={"payment_method": "boleto", "installments": 1}),
        at(noon(), 8.0, metadata={"payment_method": {"not": "a label"}}),
    )
    rows = aggregate(api, metric, group_by="payment_method")["data"]
    # What came before has no value for it.
    assert {row["payment_method"]: row["value"] for row in rows} == {
        "pix": 2.0,
        "boleto": 4.0,
        None: 9.0,
    }
    assert value(api, metric, payment_method="pix") == 2.0
    assert value(api, metric, installments="1") == 6.0
    assert value(api, metric, payment_method="boleto", installments="1") == 4.0
    assert value(api, metric, payment_method="boleto", period="month", tz="Asia/Tokyo") == 4.0
    assert aggregate(api, metric, payment_method="card")["data"] == []


@pytest.mark.parametrize(
    ("frequency", "period"),
    [("daily", "hour"), ("monthly", "hour"), ("monthly", "day"), ("monthly", "week")],
)
def test_a_period_finer_than_the_samples_is_refused_with_the_reason(
    api: httpx2.Client, metric: str, frequency: str, period: str
) -> None:
    submit(api, metric, at(noon(), frequency=frequency))
    error = refused(ask(api, metric, period=period), 422)
    assert places(error) == [(None, "period")]
    assert frequency in error["message"]


def test_another_zone_needs_samples_per_hour(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(noon(), frequency="daily"))
    error = refused(ask(api, metric, tz="Asia/Tokyo"), 422)
    assert places(error) == [(None, "tz")]
    assert value(api, metric, tz="UTC") == 1.0


def test_what_is_too_coarse_is_left_out_and_named(api: httpx2.Client, metric: str) -> None:
    submit(
        api,
        metric,
        at(noon(), 1.0, frequency="real_time"),
        at(noon(), 2.0, frequency="hourly"),
        at(noon(), 4.0, frequency="daily"),
        at(noon(), 8.0, frequency="monthly"),
    )
    found = {
        (period, tz): aggregate(api, metric, period=period, **({"tz": tz} if tz else {}))
        for period in ("hour", "day", "month")
        for tz in (None, "Asia/Tokyo")
    }
    summary = {
        key: (sum(row["value"] for row in body["data"]), body.get("omitted_frequencies"))
        for key, body in found.items()
    }
    assert summary == {
        ("hour", None): (3.0, ["daily", "monthly"]),
        ("hour", "Asia/Tokyo"): (3.0, ["daily", "monthly"]),
        ("day", None): (7.0, ["monthly"]),
        ("day", "Asia/Tokyo"): (3.0, ["daily", "monthly"]),
        ("month", None): (15.0, None),
        ("month", "Asia/Tokyo"): (3.0, ["daily", "monthly"]),
    }


@pytest.mark.parametrize("fill", ["none", "null"])
def test_csv_says_the_same_as_json(api: httpx2.Client, metric: str, fill: str) -> None:
    submit(
        api,
        metric,
        at(noon(4), 0.1 + 0.2, region='a "quoted", name'),
        at(noon(2), -1e-7, service_name="checkout"),
        at(noon(2), 12345.67),
    )
    asked = {"group_by": ["region", "service_name"], "fill": fill, "aggregation": "max"}
    rows = aggregate(api, metric, **asked)["data"]
    response = api.get(
        "/api/metrics/aggregate",
        params={"metric_name": metric, **asked},
        headers={"Accept": "text/csv"},
    )
    assert response.headers["Content-Type"].startswith("text/csv")
    columns = ["period", "region", "service_name", "value", "start", "end", "complete"]
    header, *lines = csv.reader(io.StringIO(response.text))
    assert header == columns
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        found: dict[str, Any] = dict(zip(columns, line, strict=True))
        found["value"] = float(found["value"]) if found["value"] else None
        found["complete"] = {"true": True, "false": False}[found["complete"]]
        found |= {name: found[name] or None for name in ("region", "service_name")}
        assert found == row

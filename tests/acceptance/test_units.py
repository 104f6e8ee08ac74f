"""Type and unit of samples: the catalogue decides at the door."""

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any

import httpx2
import psycopg
import pytest

from retention.policies import accept_ages, parse_keep
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import Preparer, Submission
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.sample import Sample
from service.metrics.ingest.series import SeriesCache
from sql.database import Pool, create_pool
from sql.errors import Invalid
from sql.scope import Scope
from tests.acceptance.reading import aggregate, allow_units
from tests.acceptance.talk import BATCH, ONE, accepted, places, refused, sample, stored

pytestmark = pytest.mark.one_engine

NOW = datetime.now(UTC)


@pytest.fixture
def priced(api: httpx2.Client, metric: str) -> str:
    """A metric in BRL."""
    accepted(api.post(ONE, json=sample(metric, unit="BRL")))
    return metric


def entry_of(api: httpx2.Client, metric: str) -> dict[str, Any]:
    rows = api.get("/api/metrics/catalog").json()["data"]
    (entry,) = [row for row in rows if row["metric_name"] == metric]
    return dict(entry)


@pytest.mark.parametrize("unit", ["brl", " BRL ", "Brl\u00a0", None, "", "  "])
def test_a_unit_is_stored_as_the_catalogue_spells_it(
    api: httpx2.Client, priced: str, unit: str | None
) -> None:
    accepted(api.post(ONE, json=sample(priced, unit=unit)))
    accepted(api.post(ONE, json=sample(priced)))
    assert [row["unit"] for row in stored(api, priced)] == ["BRL"] * 3
    assert aggregate(api, priced)["unit"] == "BRL"


@pytest.mark.parametrize("unit", ["USD", "R$", "reais", "BRL/h", "B R L", "€"])
def test_any_other_unit_is_refused_and_told_which_is_taken(
    api: httpx2.Client, priced: str, unit: str
) -> None:
    error = refused(api.post(ONE, json=sample(priced, unit=unit)), 422)
    assert error["details"] == [
        {"field": "unit", "message": f"{priced} is in 'BRL' in the catalogue"}
    ]
    items = [sample(priced), sample(priced, unit=unit), sample(priced, unit="brl")]
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    assert places(error) == [(1, "unit")]
    assert len(stored(api, priced)) == 1


def test_all_units_of_the_catalogue_are_taken_and_the_first_is_the_default(
    api: httpx2.Client, priced: str
) -> None:
    allow_units(api, priced, "USD", "BRL")
    for unit in ("usd", "BRL", None):
        accepted(api.post(ONE, json=sample(priced, unit=unit)))
    assert sorted(row["unit"] for row in stored(api, priced)) == ["BRL", "BRL", "USD", "USD"]
    error = refused(api.post(ONE, json=sample(priced, unit="EUR")), 422)
    assert error["message"] == f"unit: {priced} is in 'USD' or 'BRL' in the catalogue"
    entry = entry_of(api, priced)
    assert (entry["unit"], entry["units"]) == ("USD", ["USD", "BRL"])


def test_a_new_default_takes_the_place_of_the_old_one(api: httpx2.Client, priced: str) -> None:
    api.patch(f"/api/metrics/catalog/{priced}", json={"unit": " USD "}).raise_for_status()
    assert entry_of(api, priced)["units"] == ["USD"]
    accepted(api.post(ONE, json=sample(priced)))
    refused(api.post(ONE, json=sample(priced, unit="BRL")), 422)
    assert [row["unit"] for row in stored(api, priced)] == ["BRL", "USD"]


@pytest.mark.parametrize("units", [["a", "A"], [""], ["a\x00"], ["(none)"], ["x" * 201], "BRL"])
def test_what_cannot_be_units_is_refused(api: httpx2.Client, priced: str, units: object) -> None:
    answer = api.patch(f"/api/metrics/catalog/{priced}", json={"units": units})
    assert refused(answer, 422)["details"][0]["field"].startswith("units")
    assert entry_of(api, priced)["units"] == ["BRL"]


def test_a_metric_without_a_unit_takes_none_until_it_has_one(
    api: httpx2.Client, metric: str
) -> None:
    accepted(api.post(ONE, json=sample(metric)))
    error = refused(api.post(ONE, json=sample(metric, unit="BRL")), 422)
    assert "no unit in the catalogue" in error["message"]
    allow_units(api, metric, "BRL")
    accepted(api.post(ONE, json=sample(metric, unit="BRL")))
    assert [row["unit"] for row in stored(api, metric)] == [None, "BRL"]


@pytest.mark.parametrize(
    ("metric", "metric_type", "unit", "stored_as"),
    [
        ("conversion_rate", "conversion", "percent", "%"),
        ("bounce_rate", "conversion", "Percentage", "%"),
        ("api_response_time", "performance", "milliseconds", "ms"),
        ("throughput", "performance", "requests_per_second", "requests/s"),
    ],
)
def test_a_unit_may_be_written_out(
    api: httpx2.Client, metric: str, metric_type: str, unit: str, stored_as: str
) -> None:
    region = secrets.token_hex(4)
    body = sample(metric, metric_type=metric_type, unit=unit, region=region)
    accepted(api.post(ONE, json=body))
    found = api.get("/api/metrics/query", params={"metric_name": metric, "region": region})
    assert [row["unit"] for row in found.json()["data"]] == [stored_as]


def test_a_metric_is_of_one_type(api: httpx2.Client, metric: str, priced: str) -> None:
    error = refused(api.post(ONE, json=sample(metric, metric_type="commission")), 422)
    message = f"{metric} is of the type 'revenue' in the catalogue"
    assert error["details"] == [{"field": "metric_type", "message": message}]
    items = [sample("revenue_hourly", metric_type="validation"), sample("revenue_hourly")]
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    assert places(error) == [(0, "metric_type")]


def test_the_first_sample_of_a_batch_decides_for_a_new_metric(
    api: httpx2.Client, metric: str
) -> None:
    items = [
        sample(metric, unit=" kWh"),
        sample(metric, unit="kwh"),
        sample(metric, unit="Wh"),
        sample(metric, metric_type="validation"),
    ]
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    assert places(error) == [(2, "unit"), (3, "metric_type")]
    assert metric not in {
        row["metric_name"] for row in api.get("/api/metrics/catalog").json()["data"]
    }
    accepted(api.post(BATCH, json={"metrics": items[:2]}))
    assert [row["unit"] for row in stored(api, metric)] == ["kWh", "kWh"]
    assert entry_of(api, metric)["units"] == ["kWh"]


def test_of_first_samples_at_the_same_moment_one_decides(database: str) -> None:
    """Each on a replica that does not know the metric yet."""
    units = ["BRL", "USD", "EUR", "brl", None]

    async def submit(pool: Pool, unit: str | None) -> Submission | Invalid:
        cache = SeriesCache(pool, SeriesLimits(1000, 1000))
        await cache.reload()
        preparer = Preparer(cache, SampleIds(pool), accept_ages(parse_keep("")))
        first = Sample("new", "revenue", 1.0, "hourly", unit)
        try:
            return await preparer.prepare([first], Scope(), NOW)
        except Invalid as error:
            return error

    async def race() -> list[Submission | Invalid]:
        async with create_pool(database, size=len(units)) as pool:
            return await asyncio.gather(*(submit(pool, unit) for unit in units))

    outcomes = asyncio.run(race())
    with psycopg.connect(database) as conn:
        series = conn.execute("SELECT unit FROM fature.series WHERE metric_name = 'new'").fetchall()
        (decided,) = conn.execute("SELECT unit FROM fature.metric WHERE metric_name = 'new'")
    assert {unit for (unit,) in series} == {decided[0]}
    for unit, outcome in zip(units, outcomes, strict=True):
        fits = unit is None or (decided[0] or "").casefold() == unit.casefold()
        assert isinstance(outcome, Submission) is fits, (unit, decided, outcome)

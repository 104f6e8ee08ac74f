"""Derived metrics: aggregated first, then computed; the same wherever they are asked about."""

import random
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.acceptance.access import ok, with_new_key
from tests.acceptance.reading import aggregate, ask, at, figures, submit
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service, run_refresh_jobs

CATALOG = "/api/metrics/catalog"
REGIONS = ("SP", "RJ", None)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class One(NamedTuple):
    """A sample of one of the metrics."""

    metric: str
    day: datetime
    region: str | None
    value: float


class Shop(NamedTuple):
    """Two metrics with samples, and what their ratio is called."""

    paid: str
    sold: str
    rate: str
    samples: list[One]

    def expected(self, key: Callable[[One], Any], scale: float = 1) -> dict[Any, float]:
        """Paid by sold of each key, where anything was sold."""
        sums: dict[Any, dict[str, float]] = {}
        for one in self.samples:
            of_key = sums.setdefault(key(one), {self.paid: 0.0, self.sold: 0.0})
            of_key[one.metric] += one.value
        return {
            name: scale * of_key[self.paid] / of_key[self.sold]
            for name, of_key in sums.items()
            if of_key[self.sold]
        }


@pytest.fixture(scope="module")
def shop(service: Service) -> Shop:
    dice, own = random.Random(7), secrets.token_hex(6)
    paid, sold = f"paid_{own}", f"sold_{own}"
    samples = [
        One(metric, TODAY - timedelta(days=dice.randrange(80), hours=dice.randrange(9)), region, n)
        for metric, most in ((paid, 90), (sold, 60))
        for region in REGIONS
        for n in [dice.randrange(1, 10_000) / 100 for _ in range(most)]
    ]
    # A day on which something is paid and nothing sold.
    samples.append(One(paid, TODAY - timedelta(days=82), "SP", 5.0))
    for metric in (paid, sold):
        those = [one for one in samples if one.metric == metric]
        submit(
            service.client,
            metric,
            *(at(one.day, one.value, unit="BRL", region=one.region) for one in those),
        )
    run_refresh_jobs(service.database_url)
    define(service.client, f"rate_{own}", f"{paid} / {sold}")
    return Shop(paid, sold, f"rate_{own}", samples)


@pytest.fixture(scope="module")
def user(service: Service) -> Iterator[httpx2.Client]:
    with signed_in(service.client) as client:
        yield client


def define(api: httpx2.Client, name: str, formula: str, **fields: str) -> dict[str, Any]:
    answer = api.put(f"{CATALOG}/{name}", json={"formula": formula, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def refused(answer: httpx2.Response, status: int = 422) -> list[str | None]:
    """The fields that an answer complains of."""
    assert answer.status_code == status, answer.text
    return [one["field"] for one in answer.json()["error"]["details"]]


def quarter(one: One) -> str:
    return f"{one.day:%Y}-Q{(one.day.month + 2) // 3}"


PERIODS: dict[str, Callable[[One], str]] = {
    "day": lambda one: f"{one.day:%Y-%m-%d}",
    "month": lambda one: f"{one.day:%Y-%m}",
    "quarter": quarter,
}


@pytest.mark.parametrize("period", PERIODS)
def test_values_are_computed_from_sums(api: httpx2.Client, shop: Shop, period: str) -> None:
    found = figures(api, shop.rate, period=period)
    assert found == pytest.approx(shop.expected(PERIODS[period]))


def test_groups_and_filters_are_those_of_both(api: httpx2.Client, shop: Shop) -> None:
    rows = aggregate(api, shop.rate, period="year", group_by="region")["data"]
    found = {(row["period"], row["region"]): row["value"] for row in rows}
    expected = shop.expected(lambda one: (f"{one.day:%Y}", one.region))
    assert found == pytest.approx(expected)
    only = figures(api, shop.rate, period="year", region="SP")
    assert only == pytest.approx({year: expected[year, "SP"] for year, _ in expected})


def test_where_nothing_is_divided_by_there_is_no_value(api: httpx2.Client, shop: Shop) -> None:
    day = str((TODAY - timedelta(days=82)).date())
    assert figures(api, shop.rate, start_date=day, end_date=day) == {}
    assert figures(api, shop.rate, start_date=day, end_date=day, fill="null") == {day: None}


def test_sums_stay_exact_and_add_up(api: httpx2.Client, shop: Shop) -> None:
    name = f"left_{secrets.token_hex(6)}"
    made = define(api, name, f"{shop.sold} - {shop.paid}", description="What is left")
    assert (made["unit"], made["kind"], made["default_aggregation"]) == ("BRL", "flow", "sum")
    sold, paid = (figures(api, one, period="month") for one in (shop.sold, shop.paid))
    expected = {
        month: round((sold.get(month) or 0) - (paid.get(month) or 0), 2) for month in sold | paid
    }
    assert figures(api, name, period="month") == expected
    assert aggregate(api, name)["unit"] == "BRL"


def test_pages_and_graphql_have_the_same(
    api: httpx2.Client, user: httpx2.Client, shop: Shop
) -> None:
    expected = shop.expected(PERIODS["month"])
    asked = {"metric_name": shop.rate, "period": "month", "range": "last_12_months"}
    lines = user.get("/explore.csv", params=asked).text.splitlines()[1:]
    assert {line.split(",")[0]: float(line.split(",")[1]) for line in lines} == (
        pytest.approx(expected)
    )
    page = user.get("/explore", params=asked | {"group_by": "region", "compare": "previous_year"})
    assert page.status_code == 200
    assert "No figures in this range" not in text_of(page)
    asked_for = f'metric: "{shop.rate}", period: month'
    query = f"{{ aggregate({asked_for}) {{ series {{ periods values }} }} }}"
    (series,) = api.post("/graphql", json={"query": query}).json()["data"]["aggregate"]["series"]
    found = dict(zip(series["periods"], series["values"], strict=True))
    assert found == pytest.approx(expected)


def test_the_catalogue_says_how_it_is_computed(api: httpx2.Client, shop: Shop) -> None:
    (row,) = (one for one in ok(api.get(CATALOG)) if one["metric_name"] == shop.rate)
    assert row["formula"] == f"{shop.paid} / {shop.sold}"
    assert (row["kind"], row["unit"], row["series"]) == ("ratio", None, 0)


def test_a_change_of_the_formula_counts_at_once(api: httpx2.Client, shop: Shop) -> None:
    name = f"rate_{secrets.token_hex(6)}"
    define(api, name, f"{shop.paid} / {shop.sold}")
    before = figures(api, name, period="year")
    made = define(api, name, f"100 * {shop.paid} / {shop.sold}", unit="%")
    assert made["unit"] == "%"
    scaled = {year: 100 * (value or 0) for year, value in before.items()}
    assert figures(api, name, period="year") == pytest.approx(scaled)


@pytest.mark.parametrize(
    "formula",
    ["", "1 + 2", "{paid} +", "{paid} / unheard_of", "{rate} * 2", "{own} + 1", "{paid} ** 2"],
)
def test_what_cannot_be_computed_is_refused(api: httpx2.Client, shop: Shop, formula: str) -> None:
    name = f"other_{secrets.token_hex(6)}"
    text = formula.format(paid=shop.paid, rate=shop.rate, own=name)
    assert refused(api.put(f"{CATALOG}/{name}", json={"formula": text})) == ["formula"]


def test_values_of_different_units_are_not_added(
    api: httpx2.Client, shop: Shop, metric: str
) -> None:
    submit(api, metric, at(TODAY, 1.0, unit="USD"))
    body = {"formula": f"{shop.paid} + {metric}"}
    assert refused(api.put(f"{CATALOG}/other_{metric}", json=body)) == ["formula"]


def test_it_takes_no_samples_rules_rankings_or_other_aggregations(
    api: httpx2.Client, shop: Shop
) -> None:
    sample = {
        "metric_name": shop.rate,
        "metric_type": "revenue",
        "value": 1,
        "frequency": "hourly",
    }
    assert refused(api.post("/api/metrics", json=sample)) == ["metric_name"]
    rule = {
        "rule_name": secrets.token_hex(6),
        "metric_name": shop.rate,
        "condition": "<",
        "threshold_value": 1,
        "severity": "low",
    }
    assert refused(api.post("/api/alerts/rules", json=rule)) == ["metric_name"]
    grouped = {"metric_name": shop.rate, "group_by": "region"}
    assert refused(api.get("/api/metrics/breakdown", params=grouped)) == ["metric_name"]
    assert refused(ask(api, shop.rate, aggregation="max")) == ["aggregation"]
    assert refused(ask(api, shop.rate, group_by="unit")) == ["group_by"]
    assert refused(ask(api, shop.rate, unit="BRL")) == ["unit"]
    assert refused(ask(api, shop.rate, expected="true")) == ["metric_name"]
    patch = api.patch(f"{CATALOG}/{shop.rate}", json={"dimensions": ["payment_method"]})
    assert refused(patch) == ["dimensions"]


def test_what_is_computed_from_stays(api: httpx2.Client, shop: Shop) -> None:
    assert set(refused(api.delete(f"{CATALOG}/{shop.paid}"), 409)) == {"metrics"}
    # One that has samples, and one that another is computed from, are not derived.
    other = {"formula": f"{shop.sold} * 2"}
    assert api.put(f"{CATALOG}/{shop.paid}", json=other).status_code == 409
    name = f"rate_{secrets.token_hex(6)}"
    define(api, name, f"{shop.paid} / {shop.sold}")
    assert api.delete(f"{CATALOG}/{name}").is_success
    assert ask(api, name).status_code == 404


def test_whoever_is_bound_to_a_service_has_no_derived_metrics(
    service: Service, metric: str
) -> None:
    api, other = service.client, f"other_{metric}"
    for name in (metric, other):
        submit(api, name, at(TODAY, 2.0, service_name=metric), at(TODAY, 4.0))
    run_refresh_jobs(service.database_url)
    rate = define(api, f"rate_{metric}", f"{metric} / {other}")["metric_name"]
    assert figures(api, rate) == {str(TODAY.date()): 1.0}
    with with_new_key(api, "writer", service_name=metric) as bound:
        assert figures(bound, metric) == {str(TODAY.date()): 2.0}
        assert ask(bound, rate).status_code == 404
        assert rate not in [one["metric_name"] for one in ok(bound.get(CATALOG))]


def test_people_define_one_and_change_it(user: httpx2.Client, shop: Shop) -> None:
    name = f"rate_{secrets.token_hex(6)}"
    fields = {"metric_name": name, "formula": f"{shop.paid} /"}
    answer = post(user, "/admin/derived", **fields)
    assert answer.status_code == 422
    assert "The formula ends too early" in text_of(answer)
    answer = post(user, "/admin/derived", **fields | {"formula": f"{shop.paid} / {shop.sold}"})
    assert answer.status_code == 303, answer.text
    page = f"/admin/catalog/{name}"
    assert answer.headers["Location"] == page
    assert f"{shop.paid} / {shop.sold}" in user.get(page).text
    usual = {"kind": "ratio", "default_aggregation": "avg"}
    answer = post(user, page, formula=f"{shop.paid} * 100 / {shop.sold}", unit="%", **usual)
    assert answer.status_code == 303, answer.text
    assert f"{shop.paid} * 100 / {shop.sold}" in text_of(user.get("/admin/catalog"))

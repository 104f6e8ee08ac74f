"""``GET /api/metrics/explain``: the labels that account for a change, and totals that add up."""

import secrets
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, cast

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.reading import at, figures, submit, submit_in_units
from tests.acceptance.talk import places, refused

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
PATH = "/api/metrics/explain"
WEIGHTS = {"SP": 5, "RJ": 3, "MG": 2, None: 1}
METHODS = {"pix": 4, "card": 5, "boleto": 1}


def noon(days_ago: int) -> datetime:
    """Noon of a day in UTC."""
    return (NOW - days_ago * DAY).replace(hour=12, minute=0, second=0, microsecond=0)


def day(days_ago: int) -> str:
    return f"{noon(days_ago):%Y-%m-%d}"


def explain(api: httpx2.Client, metric: str, **params: Any) -> dict[str, Any]:
    answer = api.get(PATH, params={"metric_name": metric, "start_date": day(2), **params})
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


def wrong_fields(answer: httpx2.Response) -> list[str | None]:
    return [field for _, field in places(refused(answer, 422))]


def sales(moment: datetime, pix_in_sp: float = 1.0) -> list[dict[str, Any]]:
    """Revenue of ten affiliates in each region by each method, of which one is multiplied."""
    samples = []
    for (region, weight), (method, share), number in product(
        WEIGHTS.items(), METHODS.items(), range(10)
    ):
        factor = pix_in_sp if (region, method) == ("SP", "pix") else 1.0
        value = round(weight * share * (100 + 7 * (number % 3) + moment.day % 5) * factor, 2)
        labels = {"service_name": "shop", "region": region, "affiliate_id": f"a{number}"}
        samples.append(at(moment, value, **labels, metadata={"payment_method": method}))
    return samples


@pytest.fixture
def dropped(api: httpx2.Client, metric: str) -> str:
    """Two days ago pix in SP fell to 22 % of what it is on other days."""
    submit(api, metric, at(noon(30), 0.0))
    api.patch(
        f"/api/metrics/catalog/{metric}", json={"dimensions": ["payment_method"]}
    ).raise_for_status()
    submit(api, metric, *sales(noon(2), 0.22), *sales(noon(3)), *sales(noon(9)))
    return metric


def total(rows: list[dict[str, Any]]) -> float:
    return round(sum(float(row["value"]) for row in rows), 2)


@pytest.mark.parametrize("compare", ["previous_day", "previous_week", "previous_period"])
def test_the_labels_that_fell_are_named_with_their_part(
    api: httpx2.Client, dropped: str, compare: str
) -> None:
    body = explain(api, dropped, end_date=day(2), compare=compare)
    (pix,) = body["contributors"]
    assert pix["labels"] == {"region": "SP", "payment_method": "pix"}
    assert pix["change"] == pytest.approx(pix["value"] - pix["baseline"], abs=0.005)
    assert pix["value"] / pix["baseline"] == pytest.approx(0.22, abs=0.05)
    assert pix["share_of_change"] == pytest.approx(pix["change"] / body["change"])
    assert body["change"] == pytest.approx(pix["change"] + body["unexplained"], abs=0.005)
    assert body["value"] == total(sales(noon(2), 0.22))
    assert (body["aggregation"], body["period"], body["compare"]) == ("sum", "day", compare)
    assert body["start"] == f"{day(2)}T00:00:00Z"
    assert body["dimensions"] == ["service_name", "affiliate_id", "region", "payment_method"]


def test_only_named_dimensions_account_for_it(api: httpx2.Client, dropped: str) -> None:
    body = explain(api, dropped, end_date=day(2), compare="previous_day", dimensions=["region"])
    assert [one["labels"] for one in body["contributors"]] == [{"region": "SP"}]
    assert body["dimensions"] == ["region"]


def test_what_is_filtered_by_accounts_for_nothing(api: httpx2.Client, dropped: str) -> None:
    body = explain(api, dropped, end_date=day(2), compare="previous_day", region="SP")
    assert [one["labels"] for one in body["contributors"]] == [{"payment_method": "pix"}]
    assert body["dimensions"] == ["service_name", "affiliate_id", "payment_method"]


def test_where_nothing_is_unusual_nothing_is_named(api: httpx2.Client, dropped: str) -> None:
    body = explain(api, dropped, start_date=day(3), end_date=day(3), compare="previous_week")
    assert body["contributors"] == []
    assert body["unexplained"] == body["change"]


def test_a_mean_is_explained_by_its_samples(api: httpx2.Client, metric: str) -> None:
    for region, number in product(("SP", "RJ", "MG"), range(40)):
        slow = 3.0 if region == "RJ" else 1.0
        before, after = 100 + number % 7, slow * (100 + number % 5)
        submit(api, metric, at(noon(3), before, region=region), at(noon(2), after, region=region))
    body = explain(api, metric, end_date=day(2), compare="previous_day", aggregation="avg")
    (rj,) = body["contributors"]
    assert rj["labels"] == {"region": "RJ"}
    given = {"start_date": day(2), "end_date": day(2), "aggregation": "avg"}
    assert figures(api, metric, **given) == {day(2): body["value"]}
    assert figures(api, metric, **given, region="RJ") == {day(2): rj["value"]}
    assert rj["share_of_change"] == pytest.approx(1, abs=0.05)


def test_a_mean_of_one_unit_counts_no_samples_of_another(api: httpx2.Client, metric: str) -> None:
    values = [(2, 4.0, "ms"), (2, 8.0, "ms"), (3, 5.0, "ms"), (3, 1.0, "s")]
    submit_in_units(
        api, metric, *(at(noon(ago), value, region="SP", unit=unit) for ago, value, unit in values)
    )
    body = explain(api, metric, end_date=day(2), compare="previous_day", aggregation="avg")
    assert (body["value"], body["baseline"], body["unit"]) == (6.0, 5.0, "ms")


def test_hours_and_minutes_are_explained_as_days_are(api: httpx2.Client, metric: str) -> None:
    hour = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    for minute, factor in ((10, 1.0), (11, 0.2)):
        moment = hour + timedelta(minutes=minute, seconds=30)
        samples = [one | {"frequency": "real_time"} for one in sales(moment, factor)]
        submit(api, metric, *samples)
    start, end = hour + timedelta(minutes=11), hour + timedelta(minutes=12, microseconds=-1)
    body = explain(api, metric, start_date=start.isoformat(), end_date=end.isoformat())
    assert body["period"] == "minute"
    assert body["baselines"] == [
        {"start": instant(hour + timedelta(minutes=10)), "end": instant(start)}
    ]
    assert body["value"] == total(sales(hour, 0.2))
    assert [one["labels"] for one in body["contributors"]] == [{"region": "SP"}]


def instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


amounts = st.integers(1, 10**9).map(lambda cents: cents / 100)
items = st.tuples(
    st.integers(2, 3), amounts, st.sampled_from(["SP", "RJ", None]), st.sampled_from(["x", "y"])
)


@pytest.mark.parametrize("aggregation", ["sum", "count", "avg"])
def test_totals_are_those_of_aggregates(api: httpx2.Client, aggregation: str) -> None:
    @settings(
        max_examples=5,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(items, min_size=1, max_size=20), st.sampled_from([None, "SP"]))
    def one(posted: list[tuple[int, float, str | None, str]], region: str | None) -> None:
        metric = f"metric_{secrets.token_hex(6)}"
        submit(
            api,
            metric,
            *(at(noon(ago), value, region=r, service_name=s) for ago, value, r, s in posted),
        )
        given = {"aggregation": aggregation} | ({"region": region} if region else {})
        body = explain(api, metric, end_date=day(2), compare="previous_period", **given)
        days = figures(api, metric, start_date=day(3), end_date=day(2), **given)
        assert body["value"] == days.get(day(2))
        assert body["baseline"] == days.get(day(3))

    one()


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"start_date": None}, "start_date"),
        ({"start_date": "2999-01-01"}, "start_date"),
        ({"aggregation": "max"}, "aggregation"),
        ({"compare": "yesterday"}, "compare"),
        ({"dimensions": ["colour"]}, "group_by"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    api: httpx2.Client, dropped: str, params: dict[str, Any], field: str
) -> None:
    given = {"metric_name": dropped, "start_date": day(2), **params}
    answer = api.get(PATH, params={n: v for n, v in given.items() if v is not None})
    assert wrong_fields(answer) == [field]


def test_a_metric_that_nobody_knows_is_not_found(api: httpx2.Client) -> None:
    answer = api.get(PATH, params={"metric_name": "nothing_like_it", "start_date": day(2)})
    assert answer.status_code == 404

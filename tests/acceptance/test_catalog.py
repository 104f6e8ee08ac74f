"""The catalogue: what is in it, and what editing it changes."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import pytest

from tests.acceptance.reading import aggregate, at, figures, submit
from tests.acceptance.talk import places, refused
from tests.conftest import DatabaseServer, running_service

pytestmark = pytest.mark.one_engine

# Unit, kind, default aggregation and frequency of each metric of the platform.
PLATFORM = {
    "revenue": {
        "revenue_hourly": ("BRL", "flow", "sum", "hourly"),
        "revenue_daily": ("BRL", "flow", "sum", "daily"),
        "revenue_monthly": ("BRL", "flow", "sum", "monthly"),
        "average_order_value": ("BRL", "ratio", "avg", "hourly"),
    },
    "commission": {
        "commission_paid": ("BRL", "flow", "sum", "hourly"),
        "commission_pending": ("BRL", "stock", "last", "hourly"),
        "commission_rate": ("%", "ratio", "avg", "daily"),
        "top_affiliates_revenue": ("BRL", "flow", "sum", "daily"),
    },
    "user_activity": {
        "active_users": ("users", "stock", "last", "real_time"),
        "new_registrations": ("users", "flow", "sum", "hourly"),
        "user_retention_rate": ("%", "ratio", "avg", "daily"),
        "session_duration": ("s", "ratio", "avg", "hourly"),
    },
    "conversion": {
        "conversion_rate": ("%", "ratio", "avg", "hourly"),
        "funnel_completion": ("%", "ratio", "avg", "hourly"),
        "bounce_rate": ("%", "ratio", "avg", "hourly"),
        "click_through_rate": ("%", "ratio", "avg", "hourly"),
    },
    "performance": {
        "api_response_time": ("ms", "ratio", "avg", "real_time"),
        "error_rate": ("%", "ratio", "avg", "real_time"),
        "throughput": ("requests/s", "ratio", "avg", "real_time"),
        "database_query_time": ("ms", "ratio", "avg", "real_time"),
    },
    "gamification": {
        "chests_opened": ("count", "flow", "sum", "hourly"),
        "rewards_distributed": ("count", "flow", "sum", "hourly"),
        "user_engagement_score": ("points", "ratio", "avg", "daily"),
        "achievement_completion": ("%", "ratio", "avg", "daily"),
    },
    "validation": {
        "indication_validations": ("count", "flow", "sum", "hourly"),
        "validation_success_rate": ("%", "ratio", "avg", "hourly"),
        "fraud_detection_rate": ("%", "ratio", "avg", "hourly"),
        "manual_review_required": ("count", "flow", "sum", "hourly"),
    },
}


def catalog(api: httpx2.Client) -> dict[str, dict[str, Any]]:
    """Entries by name."""
    response = api.get("/api/metrics/catalog")
    assert response.status_code == 200
    rows = cast("list[dict[str, Any]]", response.json()["data"])
    assert response.json()["count"] == len(rows)
    return {row["metric_name"]: row for row in rows}


def patch(api: httpx2.Client, metric: str, **change: Any) -> httpx2.Response:
    """The response to a change of an entry."""
    return api.patch(f"/api/metrics/catalog/{metric}", json=change)


def test_the_metrics_of_the_platform_are_there_from_the_start(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder, database_of.new_database()) as fresh:
        found = catalog(fresh.client)
    of_type = {
        metric_type: {
            name: (row["unit"], row["kind"], row["default_aggregation"], row["frequency"])
            for name, row in found.items()
            if row["metric_type"] == metric_type
        }
        for metric_type in PLATFORM
    }
    assert of_type == PLATFORM
    assert len(found) == 28
    for row in found.values():
        assert row["description"]
        assert (row["series"], row["first_sample"], row["last_sample"]) == (0, None, None)
    assert found["revenue_hourly"]["dimensions"] == ["payment_method"]


def test_an_entry_knows_its_series_and_its_first_and_last_sample(
    api: httpx2.Client, metric: str
) -> None:
    now = datetime.now(UTC)
    oldest, newest = now - timedelta(days=300), now - timedelta(hours=2)
    submit(
        api,
        metric,
        at(now - timedelta(days=3), region="SP"),
        at(newest, region="SP"),
        at(oldest, frequency="daily"),
        at(now - timedelta(days=1), frequency="real_time"),
    )
    entry = catalog(api)[metric]
    assert entry["series"] == 3
    assert datetime.fromisoformat(entry["first_sample"]) == oldest
    assert datetime.fromisoformat(entry["last_sample"]) == newest


def test_an_unknown_name_is_catalogued_with_its_first_sample(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, {"metric_type": "user_activity", "unit": "users", "frequency": "daily"})
    submit(api, metric, {"metric_type": "user_activity", "unit": "Users"})
    entry = catalog(api)[metric]
    timeless = {k: v for k, v in entry.items() if k not in ("first_sample", "last_sample")}
    assert timeless == {
        "metric_name": metric,
        "metric_type": "user_activity",
        "unit": "users",
        "units": ["users"],
        "kind": "stock",
        "default_aggregation": "last",
        "frequency": "daily",
        "description": "",
        "dimensions": [],
        "formula": None,
        "series": 2,
    }


def test_a_name_is_catalogued_as_the_first_sample_of_a_batch_has_it(
    api: httpx2.Client, metric: str
) -> None:
    first = {"metric_type": "user_activity", "unit": "users", "frequency": "real_time"}
    other = {"metric_type": "user_activity", "unit": "USERS", "frequency": "daily"}
    submit(api, metric, first, other)
    entry = catalog(api)[metric]
    assert {field: entry[field] for field in first} == first
    assert (entry["kind"], entry["default_aggregation"]) == ("stock", "last")


def test_dimensions_of_a_level_double_the_day_of_their_change_alone(
    api: httpx2.Client, metric: str
) -> None:
    """As docs/figures.md says."""
    noon = datetime.now(UTC).replace(hour=12, minute=0) - timedelta(days=10)
    days = [noon + timedelta(days=number) for number in range(3)]
    level = {"metric_type": "user_activity", "metadata": {"plan": "gold"}}
    submit(api, metric, at(days[0], 10.0, **level), at(days[1], 10.0, **level))
    assert patch(api, metric, dimensions=["plan"]).status_code == 200
    submit(api, metric, at(days[1], 10.0, **level), at(days[2], 10.0, **level))
    assert list(figures(api, metric).values()) == [10.0, 20.0, 10.0]


def test_the_catalogue_is_sorted_by_name(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {})
    assert list(catalog(api)) == sorted(catalog(api))


def test_a_change_is_answered_and_kept_and_leaves_the_rest(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {})
    before = catalog(api)[metric]
    for change in (
        {"description": "What it measures"},
        {"dimensions": ["payment_method", "x-y.z_1"]},
        {"default_aggregation": "max"},
        {"description": "", "dimensions": []},
        {},
    ):
        response = patch(api, metric, **change)
        assert response.status_code == 200, response.text
        before |= change
        assert response.json() == {"success": True, "data": before}
        assert catalog(api)[metric] == before


@pytest.mark.parametrize(("kind", "aggregation"), [("stock", "last"), ("ratio", "avg")])
def test_the_default_aggregation_follows_the_kind(
    api: httpx2.Client, metric: str, kind: str, aggregation: str
) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    day = noon - timedelta(days=2)
    submit(api, metric, at(day, 1.0), at(day + timedelta(hours=1), 5.0))
    assert aggregate(api, metric)["aggregation"] == "sum"
    assert patch(api, metric, kind=kind).json()["data"]["default_aggregation"] == aggregation
    body = aggregate(api, metric)
    assert body["aggregation"] == aggregation
    assert [row["value"] for row in body["data"]] == [{"last": 5.0, "avg": 3.0}[aggregation]]


def test_kind_and_aggregation_can_be_set_together(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {})
    row = patch(api, metric, kind="stock", default_aggregation="max").json()["data"]
    assert (row["kind"], row["default_aggregation"]) == ("stock", "max")
    assert aggregate(api, metric)["aggregation"] == "max"
    assert aggregate(api, metric, aggregation="min")["aggregation"] == "min"


def test_the_unit_of_the_catalogue_is_a_word_and_samples_keep_theirs(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, {"unit": "BRL"})
    assert patch(api, metric, unit="USD").json()["data"]["unit"] == "USD"
    assert patch(api, metric, description="x").json()["data"]["unit"] == "USD"
    assert aggregate(api, metric)["unit"] == "BRL"
    assert patch(api, metric, unit="").json()["data"]["unit"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "level"}, "kind"),
        ({"default_aggregation": "median"}, "default_aggregation"),
        ({"description": "x" * 2001}, "description"),
        ({"description": "\0"}, "description"),
        ({"dimensions": "payment_method"}, "dimensions"),
        ({"dimensions": ["a", "a"]}, "dimensions"),
        ({"dimensions": ["region"]}, "dimensions"),
        ({"dimensions": ["limit"]}, "dimensions"),
        ({"dimensions": ["cursor"]}, "dimensions"),
        ({"dimensions": ["with space"]}, "dimensions.0"),
        ({"dimensions": ["a", ""]}, "dimensions.1"),
        ({"dimensions": [f"d{n}" for n in range(11)]}, "dimensions"),
        ({"unit": "x" * 201}, "unit"),
        ({"unit": "\0"}, "unit"),
        ({"metric_name": "other"}, "metric_name"),
        ({"descripton": "typo"}, "descripton"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(
    api: httpx2.Client, metric: str, change: dict[str, Any], field: str
) -> None:
    submit(api, metric, {})
    before = catalog(api)[metric]
    error = refused(patch(api, metric, **change), 422)
    assert places(error) == [(None, field)]
    assert catalog(api)[metric] == before


def test_there_is_nothing_to_change_in_an_unknown_metric(api: httpx2.Client, metric: str) -> None:
    refused(patch(api, metric, description="x"), 404)


def test_a_change_that_is_no_object_is_malformed(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {})
    path = f"/api/metrics/catalog/{metric}"
    refused(api.patch(path, content=b"{", headers={"Content-Type": "application/json"}), 400)
    refused(api.patch(path, json=["kind"]), 422)

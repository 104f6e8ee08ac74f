"""Targets: kept, changed, removed, and how far they came."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import psycopg
import pytest

from tests.acceptance.access import new_tenant, ok, with_new_key
from tests.acceptance.reading import at, figures, submit
from tests.acceptance.talk import places, refused
from tests.conftest import Service

PATH = "/api/targets"
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)


def keep(api: httpx2.Client, metric: str, **fields: Any) -> dict[str, Any]:
    """A target that was just made, of a name of its own."""
    body = {
        "name": secrets.token_hex(6),
        "metric_name": metric,
        "period": "day",
        "value": 2400,
        **fields,
    }
    return cast("dict[str, Any]", ok(api.post(PATH, json=body)))


def progress(api: httpx2.Client, target: dict[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", ok(api.get(f"{PATH}/{target['id']}/progress")))


@pytest.fixture(scope="module")
def sold(service: Service) -> str:
    """Forty days by hour: 200 an hour in the morning, nothing after noon, in two regions."""
    metric = f"metric_{secrets.token_hex(6)}"
    samples = [
        at(TODAY - timedelta(days=ago) + hour * HOUR, 100.0 + ago % 3, region=region, unit="BRL")
        for ago in range(1, 41)
        for hour in range(12)
        for region in ("SP", "RJ")
    ]
    for first in range(0, len(samples), 1000):
        submit(service.client, metric, *samples[first : first + 1000])
    submit(service.client, metric, at(TODAY, 777.5, region="SP", unit="BRL"))
    return metric


def test_one_is_kept_changed_and_removed(api: httpx2.Client, sold: str) -> None:
    made = keep(api, sold, region="SP", aggregation="sum", **{"from": "2026-01-01"})
    assert (made["from"], made["to"], made["direction"]) == ("2026-01-01", None, "at_least")
    assert (made["region"], made["filters"], made["value"]) == ("SP", {}, 2400)
    one = f"{PATH}/{made['id']}"
    assert ok(api.get(one)) == made
    assert made["id"] in [row["id"] for row in ok(api.get(PATH))]
    changed = ok(api.patch(one, json={"value": 3000, "region": None, "to": "2026-12-31"}))
    kept = made | {"value": 3000, "region": None, "to": "2026-12-31"}
    assert {**changed, "updated_at": None} == {**kept, "updated_at": None}
    assert ok(api.delete(one)) == {"id": made["id"], "name": made["name"]}
    assert api.get(one).status_code == 404
    audit = ok(api.get("/api/audit", params={"target": f"target:{made['id']}"}))
    assert [row["action"] for row in audit] == ["target.delete", "target.update", "target.create"]
    assert (audit[1]["before"]["value"], audit[1]["after"]["value"]) == (2400, 3000)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"period": "hour"}, "period"),
        ({"value": "many"}, "value"),
        ({"direction": "up"}, "direction"),
        ({"filters": {"colour": "red"}}, "filters"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, None),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused(
    api: httpx2.Client, sold: str, fields: dict[str, Any], field: str | None
) -> None:
    body = {"name": "x", "metric_name": sold, "period": "day", "value": 1} | fields
    answer = api.post(PATH, json=body)
    assert [name for _, name in places(refused(answer, 422))] == [field]


def test_a_name_is_taken_once_and_metrics_are_known(api: httpx2.Client, sold: str) -> None:
    made = keep(api, sold)
    body = {"name": made["name"], "metric_name": sold, "period": "day", "value": 1}
    assert api.post(PATH, json=body).status_code == 409
    other = keep(api, sold)
    assert api.patch(f"{PATH}/{other['id']}", json={"name": made["name"]}).status_code == 409
    assert api.patch(f"{PATH}/{other['id']}", json={"value": None}).status_code == 422
    assert api.post(PATH, json=body | {"metric_name": "unheard_of_x"}).status_code == 404


@pytest.mark.parametrize("period", ["day", "week", "month", "quarter", "year"])
def test_the_value_so_far_is_that_of_aggregates(api: httpx2.Client, sold: str, period: str) -> None:
    found = progress(api, keep(api, sold, period=period, region="SP"))
    start, end = found["start"][:10], datetime.fromisoformat(found["end"]) - HOUR
    days = figures(api, sold, start_date=start, end_date=f"{end:%Y-%m-%d}", region="SP")
    assert found["value"] == sum(value or 0 for value in days.values())
    assert (found["target"], found["unit"]) == (2400, "BRL")
    assert datetime.fromisoformat(found["start"]) <= NOW < datetime.fromisoformat(found["end"])


def test_what_is_expected_by_now_follows_the_hours(api: httpx2.Client, sold: str) -> None:
    found = progress(api, keep(api, sold))
    done = min((datetime.now(UTC) - TODAY) / (12 * HOUR), 1.0)
    assert found["expected_by_now"] == pytest.approx(2400 * done, abs=10)
    assert found["pace_percent"] == pytest.approx(100 * 777.5 / found["expected_by_now"])


def test_it_is_on_track_where_the_projection_meets_it(api: httpx2.Client, sold: str) -> None:
    easy, hard = (progress(api, keep(api, sold, period="week", value=n)) for n in (1, 10**6))
    assert (easy["on_track"], hard["on_track"]) == (True, False)
    most = progress(api, keep(api, sold, period="week", value=10**6, direction="at_most"))
    assert most["on_track"]
    end = most["projection"]
    assert most["value"] <= end["value"]
    assert end["lower"] <= end["value"] <= end["upper"]


def test_a_mean_is_expected_to_be_the_target_all_the_time(api: httpx2.Client, sold: str) -> None:
    found = progress(api, keep(api, sold, period="month", aggregation="avg", value=100))
    assert found["expected_by_now"] == 100
    assert found["pace_percent"] == pytest.approx(found["value"])


def test_of_what_is_new_there_is_no_projection(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(TODAY, 50.0))
    found = progress(api, keep(api, metric, value=1))
    assert (found["value"], found["projection"]) == (50.0, None)
    assert found["on_track"]


def test_nobody_sees_or_changes_what_is_anothers(api: httpx2.Client, sold: str) -> None:
    own = secrets.token_hex(6)
    theirs, everybodys = keep(api, sold, service_name=own), keep(api, sold)
    with (
        new_tenant(api, secrets.token_hex(6)) as other,
        with_new_key(api, "reader", service_name=own) as bound,
    ):
        assert ok(other.get(PATH)) == []
        for path in (f"{PATH}/{theirs['id']}", f"{PATH}/{theirs['id']}/progress"):
            assert other.get(path).status_code == 404
        assert other.patch(f"{PATH}/{theirs['id']}", json={"value": 1}).status_code == 404
        assert other.delete(f"{PATH}/{theirs['id']}").status_code == 404
        assert [row["id"] for row in ok(bound.get(PATH))] == [theirs["id"]]
        assert bound.get(f"{PATH}/{everybodys['id']}/progress").status_code == 404
        assert progress(bound, theirs)["value"] is None


def test_analysts_see_them(api: httpx2.Client, sold: str, service: Service) -> None:
    made = keep(api, sold)
    with psycopg.connect(service.database_url) as conn:
        conn.execute("SET ROLE fature_analyst")
        row = conn.execute(
            "SELECT name, value, period FROM analytics.targets WHERE id = %s", [made["id"]]
        ).fetchone()
    assert row == (made["name"], 2400, "day")

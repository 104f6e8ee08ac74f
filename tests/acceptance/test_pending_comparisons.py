"""Pages say what they leave out, and compare nothing, while acknowledged samples wait for a
refresh of rollups.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.reading import at, submit
from tests.acceptance.web import signed_in, text_of
from tests.clock import today
from tests.conftest import DatabaseServer, Service, run_refresh_jobs, running_service

WAITING = "Late samples are not counted yet"


PAGE = "/explore?metric_name=revenue_hourly&range=last_7_days&compare=previous_period"


def test_nothing_is_compared_until_late_samples_are_in_the_rollups(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    database = database_of.new_database()
    with running_service(tmp_path, database) as service, signed_in(service.client) as web:
        days = [today() - timedelta(days=day) for day in range(1, 40)]
        submit(service.client, "revenue_hourly", *(at(day, 10.0) for day in days))
        run_refresh_jobs(database)
        assert "0.0%" in text_of(web.get(PAGE))
        # Of before and now as much: the newest would count at once, the others after a refresh.
        late = [day + timedelta(minutes=5) for day in days]
        submit(service.client, "revenue_hourly", *(at(moment, 90.0) for moment in late))
        if database_of.engine == "timescale":
            shown = text_of(web.get(PAGE))
            assert WAITING in shown
            assert "%" not in shown.partition(WAITING)[0][-40:]
            run_refresh_jobs(database)
        shown = text_of(web.get(PAGE))
        assert "0.0%" in shown
        assert WAITING not in shown


@pytest.fixture(scope="module")
def place(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, httpx2.Client, str]]:
    """A service with somebody who is signed in, and its database."""
    database = database_of.new_database()
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder, database) as service, signed_in(service.client) as web:
        yield service, web, database


Place = tuple[Service, httpx2.Client, str]


def explored(web: httpx2.Client, metric: str, **asked: str) -> str:
    asked = {"range": "last_30_days", **asked}
    return text_of(web.get("/explore", params={"metric_name": metric, **asked}))


def says_late(shown: str) -> bool:
    return WAITING.lower() in shown.lower()


def test_only_figures_that_lack_samples_say_so(place: Place, database_of: DatabaseServer) -> None:
    service, web, database = place
    is_late = database_of.engine == "timescale"
    days = [at(today() - timedelta(days=day), 10.0) for day in range(1, 40)]
    submit(service.client, "late_one", *days)
    submit(service.client, "timely", *days)
    submit(service.client, "of_days", *(one | {"frequency": "daily"} for one in days))
    run_refresh_jobs(database)
    assert not says_late(explored(web, "late_one"))
    submit(service.client, "late_one", at(today() - timedelta(days=20, minutes=-5), 90.0))
    # Of the metric, its frequency and its time alone.
    assert says_late(explored(web, "late_one")) == is_late
    assert says_late(explored(web, "late_one", period="hour")) == is_late
    assert not says_late(explored(web, "late_one", range="last_7_days"))
    compared = explored(web, "late_one", range="last_7_days", compare="previous_period")
    assert not says_late(compared)
    assert not says_late(explored(web, "timely"))
    assert not says_late(explored(web, "of_days"))
    run_refresh_jobs(database)
    assert not says_late(explored(web, "late_one"))


def test_what_has_only_late_samples_is_not_called_empty(
    place: Place, database_of: DatabaseServer
) -> None:
    service, web, database = place
    submit(service.client, "timely_2", *(at(today() - timedelta(days=n), 1.0) for n in range(40)))
    run_refresh_jobs(database)
    submit(service.client, "quite_new", at(today() - timedelta(days=20), 90.0))
    shown = explored(web, "quite_new")
    if database_of.engine == "timescale":
        assert "No figures in this range" not in shown
        assert says_late(shown)
        run_refresh_jobs(database)
    assert "90" in explored(web, "quite_new")


def test_rankings_and_explanations_say_nothing_of_changes_meanwhile(
    place: Place, database_of: DatabaseServer
) -> None:
    service, _web, database = place
    metric = "ranked_late"
    days = [today() - timedelta(days=n) for n in range(1, 40)]
    submit(service.client, metric, *(at(day, 10.0, region="SP") for day in days))
    run_refresh_jobs(database)
    submit(service.client, metric, at(days[19] + timedelta(minutes=5), 90.0, region="SP"))
    asked = {
        "metric_name": metric,
        "start_date": days[6].date().isoformat(),
        "end_date": days[0].date().isoformat(),
        "compare": "average_4_weeks",
    }
    grouped = asked | {"group_by": "region"}
    is_late = database_of.engine == "timescale"
    found = service.client.get("/api/metrics/breakdown", params=grouped).json()
    assert found.get("pending", False) == is_late
    assert (found["data"][0]["change"] is None) == is_late
    assert (found["total"]["change_percent"] is None) == is_late
    explained = service.client.get("/api/metrics/explain", params=asked)
    assert explained.status_code == (503 if is_late else 200)
    run_refresh_jobs(database)
    found = service.client.get("/api/metrics/breakdown", params=grouped).json()
    assert "pending" not in found
    assert found["data"][0]["change"] == -22.5
    explained = service.client.get("/api/metrics/explain", params=asked)
    assert explained.json()["change"] == -22.5


def test_figures_of_dashboards_say_what_they_lack(
    place: Place, database_of: DatabaseServer
) -> None:
    service, web, database = place
    metric = "of_dashboard"
    submit(service.client, metric, *(at(today() - timedelta(days=n), 1.0) for n in range(1, 40)))
    run_refresh_jobs(database)
    panels = [
        {"id": kind, "type": kind, "title": kind, "queries": [{"metric_name": metric}]}
        for kind in ("stat", "table", "line")
    ]
    layout = [{"panel": one["id"], "x": 0, "y": n, "w": 12, "h": 1} for n, one in enumerate(panels)]
    config = {"version": 1, "panels": panels, "layout": layout}
    body = {"name": "Late", "config": config | {"time_range": {"last": "last_30_days"}}}
    made = service.client.post("/api/dashboards", json=body).json()["data"]
    number = made["dashboard_id"] if "dashboard_id" in made else made["id"]
    submit(service.client, metric, at(today() - timedelta(days=20, minutes=-5), 5.0))
    shown = text_of(web.get(f"/dashboards/{number}"))
    assert shown.lower().count(WAITING.lower()) == 3 * (database_of.engine == "timescale")
    run_refresh_jobs(database)
    assert not says_late(text_of(web.get(f"/dashboards/{number}")))

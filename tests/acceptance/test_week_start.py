"""Weeks of an installation that begin on another day than Monday are the same everywhere, and move
with the setting alone.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import psycopg
import pytest

from tests.acceptance.access import ok
from tests.acceptance.reading import at, submit
from tests.acceptance.web import signed_in
from tests.conftest import DatabaseServer, Service, run_refresh_jobs, running_service

PAULO, TOKYO = ZoneInfo("America/Sao_Paulo"), ZoneInfo("Asia/Tokyo")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
# Every five hours of ten weeks, the newest half a week ago, so that weeks are no whole ones.
MOMENTS = [NOW - timedelta(hours=84 + 5 * n) for n in range(336)]
SAMPLES = [(moment, float(number % 17) - 3) for number, moment in enumerate(MOMENTS)]


def first_day(moment: datetime, zone: ZoneInfo, start: str) -> date:
    """The day of that name which the week of an instant began on."""
    day = moment.astimezone(zone).date()
    while WEEKDAYS[day.weekday()] != start:
        day -= timedelta(days=1)
    return day


def weeks(zone: ZoneInfo, start: str) -> dict[str, list[float]]:
    """The values of each week, oldest first, by its first day."""
    found: dict[str, list[float]] = {}
    for moment, value in sorted(SAMPLES):
        found.setdefault(str(first_day(moment, zone, start)), []).append(value)
    return found


COMPUTED: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "count": len,
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
    "avg": lambda values: sum(values) / len(values),
}


@pytest.fixture(scope="module")
def database_url(database_of: DatabaseServer) -> str:
    """In São Paulo, for services one after the other."""
    return database_of.new_database(PAULO.key)


@pytest.fixture(scope="module")
def sunday(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose weeks begin on Sunday, with the samples by hour and by day."""
    folder = tmp_path_factory.mktemp("sunday")
    with serving(folder, database_url, "sunday") as service:
        submit(service.client, "by_hour", *(at(*one, unit="BRL") for one in SAMPLES))
        submit(service.client, "by_day", *(at(*one, frequency="daily") for one in SAMPLES))
        run_refresh_jobs(database_url)
        yield service


def serving(folder: Path, url: str, start: str) -> AbstractContextManager[Service]:
    return running_service(folder, url, FATURE_TIMEZONE=PAULO.key, FATURE_WEEK_START=start)


def check_weeks(client: httpx2.Client, metric: str, zone: ZoneInfo, start: str) -> None:
    for aggregation, compute in COMPUTED.items():
        params = {"metric_name": metric, "period": "week", "aggregation": aggregation}
        found = client.get("/api/metrics/aggregate", params=params | {"tz": zone.key})
        rows = {row["period"]: row["value"] for row in ok(found)}
        expected = {week: compute(values) for week, values in weeks(zone, start).items()}
        assert rows == pytest.approx(expected), aggregation


def check_view(url: str, start: str) -> None:
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT (bucket AT TIME ZONE %s)::date::text, sum_value, sample_count, min_value, "
            "max_value, first_value, last_value, metric_name FROM analytics.metric_week",
            [PAULO.key],
        ).fetchall()
    for metric in ("by_hour", "by_day"):
        found = {week: figures for week, *figures, name in rows if name == metric}
        assert found == {
            week: [sum(one), len(one), min(one), max(one), one[0], one[-1]]
            for week, one in weeks(PAULO, start).items()
        }


def test_figures_of_weeks_are_those_of_their_days(sunday: Service, database_url: str) -> None:
    for metric, zone in (("by_hour", PAULO), ("by_hour", TOKYO), ("by_day", PAULO)):
        check_weeks(sunday.client, metric, zone, "sunday")
    check_view(database_url, "sunday")


def test_rankings_have_the_same_weeks(sunday: Service) -> None:
    week, values = sorted(weeks(PAULO, "sunday").items())[3]
    day = str(date.fromisoformat(week) + timedelta(days=6))
    asked = {"metric_name": "by_hour", "group_by": "region", "period": "week"}
    found = sunday.client.get(
        "/api/metrics/breakdown", params=asked | {"start_date": day, "end_date": day}
    )
    assert found.json()["total"]["value"] == sum(values)


def test_the_period_of_a_target_is_such_a_week(sunday: Service) -> None:
    target = {"name": "A week", "metric_name": "by_hour", "period": "week", "value": 1}
    made = ok(sunday.client.post("/api/targets", json=target))
    progress = ok(sunday.client.get(f"/api/targets/{made['id']}/progress"))
    start = datetime.fromisoformat(progress["start"])
    assert str(start.astimezone(PAULO).date()) == str(first_day(start, PAULO, "sunday"))
    assert datetime.fromisoformat(progress["end"]) - start == timedelta(days=7)


def test_rules_judge_such_weeks(sunday: Service) -> None:
    rule = {
        "rule_name": "Of a week",
        "metric_name": "by_hour",
        "condition": "<",
        "threshold_value": 10**6,
        "severity": "low",
        "window": "week",
        "days": 40,
    }
    tried = ok(sunday.client.post("/api/alerts/rules/test", json=rule))
    (reading,) = tried["now"]
    day = str(first_day(datetime.fromisoformat(reading["window_start"]), PAULO, "sunday"))
    assert reading["window_start"][:10] == day
    assert reading["value"] == sum(weeks(PAULO, "sunday")[day])


def test_pages_show_such_weeks(sunday: Service) -> None:
    with signed_in(sunday.client) as user:
        asked = {"metric_name": "by_hour", "period": "week", "range": "last_90_days"}
        lines = user.get("/explore.csv", params=asked).text.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == list(weeks(PAULO, "sunday"))


@pytest.mark.parametrize("start", ["saturday", "monday"])
def test_another_day_takes_a_start_and_nothing_more(
    sunday: Service, database_url: str, tmp_path: Path, start: str
) -> None:
    with serving(tmp_path, database_url, start) as other:
        check_weeks(other.client, "by_hour", PAULO, start)
        check_view(database_url, start)

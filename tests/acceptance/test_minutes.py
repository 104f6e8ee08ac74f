"""``period=minute``: what is submitted in real time, minute by minute."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.acceptance.reading import aggregate, ask, at, submit
from tests.acceptance.talk import refused
from tests.reference import start_of

UTC_ZONE = ZoneInfo("UTC")

MINUTE = timedelta(minutes=1)


def minute(back: int) -> datetime:
    """The start of a minute, so many before the one that is under way."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - back * MINUTE


def live(moment: datetime, value: float, **fields: Any) -> dict[str, Any]:
    """A sample in real time."""
    return at(moment, value, frequency="real_time", **fields)


def test_minutes_are_those_of_samples_in_real_time_only(api: httpx2.Client, metric: str) -> None:
    start = minute(90)
    drafts = [(start + timedelta(seconds=n * 17), n + 0.25) for n in range(40)]
    submit(api, metric, *(live(moment, value) for moment, value in drafts))
    submit(api, metric, at(start, 1000.0), at(start, 5000.0, frequency="daily"))
    expected: dict[datetime, float] = {}
    for moment, value in drafts:
        key = start_of(moment, "minute", UTC_ZONE)
        expected[key] = expected.get(key, 0.0) + value
    body = aggregate(api, metric, period="minute")
    assert {datetime.fromisoformat(one["start"]): one["value"] for one in body["data"]} == expected
    assert body["omitted_frequencies"] == ["daily", "hourly"]
    first = body["data"][0]
    assert first["period"] == first["start"] == f"{start:%Y-%m-%dT%H:%M:00Z}"
    assert first["end"] == f"{start + MINUTE:%Y-%m-%dT%H:%M:00Z}"
    assert first["complete"] is True


def test_a_range_is_widened_to_whole_minutes_and_gaps_are_filled(
    api: httpx2.Client, metric: str
) -> None:
    start = minute(30)
    submit(api, metric, live(start - timedelta(microseconds=1), 8.0), live(start, 1.0))
    submit(api, metric, live(start + 2 * MINUTE + timedelta(seconds=59), 2.0))
    asked = {
        "start_date": (start + timedelta(seconds=20)).isoformat(),
        "end_date": (start + 3 * MINUTE + timedelta(seconds=1)).isoformat(),
    }
    rows = aggregate(api, metric, period="minute", fill="zero", **asked)["data"]
    assert [row["value"] for row in rows] == [1.0, 0, 2.0, 0]
    local = aggregate(api, metric, period="minute", tz="America/Sao_Paulo", **asked)["data"]
    assert [(row["value"], row["start"][-6:]) for row in local] == [
        (1.0, "-03:00"),
        (2.0, "-03:00"),
    ]


def test_the_minute_under_way_is_not_complete(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {"frequency": "real_time"})
    (row,) = aggregate(api, metric, period="minute")["data"]
    is_over = datetime.fromisoformat(row["end"]) <= datetime.now(UTC)
    assert row["complete"] is False or is_over


def test_the_newest_minutes_are_kept_of_more_than_the_limit(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, *(live(minute(back), float(back)) for back in range(2, 8)))
    body = aggregate(api, metric, period="minute", limit=3)
    assert [row["value"] for row in body["data"]] == [4.0, 3.0, 2.0]
    assert body["truncated"] is True


def test_csv_has_the_same_minutes(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, live(minute(5), 2.5), live(minute(3), 3.5))
    params = {"metric_name": metric, "period": "minute"}
    text = api.get("/api/metrics/aggregate", params=params, headers={"Accept": "text/csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(one["period"], one["value"]) for one in rows] == [
        (f"{minute(5):%Y-%m-%dT%H:%M:00Z}", "2.5"),
        (f"{minute(3):%Y-%m-%dT%H:%M:00Z}", "3.5"),
    ]


def test_what_comes_more_rarely_has_no_minutes(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {})
    error = refused(ask(api, metric, period="minute"), 422)
    assert "no figures per minute" in error["details"][0]["message"]


def test_minutes_that_are_not_kept_are_refused_rather_than_shown_as_nothing(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, live(minute(2), 1.0))
    for days, status in ((29, 200), (40, 422)):
        start = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        answer = ask(api, metric, period="minute", start_date=start)
        assert answer.status_code == status, answer.text
    (problem,) = refused(answer, 422)["details"]
    assert problem["field"] == "start_date"
    assert "30 days" in problem["message"]


@pytest.mark.parametrize("period", ["second", "Minute", "minutes", ""])
def test_another_period_is_refused_with_those_that_there_are(
    api: httpx2.Client, metric: str, period: str
) -> None:
    error = refused(ask(api, metric, period=period), 422)
    assert "minute, hour, day, week" in error["details"][0]["message"].replace("'", "")


def test_a_level_of_the_range_has_every_series_that_goes_on(
    api: httpx2.Client, metric: str
) -> None:
    # Each every ten minutes, five apart.
    submit(
        api,
        metric,
        *(live(minute(back), 40.0, region="SP") for back in (25, 15, 5)),
        *(live(minute(back), 2.0, region="RJ") for back in (20, 10)),
    )
    rows = aggregate(
        api, metric, period="minute", aggregation="last", fill="previous", group_by="region"
    )["data"]
    assert [row["value"] for row in rows[-2:]] == [2.0, 40.0]

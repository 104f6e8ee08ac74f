"""``last`` adds up what still is: a label that was renamed or retired does not double a level."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.acceptance.reading import aggregate, at, figures, submit
from tests.clock import today

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def level(
    api: httpx2.Client, metric: str, start: datetime, hours: int, value: float, **labels: Any
) -> None:
    """A level that is submitted every hour."""
    samples = [
        at(start + n * HOUR, value, metric_type="user_activity", unit="users", **labels)
        for n in range(hours)
    ]
    submit(api, metric, *samples)


@pytest.mark.parametrize("period", ["day", "week", "month"])
@pytest.mark.parametrize("tz", [None, "Asia/Tokyo"])
def test_a_renamed_label_does_not_double_a_level(
    api: httpx2.Client, metric: str, period: str, tz: str | None
) -> None:
    change = today() - 9 * DAY + 7 * HOUR
    level(api, metric, change - 5 * DAY, 5 * 24, 100.0, region="SP")
    level(api, metric, change, 6 * 24, 100.0, region="Sao Paulo")
    values = figures(api, metric, period=period, **({"tz": tz} if tz else {}))
    assert set(values.values()) == {100.0}
    since = str((change - 3 * DAY).date())
    values = figures(api, metric, period=period, start_date=since)
    assert set(values.values()) == {100.0}


def test_what_pauses_for_two_of_its_steps_still_is(api: httpx2.Client, metric: str) -> None:
    start = today() - 4 * DAY
    level(api, metric, start, 24, 10.0, region="SP")
    level(api, metric, start, 22, 1.0, region="RJ")
    level(api, metric, start, 21, 1000.0, region="BA")
    assert figures(api, metric, period="day") == {str(start.date()): 11.0}


def test_a_daily_level_has_steps_of_days(api: httpx2.Client, metric: str) -> None:
    start = today() - 40 * DAY
    for day in range(28):
        fields: dict[str, Any] = {"metric_type": "user_activity", "frequency": "daily"}
        submit(api, metric, at(start + day * DAY, 5.0, region="SP", **fields))
        if day < 20:
            submit(api, metric, at(start + day * DAY, 70.0, region="RJ", **fields))
    last = list(figures(api, metric, period="month").values())[-1]
    assert last == 5.0


def test_each_group_has_the_last_level_of_its_own(api: httpx2.Client, metric: str) -> None:
    change = today() - 3 * DAY
    level(api, metric, change - DAY, 24, 100.0, region="SP", service_name="shop")
    level(api, metric, change - DAY, 12, 40.0, region="SP", service_name="old")
    level(api, metric, change, 24, 7.0, region="RJ", service_name="shop")
    rows = aggregate(api, metric, period="month", group_by="region")["data"]
    by_region: dict[str, list[float]] = {}
    for row in rows:
        by_region.setdefault(row["region"], []).append(row["value"])
    assert set(by_region["SP"]) == {100.0}
    assert set(by_region["RJ"]) == {7.0}

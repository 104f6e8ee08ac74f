"""What people of the demo add to its figures: right on any day it is loaded."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.commands.demo.history import past_events
from service.commands.demo.story import UNUSUAL, annotations_of, targets_of, tell_story

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
DAY = timedelta(days=1)
# Edges of months, quarters and a year, and days in between.
MOMENTS = [
    datetime(2026, 1, 1, 3, 0, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, tzinfo=UTC),
    datetime(2026, 3, 10, 17, 42, tzinfo=UTC),
    datetime(2026, 4, 1, 2, 59, tzinfo=UTC),
    datetime(2026, 12, 31, 12, 0, tzinfo=UTC),
    datetime(2028, 2, 29, 9, 30, tzinfo=UTC),
]


class Service:
    """Keeps what it is given, as the API does."""

    def __init__(self) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {}

    def entries(self, path: str, **_: str) -> list[dict[str, Any]]:
        return self.lists.get(path, [])

    def add(self, path: str, body: Mapping[str, Any]) -> None:
        entries = self.lists.setdefault(path, [])
        entries.append({"id": len(entries) + 1, **body})

    def change(self, path: str, body: Mapping[str, Any]) -> None:
        name, _, number = path.rpartition("/")
        self.lists[name][int(number) - 1].update(body)


@pytest.mark.parametrize("now", MOMENTS)
def test_targets_are_of_the_periods_under_way(now: datetime) -> None:
    targets = {target["name"]: target for target in targets_of(now, SAO_PAULO)}
    week, month = (targets[f"Revenue of the {period}"]["value"] for period in ("week", "month"))
    quarter = targets["Revenue of the quarter"]["value"]
    assert 3.5 < month / week < 5.2
    assert 3.0 < quarter / month < 4.2
    assert 0.05 < targets["Commission of the month"]["value"] / month < 0.1


@pytest.mark.parametrize("now", MOMENTS)
def test_a_sale_and_a_failing_pix_are_annotated_lately(now: datetime) -> None:
    found = list(annotations_of(now, SAO_PAULO))
    newest = {one["text"]: datetime.fromisoformat(one["from"]) for one in found}
    assert now - 31 * DAY <= newest["Flash sale of the evening"] <= now
    assert now - 9 * DAY <= newest["Pix fails at the bank"] <= now
    assert all(one["from"] < one["to"] for one in found)
    assert len({(one["text"], one["from"]) for one in found}) == len(found)


def test_a_second_run_adds_nothing_twice_and_sets_targets_anew() -> None:
    service = Service()
    now = MOMENTS[2]
    tell_story(service, now, SAO_PAULO)
    before = {path: [dict(one) for one in entries] for path, entries in service.lists.items()}
    tell_story(service, now + timedelta(minutes=5), SAO_PAULO)
    assert service.lists == before
    tell_story(service, now + 40 * DAY, SAO_PAULO)
    after = service.lists["/api/targets"]
    assert [one["name"] for one in after] == [one["name"] for one in before["/api/targets"]]
    assert [one["value"] for one in after] != [one["value"] for one in before["/api/targets"]]
    assert len(service.lists["/api/alerts/rules"]) == 1


def test_what_was_unusual_has_the_end_of_the_band_as_its_limit() -> None:
    compared = {"figure": 90.0, "expected": 200.0, "lower": 120.0, "upper": 280.0}
    event = dict.fromkeys(("value", "peak_value", "unit", "group", "window_start", "window_end"))
    times = {"opened_at": "2026-03-10T12:00:00Z", "resolved_at": "2026-03-10T15:00:00Z"}
    backtest = {
        "aggregation": "sum",
        "window": "hour",
        "events": [
            {**event, **times, "compared": compared},
            {**event, **times, "compared": compared | {"figure": 300.0}},
        ],
    }
    low, high = past_events({"id": 1, **UNUSUAL}, backtest, SAO_PAULO)
    assert (low["condition"], low["threshold_value"]) == ("<", 120.0)
    assert (high["condition"], high["threshold_value"]) == (">", 280.0)
    assert low["compared"] == compared

"""A dashboard's config is checked whole, and says what is wrong with it."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.panels.config import DashboardConfig

PANEL = {
    "id": "revenue",
    "type": "line",
    "title": "Revenue",
    "queries": [{"metric_name": "revenue_hourly"}],
}
PLACE = {"panel": "revenue", "x": 0, "y": 0, "w": 6, "h": 4}


def config(**changes: Any) -> dict[str, Any]:
    return {"panels": [PANEL], "layout": [PLACE], **changes}


def complaints(content: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        DashboardConfig.model_validate(content)
    return str(caught.value)


def test_what_is_left_out_has_a_default() -> None:
    read = DashboardConfig.model_validate(config())
    assert read.version == 1
    assert read.time_range.last == "last_30_days"
    assert read.refresh is None


def test_it_comes_out_as_it_went_in() -> None:
    content = config(
        variables=[{"name": "service", "label": "Service", "field": "service_name"}],
        panels=[PANEL | {"queries": [_filtered("$service")]}],
        time_range={"start_date": "2026-01-01", "end_date": "2026-01-31"},
    )
    once = DashboardConfig.model_validate(content).model_dump(mode="json")
    assert DashboardConfig.model_validate(once).model_dump(mode="json") == once
    assert once["time_range"]["end_date"] == "2026-01-31"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version"),
        ({"colour": "red"}, "colour"),
        ({"panels": [PANEL | {"type": "pie"}]}, "'line', 'bar', 'stat', 'table', 'alerts'"),
        ({"panels": [PANEL | {"queries": []}]}, "queries"),
        ({"panels": [PANEL | {"title": "a\0b"}]}, "title"),
        ({"panels": [PANEL, PANEL]}, "revenue is named twice"),
        ({"layout": []}, "layout must have one place for every panel"),
        ({"layout": [PLACE, PLACE | {"panel": "other"}]}, "one place for every panel"),
        ({"layout": [PLACE | {"x": 8}]}, "behind column 12"),
        ({"refresh": "7s"}, "refresh"),
        ({"time_range": {}}, "Give last, or both"),
        ({"time_range": {"last": "today", "start_date": "2026-01-01"}}, "Give last, or both"),
        (
            {"time_range": {"start_date": "2026-02-01", "end_date": "2026-01-01"}},
            "end_date is before start_date",
        ),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], words: str) -> None:
    assert words in complaints(config(**changes))


def test_a_filter_names_a_variable_that_exists() -> None:
    found = complaints(config(panels=[PANEL | {"queries": [_filtered("$service")]}]))
    assert "$service is no variable" in found


def _filtered(value: str) -> dict[str, Any]:
    return {"metric_name": "revenue_hourly", "filters": {"service_name": value}}

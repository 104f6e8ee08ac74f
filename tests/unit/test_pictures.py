"""Small pictures beside figures."""

from datetime import UTC, datetime

from service.health.history import Segment
from service.language.names import title_of
from service.web.sparkline import polylines, strip_paths

START = datetime(2025, 6, 14, tzinfo=UTC)


def test_a_metric_is_called_as_people_write_it() -> None:
    assert title_of("api_response_time") == "API response time"
    assert title_of("cost_per_api_call") == "Cost per API call"
    assert title_of("rapid_growth") == "Rapid growth"
    assert title_of("_") == "_"


def test_the_line_goes_from_lowest_to_highest() -> None:
    assert polylines([1, 3, 2], 100, 10) == ["0.0,10.0 50.0,0.0 100.0,5.0"]


def test_where_a_value_is_missing_the_line_is_interrupted() -> None:
    assert polylines([1, None, 2], 100, 10) == ["0.0,10.0", "100.0,0.0"]


def test_a_level_line_is_in_the_middle() -> None:
    assert polylines([5, 5], 100, 10) == ["0.0,5.0 100.0,5.0"]


def test_of_nothing_there_is_no_line() -> None:
    assert polylines([]) == polylines([None]) == []


def test_a_strip_shows_the_worst_of_each_segment() -> None:
    segments = [
        Segment(START, {"healthy": 60}),
        Segment(START, {"healthy": 59, "unhealthy": 1}),
        Segment(START, {}),
        Segment(START, {"degraded": 1, "healthy": 5}),
    ]
    assert strip_paths(segments) == {
        "healthy": "M0 0h3.2v10h-3.2z",
        "unhealthy": "M4 0h3.2v10h-3.2z",
        "unknown": "M8 0h3.2v10h-3.2z",
        "degraded": "M12 0h3.2v10h-3.2z",
    }

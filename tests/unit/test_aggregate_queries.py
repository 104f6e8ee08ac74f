"""Which aggregate queries are the same."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.explore.models import AggregateParams
from service.metrics.catalog import MetricEntry
from service.metrics.query.spec import AggregateQuery
from sql.errors import Invalid
from sql.scope import Scope

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
EVERYTHING = Scope()
DIMENSIONS = ("plan",)


def query(
    scope: Scope = EVERYTHING,
    dimensions: dict[str, str] | None = None,
    zone: ZoneInfo = SAO_PAULO,
    **params: Any,
) -> AggregateQuery:
    """The query of such a request for sales per day in June."""
    given = {"metric_name": "sales", "start_date": "2026-06-01", "end_date": "2026-06-30"} | params
    metric = MetricEntry(given["metric_name"], dimensions=DIMENSIONS)
    return AggregateParams.model_validate(given).query(metric, dimensions or {}, scope, zone)


@pytest.mark.parametrize(
    "params",
    [
        {"start_date": "2026-06-01T00:00:00-03:00"},
        {"start_date": "2026-06-01T15:00:00Z"},
        {"end_date": "2026-06-30T12:34:56.789-03:00"},
        {"end_date": "2026-07-01T02:59:59Z"},
        {"aggregation": "sum"},
    ],
)
def test_a_range_of_the_same_periods_is_the_same_query(params: dict[str, Any]) -> None:
    assert query(**params).key == query().key


@pytest.mark.parametrize(
    "asked",
    [
        {"start_date": "2026-06-01T02:59:59Z"},
        {"start_date": None},
        {"end_date": "2026-07-01T03:00:00Z"},
        {"end_date": None},
        {"period": "week"},
        {"aggregation": "avg"},
        {"group_by": ["region"]},
        {"group_by": ["region", "unit"]},
        {"fill": "zero"},
        {"limit": 1},
        {"unit": "BRL"},
        {"region": "BRL"},
        {"frequency": "daily"},
        {"scope": Scope("default", "shop")},
        {"scope": Scope("acme")},
        {"dimensions": {"plan": "pro"}},
        {"zone": ZoneInfo("America/Bahia")},
    ],
)
def test_anything_else_is_another_query(asked: dict[str, Any]) -> None:
    assert query(**asked).key != query().key


@pytest.mark.parametrize(
    "asked", [{"region": "a\0"}, {"metric_name": "\0"}, {"dimensions": {"plan": "\0b"}}]
)
def test_what_no_label_can_be_is_refused_before_others_are_asked_with_it(
    asked: dict[str, Any],
) -> None:
    with pytest.raises(Invalid) as refused:
        query(**asked)
    assert "NUL" in str(refused.value)


def test_both_halves_of_a_repeated_hour_end_at_instants_of_their_own() -> None:
    """In the zone they would be equal, and be read together as one."""
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (
        query(zone=berlin, period="hour", start_date=None, end_date=f"2026-10-25T0{hour}:30Z")
        for hour in (0, 1)
    )
    assert first.before is not None
    assert second.before is not None
    assert second.before - first.before == timedelta(hours=1)
    assert first.before != second.before
    assert first.key != second.key

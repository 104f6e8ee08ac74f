"""The largest groups of very many are found by whole weeks or months."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.metrics.query.ranking import ranking_of
from service.metrics.query.rollups import Buckets, RollupQuery
from sql.calendar import Period
from sql.vocabulary import Frequency

ZONE = ZoneInfo("America/Sao_Paulo")
# A Wednesday.
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 18, 3, tzinfo=UTC)


def whole(
    days: int | None, series: int, level: Period = "day", frequency: Frequency = "hourly"
) -> RollupQuery:
    """All of so many days up to the end of this one."""
    before = MIDNIGHT + timedelta(days=1)
    return RollupQuery(
        Buckets((frequency,), level, level, str(ZONE), before, whole=True, alive=True),
        before - timedelta(days=days) if days else None,
        "last",
        "{}",
        "{}",
        series,
        series,
        series,
    )


@pytest.mark.parametrize(
    ("days", "level", "coarser"),
    [
        (365, "day", "month"),
        (90, "day", "week"),
        (30, "hour", "week"),
        (14, "hour", "day"),
        (14, "day", "day"),
        (2, "hour", "hour"),
        (90, "week", "week"),
        (None, "hour", "month"),
    ],
)
def test_very_many_buckets_are_ranked_by_coarser_ones(
    days: int | None, level: Period, coarser: Period
) -> None:
    ranking = ranking_of(whole(days, 10_000, level), 24, ZONE)
    assert (ranking.buckets.level, ranking.buckets.period) == (coarser, coarser)
    assert ranking.buckets.largest
    assert not ranking.buckets.alive
    assert ranking.limit == 24


def test_their_range_is_widened_to_whole_ones_of_the_business_zone() -> None:
    ranking = ranking_of(whole(90, 10_000), 24, ZONE)
    # Mondays at midnight in São Paulo.
    assert ranking.since == datetime(2026, 8, 17, 3, tzinfo=UTC)
    assert ranking.buckets.before == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert ranking.since <= whole(90, 1).since  # type: ignore[operator]


def test_few_are_ranked_by_exactly_what_is_asked_for() -> None:
    asked = whole(90, 100)
    ranking = ranking_of(asked, 24, ZONE)
    assert (ranking.since, ranking.buckets.level) == (asked.since, "day")
    assert ranking.buckets.before == asked.buckets.before


def test_a_level_that_a_metric_has_not_is_not_asked_for() -> None:
    ranking = ranking_of(whole(3650, 100_000, "month", "monthly"), 24, ZONE)
    assert ranking.buckets.level == "month"

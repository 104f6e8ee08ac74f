"""Where rollups may lack samples that came late: of which series and ranges that is looked up."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.metrics.query.pending import Pending, Stretch, stretches
from service.metrics.query.ranges import Span

PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = Span(NOON - 7 * DAY, NOON)


def found(*pending: Pending, level: str = "day", span: Span = WEEK) -> list[Stretch]:
    return list(stretches(("hourly",), level, pending, [span], PAULO))  # type: ignore[arg-type]


def test_samples_are_looked_up_in_whole_buckets_of_the_business() -> None:
    late = Pending("rollup_hourly_day", NOON - DAY, NOON - DAY + HOUR)
    midnight = datetime(2026, 5, 19, 3, tzinfo=UTC)
    assert found(late) == [Stretch("hourly", "day", midnight, midnight + DAY)]
    of_hours = Pending("rollup_hourly_hour", NOON - DAY, NOON - DAY)
    assert found(of_hours) == [Stretch("hourly", "hour", NOON - DAY, NOON - DAY + HOUR)]


def test_rollups_that_figures_are_not_computed_from_do_not_matter() -> None:
    others = ("rollup_daily_day", "rollup_hourly_week", "rollup_real_time_hour", "something")
    assert found(*(Pending(name, NOON - DAY, NOON) for name in others)) == []
    assert found(Pending("rollup_hourly_day", NOON - DAY, NOON), level="hour") == []


def test_stretches_outside_the_range_do_not_matter() -> None:
    assert found(Pending("rollup_hourly_hour", NOON, NOON + HOUR)) == []
    assert found(Pending("rollup_hourly_hour", NOON - 9 * DAY, NOON - 8 * DAY)) == []
    (first,) = found(Pending("rollup_hourly_hour", NOON - 9 * DAY, NOON - 7 * DAY))
    assert (first.since, first.before) == (NOON - 7 * DAY, NOON - 7 * DAY + HOUR)


def test_what_overlaps_is_looked_up_once() -> None:
    late = [Pending("rollup_hourly_hour", NOON - n * HOUR, NOON - n * HOUR) for n in (2, 3, 3, 9)]
    assert [(one.since, one.before) for one in found(*late)] == [
        (NOON - 9 * HOUR, NOON - 8 * HOUR),
        (NOON - 3 * HOUR, NOON - HOUR),
    ]


def test_very_many_are_looked_up_as_one() -> None:
    late = [
        Pending("rollup_hourly_hour", NOON - n * HOUR, NOON - n * HOUR) for n in range(2, 99, 2)
    ]
    assert [(one.since, one.before) for one in found(*late)] == [
        (NOON - 98 * HOUR, NOON - HOUR),
    ]

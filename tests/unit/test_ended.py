"""From which rollups it is told when series ended: together they are the range, each part once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.metrics.query.ended import known_since, steps_of
from sql.calendar import Period
from sql.vocabulary import LEVELS, Frequency

NOW = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)
PAULO = ZoneInfo("America/Sao_Paulo")
ages = st.one_of(st.none(), st.integers(0, 5000))


@given(
    frequency=st.sampled_from(list(LEVELS)),
    period=st.sampled_from(["minute", "hour", "day", "week", "month"]),
    since=ages,
    before=ages,
)
def test_every_instant_of_a_range_is_read_once(
    frequency: Frequency, period: Period, since: int | None, before: int | None
) -> None:
    if period not in LEVELS[frequency]:
        return
    start = None if since is None else NOW - timedelta(days=since)
    end = None if before is None else NOW - timedelta(days=before)
    if start and end and start >= end:
        return
    parts = list(steps_of(frequency, period, start, end, known_since(NOW, period, PAULO)))
    assert parts
    assert parts[0].before == end
    assert parts[-1].since == start
    for newer, older in pairwise(parts):
        assert newer.since == older.before
    assert all(one.since is None or one.before is None or one.since < one.before for one in parts)


@pytest.mark.parametrize(
    ("frequency", "period", "days", "levels"),
    [
        ("hourly", "day", 10, ["hour"]),
        ("hourly", "month", 10, ["hour"]),
        ("hourly", "month", 1000, ["hour", "day"]),
        ("real_time", "week", 4000, ["hour", "day", "week"]),
        ("hourly", "hour", 10, ["hour"]),
        ("real_time", "minute", 10, ["minute"]),
        ("daily", "day", 10, ["day"]),
        ("daily", "month", 10, ["day"]),
        ("monthly", "month", 10, ["month"]),
    ],
)
def test_ends_are_told_as_exactly_as_rollups_are_kept(
    frequency: Frequency, period: Period, days: int, levels: list[str]
) -> None:
    known = known_since(NOW, period, PAULO)
    parts = steps_of(frequency, period, NOW - timedelta(days=days), None, known)
    assert [part.level for part in parts] == levels


def test_who_was_silent_for_some_minutes_has_not_ended() -> None:
    known = known_since(NOW, "minute", PAULO)
    (part,) = steps_of("real_time", "minute", None, None, known)
    assert part.step == "hour"

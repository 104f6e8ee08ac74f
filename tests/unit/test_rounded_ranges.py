"""Ranges in the texts of statements: rounded, so that plans can be kept."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.metrics.query.ranges import rounded

NOW = datetime(2026, 3, 4, 15, 16, 17, tzinfo=UTC)
HOUR = timedelta(hours=1)
ages = st.timedeltas(timedelta(days=-30), timedelta(days=3000))


@given(since=ages, length=st.timedeltas(timedelta(seconds=1), timedelta(days=3000)))
def test_a_range_is_within_the_rounded_one_which_is_little_longer(
    since: timedelta, length: timedelta
) -> None:
    first, end = NOW - since, NOW - since + length
    start, stop = rounded(first, end, NOW)
    slack = max(length / 8, HOUR)
    assert start is not None
    assert first - slack < start <= first
    assert stop is None or end <= stop < end + slack


@pytest.mark.parametrize("days", [1, 7, 30, 90, 365])
def test_the_last_days_are_the_same_for_a_sixteenth_of_them(days: int) -> None:
    length = timedelta(days=days)
    starts = {
        rounded(NOW + age * HOUR - length, None, NOW + age * HOUR) for age in range(24 * days)
    }
    assert 9 <= len(starts) <= 17


def test_only_an_end_that_has_passed_is_in_it() -> None:
    assert rounded(None, NOW + HOUR, NOW) == (None, None)
    assert rounded(None, None, NOW) == (None, None)
    assert rounded(None, NOW - 2 * HOUR, NOW) == (None, NOW.replace(hour=14, minute=0, second=0))

"""When a failed notification is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.base import TransportError
from alerts.channels.http import retry_after
from alerts.retries import MAX_ATTEMPTS, MAX_HELD, backoff, refused
from sql.messages import Message

NOW = datetime(2025, 6, 14, 15, tzinfo=UTC)
AGE = timedelta(hours=1)


def test_ten_attempts_take_about_a_day() -> None:
    total = sum(backoff(attempt, None, 0.5) for attempt in range(1, MAX_ATTEMPTS))
    assert timedelta(hours=18) < timedelta(seconds=total) < timedelta(hours=30)
    assert [backoff(attempt, None, 0.5) for attempt in (1, 2, 3)] == [1, 4, 16]


@given(st.integers(1, 10), st.floats(0, 1, exclude_max=True))
def test_the_jitter_is_a_fifth(attempt: int, random: float) -> None:
    middle = backoff(attempt, None, 0.5)
    assert 0.8 * middle <= backoff(attempt, None, random) <= 1.2 * middle


def test_a_receiver_may_ask_for_longer_but_not_for_ever() -> None:
    assert backoff(1, 120, 0.5) == 120
    assert backoff(5, 1, 0.5) == 256
    assert backoff(1, 1e9, 0.5) == 6 * 3600


def test_what_may_pass_is_tried_again_until_the_tenth_attempt() -> None:
    error = TransportError(Message("answered 500"), permanent=False)
    ninth = refused(error, 9, AGE, NOW, 0.5)
    assert (ninth.outcome, ninth.status) == ("failed", "waiting")
    assert ninth.next_attempt_at is not None
    assert ninth.next_attempt_at > NOW
    tenth = refused(error, 10, AGE, NOW, 0.5)
    assert (tenth.outcome, tenth.status, tenth.next_attempt_at) == ("dead", "dead", None)
    assert str(tenth.detail) == "answered 500; given up after 10 attempts"


def test_what_will_not_pass_is_given_up_at_once() -> None:
    verdict = refused(TransportError(Message("answered 404"), permanent=True), 1, AGE, NOW, 0.5)
    assert (verdict.status, str(verdict.detail)) == ("dead", "answered 404")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sat, 14 Jun 2025 15:01:00 GMT", 60.0),
        ("Sat, 14 Jun 2025 14:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(("asked", "seconds"), [(20.0, 20), (None, 30), (0.0, 1), (1e9, 6 * 3600)])
def test_who_says_429_is_held_back_and_the_attempt_does_not_count(
    asked: float | None, seconds: float
) -> None:
    error = TransportError(Message("answered 429"), permanent=False, retry_after=asked, held=True)
    for attempt in (1, 10):
        verdict = refused(error, attempt, AGE, NOW, 0.5)
        assert verdict.status == "waiting"
        assert verdict.held_until == verdict.next_attempt_at == NOW + timedelta(seconds=seconds)
    late = refused(error, 1, MAX_HELD, NOW, 0.5)
    assert (late.status, late.held_until) == ("dead", None)

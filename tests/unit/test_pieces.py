"""A range in pieces: whole buckets that follow each other, materialised ones apart."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.metrics.query.comparison import compared_spans
from service.metrics.query.pieces import limits_of, pieces_of
from service.metrics.query.ranges import Span
from sql import calendar
from sql.calendar import Period
from sql.vocabulary import Comparison

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "America/Sao_Paulo", "America/New_York"]).map(ZoneInfo)
instants = st.integers(0, 25_000).map(lambda hours: NOW - timedelta(hours=hours))


def limits(zone: ZoneInfo, until: datetime) -> dict[Period, datetime]:
    levels: tuple[Period, ...] = ("hour", "day", "week")
    return {level: calendar.floor(until, level, zone).astimezone(UTC) for level in levels}


@given(ZONES, instants, instants, instants, st.sampled_from(["hour", "day"]))
def test_pieces_are_the_range(
    zone: ZoneInfo, one: datetime, other: datetime, until: datetime, level: Period
) -> None:
    since = calendar.floor(min(one, other), level, zone).astimezone(UTC)
    before = calendar.ceiling(max(one, other), level, zone).astimezone(UTC)
    known = limits(zone, until)
    found = pieces_of(Span(since, before), level, known, zone)
    in_order = sorted(found.all, key=lambda piece: piece.since)
    if since == before:
        assert not in_order
        return
    assert (in_order[0].since, in_order[-1].before) == (since, before)
    assert all(first.before == following.since for first, following in pairwise(in_order))
    for piece in in_order:
        assert calendar.floor(piece.since, piece.level, zone).astimezone(UTC) == piece.since
    assert all(piece.before <= known[piece.level] for piece in found.settled)
    assert all(piece.since >= known[piece.level] for piece in found.live)


def test_ninety_days_are_a_few_pieces() -> None:
    zone = ZoneInfo("UTC")
    span = Span(datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    found = pieces_of(span, "day", limits(zone, NOW), zone)
    assert [piece.level for piece in found.settled] == ["day", "week", "hour"]
    assert [piece.level for piece in found.live] == ["hour"]


def test_where_nothing_is_materialised_the_range_is_one_piece() -> None:
    span = Span(NOW - timedelta(days=90), NOW)
    found = pieces_of(span, "hour", limits_of(("hourly",), {}), ZoneInfo("UTC"))
    assert (found.settled, [piece.level for piece in found.live]) == ((), ["hour"])


@pytest.mark.parametrize(
    ("comparison", "since", "before"),
    [
        ("previous_period", "2026-10-01T00:00", "2026-10-30T12:00"),
        ("previous_day", "2026-10-31T00:00", "2026-11-29T12:00"),
        ("previous_week", "2026-10-25T00:00", "2026-11-23T12:00"),
        ("previous_year", "2025-11-02T00:00", "2025-12-01T12:00"),
    ],
)
def test_a_month_so_far_is_compared_with_as_much(
    comparison: Comparison, since: str, before: str
) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    start, end = datetime(2026, 11, 1, tzinfo=zone), datetime(2026, 12, 1, tzinfo=zone)
    span = Span(start.astimezone(UTC), end.astimezone(UTC), "month")
    (found,) = compared_spans(comparison, span, NOW.replace(hour=15), zone)
    right = [
        datetime.fromisoformat(one).replace(tzinfo=zone).astimezone(UTC) for one in (since, before)
    ]
    assert [found.since, found.before] == right


def test_a_month_is_compared_with_no_more_than_a_shorter_one() -> None:
    zone = ZoneInfo("UTC")
    span = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), "month")
    until = datetime(2026, 3, 30, tzinfo=UTC)
    (found,) = compared_spans("previous_period", span, until, zone)
    assert (found.since, found.before) == (datetime(2026, 2, 1, tzinfo=UTC), span.since)

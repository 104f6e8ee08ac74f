"""Cursors lead back to where a page ended, in their own list alone."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.pagination import cursor_of, position_of
from sql.errors import Invalid

AT = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)


@given(
    at=st.datetimes(timezones=st.just(UTC)), number=st.integers(min_value=0, max_value=2**63 - 1)
)
def test_a_cursor_keeps_its_position_to_the_microsecond(at: datetime, number: int) -> None:
    assert position_of("events", cursor_of("events", at, number)) == (at, number)


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Invalid, match="another list"):
        position_of("audit", cursor_of("events", AT, 7))


@given(text=st.text(max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        position_of("events", text)


@pytest.mark.parametrize(
    "parts", ["[]", '["events",1]', '["events",1,2,3]', '["events",1,-1]', '["events",1e300,1]']
)
def test_what_is_no_position_is_refused(parts: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        position_of("events", urlsafe_b64encode(parts.encode()).decode())

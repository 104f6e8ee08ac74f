"""In what form an answer is wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from service.http.responses import wants_csv


def request(*accept: str) -> Request:
    """A request with those Accept headers."""
    headers = [(b"accept", one.encode("latin-1")) for one in accept]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("accept", "csv"),
    [
        ([], False),
        ([""], False),
        (["*/*"], False),
        (["text/*"], False),
        (["application/json"], False),
        (["text/csv"], True),
        (["Text/CSV"], True),
        (["text/csv; header=present"], True),
        (["text/csv, */*"], True),
        (["text/csv;q=0.1, */*"], True),
        (["text/csv;q=0"], False),
        (["text/csv; Q=0.0, */*"], False),
        (["application/json, text/csv;q=0.1"], False),
        (["application/json;q=0.5, text/csv;q=0.9"], True),
        (["application/json;q=0, text/csv;q=0.1"], True),
        (["application/json", "text/csv;q=0.9"], False),
        (["application/json, text/csv"], True),
        (["text/csvx"], False),
        (["application/x;as=text/csv"], False),
        (["text/csv;q=much"], False),
    ],
)
def test_csv_is_answered_where_it_is_wanted_by_name(accept: list[str], csv: bool) -> None:
    assert wants_csv(request(*accept)) is csv


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_header_can_be_read(text: str) -> None:
    wants_csv(request(f"text/csv;{text}"))
    wants_csv(request(text))

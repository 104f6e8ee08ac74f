"""In what form an answer is wanted, and CSV."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from service.http.responses import csv_response, wants_csv


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


def written(*cells: object) -> list[str]:
    """Those cells of a row as a spreadsheet reads them."""
    names = [f"c{number}" for number in range(len(cells))]
    body = csv_response(names, [dict(zip(names, cells, strict=True))]).body
    header, row = csv.reader(io.StringIO(bytes(body).decode(), newline=""))
    assert header == names
    return row


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_text_that_a_spreadsheet_would_run_is_neutralised(start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    assert written(text) == [f"'{text}"]


def test_numbers_stay_numbers_and_other_text_stays_as_it_is() -> None:
    assert written(-1.5, 0, 1e-7, "a=b", "São Paulo", "", None, {"=a": -1}, True) == [
        *("-1.5", "0", "1e-07", "a=b", "São Paulo", "", "", '{"=a":-1}', "true"),
    ]


def test_a_column_named_like_a_formula_is_neutralised() -> None:
    assert bytes(csv_response(["-1+1", "value"], []).body) == b"'-1+1,value\r\n"

"""CSV as people have it, read as rows to compare with."""

from typing import Any

import pytest

from service.corrections.csv_file import rows_of
from sql.errors import Invalid


def cells(text: str) -> list[dict[str, Any]]:
    return [row.cells for row in rows_of(text.encode())]


def problems(text: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        rows_of(text.encode())
    return [str(problem.message) for problem in caught.value.problems]


def test_commas_and_points() -> None:
    text = (
        'period,value,count,region\r\n2026-11-01,1234.5,12,"São Paulo, SP"\r\n2026-11-02,-3,,\r\n'
    )
    assert cells(text) == [
        {"period": "2026-11-01", "value": 1234.5, "count": 12, "region": "São Paulo, SP"},
        {"period": "2026-11-02", "value": -3.0, "count": None, "region": None},
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.234,56", 1234.56),
        ("1234,56", 1234.56),
        ("-1.234.567,8", -1234567.8),
        ("1234", 1234.0),
        ("0,5", 0.5),
        ("12.3", 12.3),
        ("1234.567", 1234.567),
        ("1.234", None),
        ("1.23,4", None),
        ("1,234,5", None),
        ("R$ 5", None),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
    ],
)
def test_with_semicolons_numbers_have_a_decimal_comma(cell: str, value: float | None) -> None:
    text = f"\ufeffperiod;value\n2026-11-01;{cell}\n"
    if value is None:
        (problem,) = problems(text)
        assert problem.startswith(f"Line 2: '{cell}' is no number")
    else:
        assert cells(text) == [{"period": "2026-11-01", "value": value}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "The first line has to name the columns period and value or count"),
        ("day,value\n", "The first line has to name the columns period and value or count"),
        ("period,region\n", "The first line has to name the columns period and value or count"),
        ("period,value,value\n", "Each column needs a name of its own"),
        ("period,value\n", "The file has no rows"),
        ("period,value\n2026-11-01\n", "Line 2: It has another number of columns than the first"),
        ("period,value\na,1,2\n", "Line 2: It has another number of columns than the first"),
        ("period,value\na,1\n\n,2\n", "Line 4: The period is missing"),
        ("period,count\n\na,-1\n", "Line 3: A count cannot be negative"),
        ("period,count\na,1.5\n", "Line 2: '1.5' is no number that can be only one (count)"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_rows_know_their_lines() -> None:
    text = 'period,value,region\na,1,SP\n\n"b",2,"R\nJ"\nc,3,\n'
    assert [row.line for row in rows_of(text.encode())] == [2, 5, 6]


def test_other_encodings_are_refused() -> None:
    with pytest.raises(Invalid, match="not UTF-8"):
        rows_of("period,value,region\n1,2,São".encode("latin-1"))

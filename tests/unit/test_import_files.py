"""CSV files as people have them: maps, numbers, times; what could be two is asked for."""

import json
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.commands.importing.cells import BadCell, instant_of, number_of
from service.commands.importing.file_map import BadMap, read_map
from service.commands.importing.rows import BadFile, MappedFile, form_of
from service.commands.importing.send import ImportClient, NotImported
from tests.receivers import Reply, web_receiver

MAP = """
columns:
  timestamp: Data
  value: Valor
values:
  metric_name: revenue_hourly
  metric_type: revenue
  frequency: hourly
keep:
  Status: [pago]
time: dd/mm/yyyy
zone: America/Sao_Paulo
"""


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("12", None, 12.0),
        ("-1.5", None, -1.5),
        ("1,50", None, 1.5),
        ("R$ 1.234,56", None, 1234.56),
        ("$1,234.56", None, 1234.56),
        ("-R$ 7,00", None, -7.0),
        ("1.234.567", None, 1234567.0),
        ("0.1234", None, 0.1234),
        ("1.234", "comma", 1234.0),
        ("1.234", "point", 1.234),
        ("1,234", "point", 1234.0),
    ],
)
def test_numbers(text: str, decimal: str | None, value: float) -> None:
    assert number_of(text, decimal) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("1.234", None),
        ("1,234", None),
        ("12.34.5", "comma"),
        ("abc", None),
        ("", None),
        ("1e5", None),
    ],
)
def test_what_is_no_number_or_two(text: str, decimal: str | None) -> None:
    with pytest.raises(BadCell):
        number_of(text, decimal)  # type: ignore[arg-type]


def test_times() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    assert instant_of("31/12/2024 21:30", "dd/mm/yyyy", zone) == "2025-01-01T00:30:00+00:00"
    assert instant_of("12/31/2024", "mm/dd/yyyy", zone) == "2024-12-31T03:00:00+00:00"
    assert instant_of("2024-12-31T10:00:00Z", "iso", None) == "2024-12-31T10:00:00+00:00"
    with pytest.raises(BadCell, match="zone"):
        instant_of("2024-12-31T10:00:00", "iso", None)
    with pytest.raises(BadCell):
        instant_of("31/12/2024", "mm/dd/yyyy", zone)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_rows_keep_their_lines_and_others_are_left_out(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "orders.csv"
    text = (
        "Data;Valor;Status;Obs\r\n"
        "01/02/2025 10:00;R$ 1.234,56;pago;São\r\n"
        "01/02/2025 11:00;2,00;cancelado;x\r\n"
        "01/02/2025 12:00;3,00;pago;y\r\n"
    )
    file.write_bytes(text.encode(encoding))
    given = read_map(MAP.encode())
    form = form_of(file, given)
    assert form == (encoding.removesuffix("-sig"), ";")
    mapped = MappedFile(file, given, form)
    assert mapped.check() == 2
    lines = b"".join(mapped.lines()).split(b"\n")
    assert [number for number, line in enumerate(lines, 1) if line] == [2, 4]
    assert json.loads(lines[1])["value"] == 1234.56
    assert json.loads(lines[3])["timestamp"] == "2025-02-01T15:00:00+00:00"
    assert mapped.left_out == 1


def test_what_is_wrong_with_rows_is_named_by_lines(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("Data;Valor;Status\n01/02/2025;1.234;pago\n32/02/2025;1;pago\n")
    given = read_map(MAP.encode())
    with pytest.raises(BadFile) as error:
        MappedFile(file, given, form_of(file, given)).check()
    assert "line 2: '1.234' can be two numbers: say decimal" in str(error.value)
    assert "line 3: '32/02/2025' is no time" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAP + "colour: red\n", "line 13: colour: Extra inputs"),
        (MAP.replace("America/Sao_Paulo", "Brasilia"), "line 12: zone: Brasilia is no time zone"),
        (MAP.replace("  value: Valor\n", ""), "neither columns nor values have value"),
        (MAP.replace("  value:", "  price:"), "line 3: columns: price is none of"),
        (MAP + "zone: UTC\n", "zone is there already"),
    ],
)
def test_what_is_wrong_with_a_map_is_named_by_its_line(text: str, message: str) -> None:
    with pytest.raises(BadMap) as error:
        read_map(text.encode())
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (502, b"<html>Bad Gateway</html>", "the service answered 502: Bad Gateway"),
        (200, b"<html>Welcome</html>", "the service answered 200: OK"),
        (409, b'{"error": {"message": "Other rows", "details": []}}', "answered 409: Other rows"),
        (
            422,
            b'{"error": {"message": "Invalid", "details": ['
            b'{"index": null, "field": "file", "message": "None is a sample"}, '
            b'{"index": 7, "field": "value", "message": "Expected a number"}, '
            b'{"index": 8, "field": null, "message": "It is no JSON"}]}}',
            "^None is a sample\nline 7: value: Expected a number\nline 8: It is no JSON$",
        ),
    ],
)
def test_a_refusal_says_why_and_of_which_line(status: int, body: bytes, said: str) -> None:
    with (
        web_receiver(Reply(status, body=body)) as receiver,
        closing(ImportClient(f"http://127.0.0.1:{receiver.port}", "key")) as client,
        pytest.raises(NotImported, match=said),
    ):
        client.wait(1)

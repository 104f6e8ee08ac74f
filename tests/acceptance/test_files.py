"""Answers as files for people: CSV as a spreadsheet of their language opens it, and XLSX."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from string import ascii_uppercase
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from tests.acceptance.reading import at, query, submit
from tests.acceptance.talk import places, refused
from tests.acceptance.web import signed_in

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NOON = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=30, second=5, microsecond=0)
FORMULA = "=HYPERLINK(1)"
_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def sold(api: httpx2.Client, metric: str) -> str:
    submit(
        api,
        metric,
        at(NOON, 1234.5, region="SP", unit="BRL"),
        at(NOON, -0.25, region=FORMULA, unit="BRL"),
    )
    return metric


def fetch(api: httpx2.Client, path: str, metric: str, **params: Any) -> httpx2.Response:
    answer = api.get(f"/api/metrics/{path}", params={"metric_name": metric, **params})
    assert answer.status_code == 200, answer.text
    assert re.match(r'attachment; filename="metric_\w+\.', answer.headers["Content-Disposition"])
    return answer


def cells(answer: httpx2.Response) -> list[list[str]]:
    """Every cell of the workbook of an answer."""
    return cells_of(answer.content)


def cells_of(workbook: bytes) -> list[list[str]]:
    """Every cell of a workbook as a text, sheet after sheet."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        names = sorted(name for name in book.namelist() if name.startswith("xl/worksheets/sheet"))
        trees = [ET.fromstring(book.read(name)) for name in names]
    return [_texts(row) for tree in trees for row in tree.iter(f"{_NS}row")]


def _texts(row: ET.Element) -> list[str]:
    """By column; a cell that is empty is not there."""
    by_column = {cell.attrib["r"][0]: "".join(cell.itertext()) for cell in row}
    return [by_column.get(column, "") for column in ascii_uppercase[: ord(max(by_column)) - 64]]


@pytest.mark.parametrize("path", ["query", "aggregate", "breakdown"])
def test_a_format_by_its_name_goes_before_the_header_accept(
    api: httpx2.Client, sold: str, path: str
) -> None:
    params = {"metric_name": sold, "group_by": "region", "format": "json"}
    if path == "query":
        del params["group_by"]
    csv = {"Accept": "text/csv"}
    answer = api.get(f"/api/metrics/{path}", params=params, headers=csv)
    assert len(answer.json()["data"]) == 2
    del params["format"]
    answer = api.get(f"/api/metrics/{path}", params=params, headers=csv)
    assert answer.headers["Content-Type"].startswith("text/csv")


def test_csv_opens_in_a_brazilian_spreadsheet(api: httpx2.Client, sold: str) -> None:
    answer = fetch(api, "query", sold, format="csv", locale="pt-BR")
    assert answer.content.startswith("\N{BYTE ORDER MARK}".encode())
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")), delimiter=";"))
    assert {(row["region"], row["value"]) for row in rows} == {
        ("SP", "1234,5"),
        (f"'{FORMULA}", "-0,25"),
    }
    assert {row["timestamp"] for row in rows} == {f"{NOON:%d/%m/%Y %H:%M:%S}"}


def test_csv_without_a_language_is_for_programs(api: httpx2.Client, sold: str) -> None:
    answer = fetch(api, "query", sold, format="csv")
    plain = api.get(
        "/api/metrics/query", params={"metric_name": sold}, headers={"Accept": "text/csv"}
    )
    assert answer.text == plain.text


@pytest.mark.parametrize("path", ["query", "aggregate", "breakdown"])
def test_a_workbook_has_numbers_as_numbers_and_no_formulas(
    api: httpx2.Client, sold: str, path: str
) -> None:
    params = {"group_by": "region"} if path != "query" else {}
    answer = fetch(api, path, sold, format="xlsx", **params)
    assert answer.headers["Content-Type"] == XLSX
    heading, *rows = cells(answer)
    value, region = heading.index("value"), heading.index("region")
    assert {(row[region], float(row[value])) for row in rows} == {("SP", 1234.5), (FORMULA, -0.25)}
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_days_of_a_file_are_those_of_the_answer(api: httpx2.Client, sold: str) -> None:
    answer = fetch(api, "aggregate", sold, format="csv", locale="pt-BR")
    (row,) = csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")), delimiter=";")
    assert row["period"] == f"{NOON:%Y-%m-%d}"
    assert (row["value"], row["start"]) == ("1234,25", f"{NOON:%d/%m/%Y} 00:00:00")


def test_a_file_has_more_samples_than_a_page(api: httpx2.Client, metric: str) -> None:
    for first in range(0, 12_000, 1000):
        moments = [NOON + timedelta(seconds=number) for number in range(first, first + 1000)]
        submit(api, metric, *(at(one, 1.0) for one in moments))
    answer = fetch(api, "query", metric, format="csv", limit=1_000_000, order="asc")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len({row["id"] for row in rows}) == len(rows) == 12_000
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    few = fetch(api, "query", metric, format="xlsx", limit=10_500)
    assert len(cells(few)) == 10_501
    error = refused(
        api.get("/api/metrics/query", params={"metric_name": metric, "limit": 10_001}), 422
    )
    assert places(error) == [(None, "limit")]
    assert query(api, metric, limit=1)["count"] == 1


def test_what_is_wrong_with_a_file_is_an_error(api: httpx2.Client, sold: str) -> None:
    params = {"metric_name": sold, "group_by": "region", "period": "hour", "format": "csv"}
    submit(api, sold, at(NOON, 1.0, unit="BRL"))
    answer = api.get("/api/metrics/breakdown", params={**params, "cursor": "nonsense"})
    assert places(refused(answer, 422)) == [(None, "cursor")]
    answer = api.get("/api/metrics/query", params={"metric_name": sold, "format": "pdf"})
    assert places(refused(answer, 422)) == [(None, "format")]


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    with signed_in(api) as client:
        yield client


def test_the_explorer_has_its_figures_and_ranking_as_workbooks(
    web: httpx2.Client, sold: str
) -> None:
    params = {"metric_name": sold, "range": "last_7_days", "group_by": "region"}
    figures = cells(web.get("/explore/file", params=params))
    assert figures[0] == ["period", "region", "value", "start", "end", "complete"]
    assert len(figures) == 3
    ranking = cells(web.get("/explore/file", params={**params, "what": "ranking"}))
    assert [row[:2] for row in ranking[1:]] == [["SP", "1234.5"], [FORMULA, "-0.25"]]


def test_a_brazilian_reader_gets_csv_as_a_spreadsheet_there_opens_it(
    web: httpx2.Client, sold: str
) -> None:
    web.headers["Accept-Language"] = "pt-BR"
    page = web.get("/explore", params={"metric_name": sold, "range": "last_7_days"})
    (link,) = re.findall(r'href="(/explore/file[^"]*format=csv[^"]*)"', page.text)
    answer = web.get(link.replace("&amp;", "&"))
    assert "1234,25" in answer.text


def picture_of(web: httpx2.Client, address: str, kind: str) -> httpx2.Response:
    answer = web.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == {"png": "image/png", "svg": "image/svg+xml"}[kind]
    assert re.match(
        rf'attachment; filename="[\w.-]+\.{kind}"', answer.headers["Content-Disposition"]
    )
    return answer


def links_to_pictures(text: str, start: str) -> dict[str, str]:
    """The addresses of pictures on a page, by format."""
    found = re.findall(rf'href="({start}[^"]*format=(png|svg))"', text)
    return {kind: address.replace("&amp;", "&") for address, kind in found}


def test_the_explorers_chart_is_downloaded_as_a_picture(web: httpx2.Client, sold: str) -> None:
    params = {"metric_name": sold, "range": "last_7_days", "group_by": "region"}
    links = links_to_pictures(web.get("/explore", params=params).text, "/explore/picture")
    picture = ET.fromstring(picture_of(web, links["svg"], "svg").text)
    assert {"SP", FORMULA} <= {"".join(text.itertext()) for text in picture}
    assert picture_of(web, links["png"], "png").content.startswith(b"\x89PNG")


def test_a_panels_chart_is_downloaded_as_a_picture_in_the_readers_formats(
    api: httpx2.Client, web: httpx2.Client, sold: str
) -> None:
    panel = {
        "id": "sales",
        "type": "bar",
        "title": "Sales <all>",
        "queries": [{"metric_name": sold}],
    }
    config = {"panels": [panel], "layout": [{"panel": "sales", "x": 0, "y": 0, "w": 6, "h": 3}]}
    made = api.post("/api/dashboards", json={"name": f"Of {sold}", "config": config})
    path = f"/dashboards/{made.json()['data']['id']}"
    web.headers["Accept-Language"] = "pt-BR"
    links = links_to_pictures(web.get(path, params={"range": "last_7_days"}).text, path)
    picture = ET.fromstring(picture_of(web, links["svg"], "svg").text)
    shown = {"".join(text.itertext()) for text in picture}
    assert "Sales <all>" in shown
    assert any("Soma" in text for text in shown)
    assert any(re.fullmatch(r"R\$\s500|R\$\s1 mil", text) for text in shown)


def test_of_nothing_there_is_no_picture(web: httpx2.Client, metric: str) -> None:
    submitted = {"metric_name": "revenue_hourly", "range": "today", "filter.region": metric}
    assert web.get("/explore/picture", params=submitted).status_code == 404
    assert web.get("/explore/picture", params={**submitted, "format": "gif"}).status_code == 422

"""Imports of history: streams, what they count, what they reject, what comes twice."""

import csv
import gzip
import io
import json
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import httpx2
import pytest

from service.commands.importing.command import run_import
from tests.acceptance.access import with_new_key
from tests.conftest import ADMIN_KEY, Service

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def days_ago(days: float) -> datetime:
    return (NOW - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)


def row(metric: str, ts: datetime, value: float, **fields: Any) -> dict[str, Any]:
    return {
        "metric_name": metric,
        "metric_type": "revenue",
        "frequency": "hourly",
        "value": value,
        "timestamp": ts.isoformat(),
        **fields,
    }


def ndjson(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in rows).encode()


def send(
    api: httpx2.Client, content: bytes, key: str | None = None, **headers: str
) -> httpx2.Response:
    named = {"Content-Type": "application/x-ndjson", "X-Import-Id": key or secrets.token_hex(8)}
    return api.post("/api/imports", content=content, headers=named | headers)


def send_csv(api: httpx2.Client, text: str) -> httpx2.Response:
    headers = {"Content-Type": "text/csv"}
    return api.post("/api/imports", content=text.encode(), headers=headers)


def done(api: httpx2.Client, answer: httpx2.Response, seconds: float = 90) -> dict[str, Any]:
    """The import once its figures are right."""
    assert answer.status_code == 202, answer.text
    number = answer.json()["data"]["id"]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        data: dict[str, Any] = api.get(f"/api/imports/{number}").json()["data"]
        if data["status"] == "done":
            return data
        time.sleep(0.1)
    pytest.fail(f"not done: {data}")


def figures(
    api: httpx2.Client, metric: str, period: str = "day", aggregation: str = "sum"
) -> dict[str, float]:
    params = {
        "metric_name": metric,
        "period": period,
        "aggregation": aggregation,
        "start_date": "2015-01-01",
        "end_date": NOW.date().isoformat(),
        "limit": "10000",
    }
    answer = api.get("/api/metrics/aggregate", params=params)
    assert answer.status_code == 200, answer.text
    return {one["period"]: one["value"] for one in answer.json()["data"]}


def errors(api: httpx2.Client, data: Mapping[str, Any]) -> list[list[str]]:
    answer = api.get(data["errors_url"])
    assert answer.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(answer.text))
    assert header == ["line", "field", "reason"]
    return rows


def test_history_counts_at_every_level(api: httpx2.Client, metric: str) -> None:
    """Straight through the age up to which samples are submitted, twice in one hour."""
    stamps = [days_ago(day) for day in (1, 30, 86, 87, 88, 120, 200, 400, 690)]
    rows = [row(metric, at + timedelta(minutes=m), 1.1 + m) for at in stamps for m in (5, 20)]
    data = done(api, send(api, ndjson(rows)))
    assert (data["accepted"], data["rejected"], data["counted"]) == (18, 0, 18)
    for period in ("hour", "day", "week", "month"):
        assert round(sum(figures(api, metric, period).values()), 6) == 244.8
        assert sum(figures(api, metric, period, "count").values()) == 18
    hour = f"{stamps[-1]:%Y-%m-%dT%H:00:00Z}"
    assert figures(api, metric, "hour")[hour] == 27.2
    assert figures(api, metric, "hour", "min")[hour] == 6.1
    assert figures(api, metric, "hour", "last")[hour] == 21.1
    listed = api.get("/api/metrics/query", params={"metric_name": metric, "order": "asc"}).json()
    in_order = sorted(rows, key=lambda one: one["timestamp"])
    assert [one["value"] for one in listed["data"]] == [one["value"] for one in in_order]


@pytest.mark.parametrize("frequency", ["real_time", "daily", "monthly"])
def test_each_frequency_has_history(api: httpx2.Client, metric: str, frequency: str) -> None:
    days = {"real_time": [8, 40, 800], "daily": [720, 1000], "monthly": [1900, 4000]}[frequency]
    rows = [row(metric, days_ago(day), 0.1 + n, frequency=frequency) for n, day in enumerate(days)]
    done(api, send(api, ndjson(rows)))
    expected = {f"{days_ago(day):%Y-%m}": 0.1 + n for n, day in enumerate(days)}
    assert figures(api, metric, "month") == expected
    if frequency != "monthly":
        expected = {f"{days_ago(day):%Y-%m-%d}": 0.1 + n for n, day in enumerate(days)}
        assert figures(api, metric, "day") == expected


def test_a_second_import_adds_to_the_first(api: httpx2.Client, metric: str) -> None:
    at = days_ago(300)
    done(api, send(api, ndjson([row(metric, at, 1), row(metric, at + 2 * HOUR, 2)])))
    done(api, send(api, ndjson([row(metric, at + HOUR, 4), row(metric, at, 8)])))
    assert sum(figures(api, metric, "month").values()) == 15
    assert figures(api, metric, "hour")[f"{at:%Y-%m-%dT%H:00:00Z}"] == 9
    assert sum(figures(api, metric, "month", "count").values()) == 4


def test_what_comes_again_counts_once(api: httpx2.Client, metric: str) -> None:
    content = ndjson([row(metric, days_ago(200) + n * HOUR, 1) for n in range(5)])
    key = secrets.token_hex(8)
    first = done(api, send(api, content, key))
    again = send(api, gzip.compress(content), key, **{"Content-Encoding": "gzip"})
    assert done(api, again) == first
    assert sum(figures(api, metric).values()) == 5


def test_other_rows_under_the_same_name_are_refused(api: httpx2.Client, metric: str) -> None:
    rows = [row(metric, days_ago(200) + n * HOUR, 1) for n in range(5)]
    key = secrets.token_hex(8)
    done(api, send(api, ndjson(rows), key))
    changed = [*rows[:2], rows[2] | {"value": 2}, *rows[3:]]
    for other in (ndjson(changed), ndjson(rows[:4]), ndjson([*rows, rows[0]])):
        assert send(api, other, key).status_code == 409
    assert send(api, ndjson(rows), key, **{"Content-Type": "text/csv"}).status_code == 409
    assert sum(figures(api, metric).values()) == 5


def test_a_stream_that_breaks_off_loses_nothing_and_goes_on(service: Service, metric: str) -> None:
    """The first page of rows arrives, then the connection ends."""
    api = service.client
    rows = [row(metric, days_ago(200) + (n % 700) * HOUR, 1) for n in range(9000)]
    content, key = ndjson(rows), secrets.token_hex(8)
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = (
            f"POST /api/imports HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n"
            f"Content-Type: application/x-ndjson\r\nX-Import-Id: {key}\r\n"
            f"X-API-Key: {api.headers['x-api-key']}\r\n\r\n"
        )
        connection.sendall(head.encode() + content[: len(content) // 2])
        time.sleep(1.5)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (stands,) = [
            one for one in api.get("/api/imports").json()["data"] if one["import_id"] == key
        ]
        if stands["status"] == "interrupted" and stands["counted"] == stands["accepted"] > 0:
            break
        time.sleep(0.1)
    assert 0 < stands["accepted"] < 9000
    while sum(figures(api, metric, "month").values()) != stands["accepted"]:
        assert time.monotonic() < deadline
    data = done(api, send(api, content, key))
    assert (data["accepted"], data["rows"]) == (9000, 9000)
    for period in ("hour", "day", "month"):
        assert sum(figures(api, metric, period).values()) == 9000


def test_rejected_rows_are_named(api: httpx2.Client, metric: str) -> None:
    at = days_ago(100)
    good = row(metric, at, 1)
    lines = [
        json.dumps(good),
        "{no json",
        json.dumps(good | {"value": "12,5"}),
        "",
        json.dumps(good | {"timestamp": "2025-01-01"}),
        json.dumps(row(metric, NOW + HOUR, 1)),
        json.dumps(row(metric, days_ago(3000), 1)),
        json.dumps(good | {"metric_type": "commission"}),
        json.dumps(good | {"colour": "red", "region": 5}),
        json.dumps(good),
    ]
    data = done(api, send(api, "\n".join(lines).encode()))
    assert (data["rows"], data["accepted"], data["rejected"]) == (9, 2, 7)
    found = errors(api, data)
    assert [(line, field) for line, field, _ in found] == [
        ("2", ""),
        ("3", "value"),
        ("5", "timestamp"),
        ("6", "timestamp"),
        ("7", "timestamp"),
        ("8", "metric_type"),
        ("9", "colour"),
        ("9", "region"),
    ]
    assert found[1][2] == "Expected a number, got text"
    assert found[4][2].startswith("Too old: hourly samples are accepted up to ")
    assert sum(figures(api, metric).values()) == 2


def test_csv_has_the_fields_of_samples_as_columns(api: httpx2.Client, metric: str) -> None:
    at = days_ago(150)
    text = (
        "\ufeffmetric_name,metric_type,frequency,value,timestamp,region,metadata.note\r\n"
        f'{metric},revenue,hourly,1.5,{at.isoformat()},SP,"two\nlines, ""quoted"""\r\n'
        f"{metric},revenue,hourly,1e3,{at.isoformat()},,\r\n"
        f"{metric},revenue,hourly,many,{at.isoformat()},,\r\n"
        f"{metric},revenue,hourly,2\r\n"
    )
    data = done(api, send_csv(api, text))
    assert (data["accepted"], data["rejected"]) == (2, 2)
    assert [line for line, *_ in errors(api, data)] == ["5", "6"]
    assert sum(figures(api, metric).values()) == 1001.5
    listed = api.get("/api/metrics/query", params={"metric_name": metric, "region": "SP"}).json()
    assert listed["data"][0]["metadata"] == {"note": 'two\nlines, "quoted"'}


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("metric_name,metric_type,value", "frequency"),
        ("metric_name,metric_type,frequency,value,colour", "colour"),
        ("metric_name;metric_type;frequency;value", "metric_name;metric_type"),
        ("metric_name,metric_type,frequency,value,value", "name of its own"),
    ],
)
def test_columns_that_are_none_are_refused(api: httpx2.Client, header: str, named: str) -> None:
    answer = send_csv(api, f"{header}\n1,2,3,4\n")
    assert answer.status_code == 422
    assert named in answer.text


@pytest.mark.parametrize("line", [b"\x01\x9f" * 50_000, b"x" * 80 + b"\n"])
def test_garbage_is_refused_early(api: httpx2.Client, line: bytes) -> None:
    key = secrets.token_hex(8)
    sent = 0

    def much() -> Any:
        nonlocal sent
        while sent < 100 * 2**20:
            part = line * (2**20 // len(line))
            sent += len(part)
            yield part

    headers = {"Content-Type": "application/x-ndjson", "X-Import-Id": key}
    try:
        answer = api.post("/api/imports", content=much(), headers=headers)
    except httpx2.TransportError:
        # It closed the connection while much was still to come.
        pass
    else:
        assert answer.status_code == 422, answer.text
    assert sent < 80 * 2**20
    assert key not in [one["import_id"] for one in api.get("/api/imports").json()["data"]]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Encoding": "br"}, 415),
        ({"Content-Encoding": "gzip"}, 400),
        ({"X-Import-Id": "x" * 256}, 400),
    ],
)
def test_headers_that_are_not_understood(
    api: httpx2.Client, headers: dict[str, str], status: int
) -> None:
    assert send(api, b"{}", **headers).status_code == status


def test_a_gzip_stream_that_ends_early_keeps_what_came(api: httpx2.Client, metric: str) -> None:
    rows = [row(metric, days_ago(300) + n * HOUR, secrets.randbelow(1000)) for n in range(6000)]
    packed, key = gzip.compress(ndjson(rows)), secrets.token_hex(8)
    named = {"Content-Encoding": "gzip"}
    assert send(api, packed[: len(packed) - 200], key, **named).status_code == 400
    (kept,) = [one for one in api.get("/api/imports").json()["data"] if one["import_id"] == key]
    assert kept["status"] == "interrupted"
    assert 0 < kept["accepted"] < 6000
    data = done(api, send(api, packed, key, **named))
    assert data["accepted"] == 6000
    assert sum(figures(api, metric).values()) == sum(one["value"] for one in rows)


def test_a_key_of_a_service_imports_its_own(api: httpx2.Client, metric: str) -> None:
    at = days_ago(200)
    with with_new_key(api, "writer", service_name="orders") as bound:
        content = ndjson([row(metric, at, 1), row(metric, at, 2, service_name="payments")])
        data = done(bound, send(bound, content))
        assert (data["accepted"], data["rejected"]) == (1, 1)
        assert "orders only" in errors(bound, data)[0][2]
        assert [one["id"] for one in bound.get("/api/imports").json()["data"]] == [data["id"]]
        others = done(api, send(api, ndjson([row(metric, at, 4)])))
        assert bound.get(f"/api/imports/{others['id']}").status_code == 404
    assert api.get(f"/api/imports/{data['id']}").status_code == 200


def test_imported_samples_are_voided_and_replaced(api: httpx2.Client, metric: str) -> None:
    at = days_ago(400)
    rows = [row(metric, at, 5), row(metric, at, 7), row(metric, at + 30 * HOUR, 3500)]
    done(api, send(api, ndjson(rows)))
    listed = api.get("/api/metrics/query", params={"metric_name": metric, "order": "asc"}).json()
    first, _, last = (one["id"] for one in listed["data"])
    assert api.post(f"/api/metrics/{first}/void", json={"reason": "Twice"}).status_code == 200
    replaced = api.post(f"/api/metrics/{last}/replace", json={"value": 3.5, "reason": "A typo"})
    assert replaced.status_code == 200, replaced.text
    for period in ("hour", "day", "week", "month"):
        assert sum(figures(api, metric, period).values()) == 10.5
        assert max(figures(api, metric, period, "max").values()) == 7
    many = {"metric_name": metric, "reason": "All wrong"}
    answer = api.post("/api/metrics/void", json=many)
    assert (answer.json()["count"], answer.json()["sum"]) == (2, 10.5), answer.text
    for period in ("hour", "day", "week", "month"):
        assert figures(api, metric, period, "count") == {}


def test_closed_periods_take_no_history(api: httpx2.Client, metric: str) -> None:
    at = days_ago(500)
    until = (at + timedelta(days=1)).date().isoformat()
    body = {"until": until, "metric_type": "gamification"}
    close = api.post("/api/periods/close", json=body).json()["data"]["id"]
    try:
        kind = {"metric_type": "gamification"}
        rows = [row(metric, at, 1, **kind), row(metric, at + 72 * HOUR, 2, **kind)]
        data = done(api, send(api, ndjson(rows)))
        assert (data["accepted"], data["rejected"]) == (1, 1)
        assert f"(close {close})" in errors(api, data)[0][2]
    finally:
        api.delete(f"/api/periods/close/{close}")


def test_a_file_is_imported_by_a_map_twice_and_counts_once(
    service: Service, metric: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = days_ago(400)
    file, file_map = tmp_path / "orders.csv", tmp_path / "map.yaml"
    file.write_text(
        "Data;Valor;Status\n"
        f"{at:%d/%m/%Y %H:%M};R$ 1.234,56;pago\n"
        f"{at:%d/%m/%Y %H:%M};9,00;cancelado\n"
        f"{at:%d/%m/%Y %H:%M};0,44;pago\n"
    )
    file_map.write_text(
        "columns: {timestamp: Data, value: Valor}\n"
        f"values: {{metric_name: {metric}, metric_type: revenue, frequency: hourly}}\n"
        "keep: {Status: [pago]}\ntime: dd/mm/yyyy\nzone: UTC\n"
    )
    for _ in range(2):
        run_import(service.url, ADMIN_KEY, file, file_map)
    said = capsys.readouterr().out
    assert "its columns are divided by ';'" in said
    assert said.count("2 rows accepted, 0 rejected: done") == 2
    assert "1 rows do not count" in said
    assert figures(service.client, metric) == {f"{at:%Y-%m-%d}": 1235.0}
    file.write_text(file.read_text().replace("0,44", "1.234"))
    with pytest.raises(click.ClickException, match="can be two numbers"):
        run_import(service.url, ADMIN_KEY, file, file_map)

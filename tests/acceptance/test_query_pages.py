"""``GET /api/metrics/query``: samples as submitted, filtered, in order and page by page."""

import base64
import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.acceptance.reading import allow_units, at, query, submit
from tests.acceptance.talk import places, refused

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
MICROSECOND = timedelta(microseconds=1)
ORDERS = ("asc", "desc")


def moment(hours_ago: int) -> datetime:
    """A whole hour."""
    return NOW.replace(minute=0, second=0, microsecond=0) - hours_ago * HOUR


def pages(
    api: httpx2.Client, metric: str, between: Callable[[int], None] | None = None, /, **params: Any
) -> list[list[int]]:
    """The ids of all pages; `between` is called after each with its number."""
    found: list[list[int]] = []
    cursor: dict[str, str] = {}
    while True:
        body = query(api, metric, **params, **cursor)
        assert body["count"] == len(body["data"])
        found.append([sample["id"] for sample in body["data"]])
        if body["next_cursor"] is None:
            return found
        cursor = {"cursor": body["next_cursor"]}
        if between:
            between(len(found))


def test_a_sample_comes_back_as_it_was_submitted(api: httpx2.Client, metric: str) -> None:
    full: dict[str, Any] = {
        "metric_type": "commission",
        "value": -0.30000000000000004,
        "unit": "BRL",
        "frequency": "daily",
        "service_name": "checkout",
        "affiliate_id": "a-1",
        "region": "São Paulo",
        "metadata": {"order": {"id": "o-1", "items": [1, 2.5, None, True]}},
    }
    ts = moment(30) + 7 * MICROSECOND
    first = {**full, "timestamp": ts.isoformat()}
    number, bare = submit(api, metric, first, at(moment(31), metric_type="commission"))
    body = query(api, metric)
    assert (body["success"], body["count"], body["next_cursor"]) == (True, 2, None)
    assert body["data"] == [
        {
            **full,
            "id": number,
            "metric_name": metric,
            "timestamp": ts.isoformat().replace("+00:00", "Z"),
        },
        {
            "id": bare,
            "metric_name": metric,
            "metric_type": "commission",
            "value": 1.0,
            "unit": "BRL",
            "frequency": "hourly",
            "timestamp": moment(31).isoformat().replace("+00:00", "Z"),
            "service_name": None,
            "affiliate_id": None,
            "region": None,
            "metadata": None,
        },
    ]


def test_the_newest_come_first_unless_asked_otherwise(api: httpx2.Client, metric: str) -> None:
    ids = submit(api, metric, *(at(moment(hours)) for hours in (5, 3, 9, 3)))
    oldest_first = [ids[2], ids[0], ids[1], ids[3]]
    assert pages(api, metric) == [oldest_first[::-1]]
    assert pages(api, metric, order="desc") == [oldest_first[::-1]]
    assert pages(api, metric, order="asc") == [oldest_first]


def test_a_hundred_come_unless_asked_otherwise(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, *(at(moment(n)) for n in range(105)))
    assert [len(page) for page in pages(api, metric)] == [100, 5]
    assert [len(page) for page in pages(api, metric, limit=10_000)] == [105]
    assert [len(page) for page in pages(api, metric, limit=35)] == [35, 35, 35]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_have_each_sample_once(
    api: httpx2.Client, metric: str, order: str, limit: int
) -> None:
    frequencies = ("real_time", "hourly", "daily", "monthly")
    samples = [at(moment(n // 4), frequency=frequencies[n % 4]) for n in range(14)]
    ids = submit(api, metric, *samples)
    expected = sorted(ids, key=lambda number: (-(ids.index(number) // 4), number))
    found = pages(api, metric, order=order, limit=limit)
    flat = [number for page in found for number in page]
    assert flat == (expected if order == "asc" else expected[::-1])
    assert all(len(page) == limit for page in found[:-1])


@pytest.mark.parametrize("order", ORDERS)
def test_pages_are_stable_while_samples_arrive(api: httpx2.Client, metric: str, order: str) -> None:
    ids = submit(api, metric, *(at(moment(n // 3 + 1)) for n in range(12)))

    def arrive(_: int) -> None:
        # Newer and older than all, and at the instants that are being paged through.
        submit(api, metric, *(at(moment(hours)) for hours in (0, 1, 2, 3, 4, 9)))

    before = [number for page in pages(api, metric, order=order, limit=2) for number in page]
    during = [
        number for page in pages(api, metric, arrive, order=order, limit=2) for number in page
    ]
    assert len(set(during)) == len(during)
    assert [number for number in during if number in ids] == before
    assert sorted(before) == ids


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "YXNjOjE6MQ", "ZGVzYzox", "ZGVzYzp4OnkK"])
def test_what_is_no_cursor_is_refused(api: httpx2.Client, metric: str, cursor: str) -> None:
    params = {"metric_name": metric, "cursor": cursor}
    error = refused(api.get("/api/metrics/query", params=params), 422)
    assert places(error) == [(None, "cursor")]


@pytest.mark.parametrize(
    "position", ['["samples.desc",1,-5]', f'["samples.desc",1,{2**63}]', '["samples.desc",1]']
)
def test_a_cursor_of_no_position_is_none_from_here(
    api: httpx2.Client, metric: str, position: str
) -> None:
    cursor = base64.urlsafe_b64encode(position.encode()).decode()
    params = {"metric_name": metric, "cursor": cursor}
    error = refused(api.get("/api/metrics/query", params=params), 422)
    assert error["details"] == [{"field": "cursor", "message": "Not a cursor from here"}]


def test_a_cursor_of_the_other_order_is_refused(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(moment(1)), at(moment(2)))
    cursor = query(api, metric, limit=1)["next_cursor"]
    params = {"metric_name": metric, "order": "asc", "cursor": cursor}
    error = refused(api.get("/api/metrics/query", params=params), 422)
    assert places(error) == [(None, "cursor")]


@pytest.mark.parametrize(
    ("filters", "right"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"metric_type": "revenue"}, [0, 1, 2, 3, 4, 5]),
        ({"metric_type": "commission"}, []),
        ({"service_name": "checkout"}, [0, 2]),
        ({"affiliate_id": "a-1"}, [2]),
        ({"region": "SP"}, [3]),
        ({"unit": "USD"}, [4]),
        ({"frequency": "daily"}, [5]),
        ({"service_name": "checkout", "affiliate_id": "a-1"}, [2]),
        ({"service_name": "checkout", "region": "SP"}, []),
        ({"service_name": "CHECKOUT"}, []),
    ],
)
def test_a_filter_lets_only_its_own_through(
    api: httpx2.Client, metric: str, filters: dict[str, str], right: list[int]
) -> None:
    ids = submit(api, metric, at(moment(6), service_name="checkout", unit="BRL"))
    allow_units(api, metric, "BRL", "USD")
    ids += submit(
        api,
        metric,
        at(moment(5)),
        at(moment(4), service_name="checkout", affiliate_id="a-1"),
        at(moment(3), region="SP"),
        at(moment(2), unit="USD"),
        at(moment(1), frequency="daily"),
    )
    assert pages(api, metric, order="asc", **filters) == [[ids[n] for n in right]]


def test_start_and_end_are_inclusive_to_the_microsecond(api: httpx2.Client, metric: str) -> None:
    start, end = moment(30), moment(20)
    edges = (start - MICROSECOND, start, end, end + MICROSECOND)
    ids = submit(api, metric, *(at(edge) for edge in edges))
    span = {"start_date": start.isoformat(), "end_date": end.isoformat()}
    assert pages(api, metric, order="asc", **span) == [ids[1:3]]


def test_a_bare_end_date_includes_the_day(api: httpx2.Client, metric: str) -> None:
    midnight = moment(72).replace(hour=0)
    edges = (midnight - MICROSECOND, midnight, midnight + 24 * HOUR - MICROSECOND)
    ids = submit(api, metric, *(at(edge) for edge in (*edges, midnight + 24 * HOUR)))
    day = f"{midnight:%Y-%m-%d}"
    assert pages(api, metric, order="asc", start_date=day, end_date=day) == [ids[1:3]]


def test_a_range_that_ends_before_it_starts_is_refused(api: httpx2.Client) -> None:
    params = {"start_date": "2025-06-15", "end_date": "2025-06-14"}
    error = refused(api.get("/api/metrics/query", params=params), 422)
    assert places(error) == [(None, "end_date")]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"order": "newest"}, "order"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"period": "day"}, "period"),
        ({"payment_method": "pix"}, "payment_method"),
    ],
)
def test_a_wrong_parameter_is_named(
    api: httpx2.Client, metric: str, given: dict[str, str], field: str
) -> None:
    params = {"metric_name": metric, **given}
    error = refused(api.get("/api/metrics/query", params=params), 422)
    assert places(error) == [(None, field)]


def test_an_unknown_metric_has_no_samples(api: httpx2.Client, metric: str) -> None:
    assert query(api, metric) == {"success": True, "data": [], "count": 0, "next_cursor": None}


def test_all_metrics_come_where_none_is_named(api: httpx2.Client, metric: str) -> None:
    service_name = f"service-of-{metric}"
    submit(api, metric, at(moment(1), service_name=service_name))
    submit(api, f"{metric}.other", at(moment(2), service_name=service_name))
    response = api.get("/api/metrics/query", params={"service_name": service_name})
    names = [sample["metric_name"] for sample in response.json()["data"]]
    assert names == [metric, f"{metric}.other"]


def test_csv_says_the_same_as_json(api: httpx2.Client, metric: str) -> None:
    metadata = {"note": 'a "quoted", line\nand another', "items": [1, None]}
    submit(
        api,
        metric,
        at(moment(1), 0.1 + 0.2, region="São Paulo, SP", metadata=metadata, unit="BRL"),
        at(moment(2), 1e100),
        at(moment(3)),
    )
    body = query(api, metric, limit=2)
    response = api.get(
        "/api/metrics/query",
        params={"metric_name": metric, "limit": 2},
        headers={"Accept": "text/csv"},
    )
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.headers["X-Next-Cursor"] == body["next_cursor"]
    lines = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert len(lines) == len(body["data"])
    for line, sample in zip(lines, body["data"], strict=True):
        found: dict[str, Any] = {name: text or None for name, text in line.items()}
        found |= {"id": int(line["id"]), "value": float(line["value"])}
        found["metadata"] = json.loads(line["metadata"]) if line["metadata"] else None
        assert found == sample

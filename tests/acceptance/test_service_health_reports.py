"""Health reports of services: what is taken, the latest of each, history and availability."""

import html
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import psycopg
import pytest

from tests.acceptance.access import new_tenant
from tests.acceptance.talk import ONE, accepted, places, post, refused, sample, stored
from tests.acceptance.web import signed_in, text_of
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

REPORT = "/api/services/health"
EMOJI = "\N{GRINNING FACE}"
RATIOS = ["error_rate", "cpu_usage", "memory_usage"]
AMOUNTS = ["response_time_ms", "uptime_seconds"]
TEXTS = ["service_name", "version"]
NOTHING = dict.fromkeys([*AMOUNTS, *RATIOS, "version", "metadata"])

# A status, and how many seconds before a moment it was told.
Told = tuple[str, float]


@pytest.fixture
def name() -> str:
    """The name of a service nobody else uses."""
    return f"service-{secrets.token_hex(6)}"


def history(api: httpx2.Client, name: str, **params: str | int) -> dict[str, Any]:
    answer = api.get(f"/api/services/{name}/health", params=params)
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


def latest(api: httpx2.Client, name: str) -> dict[str, Any]:
    answer = api.get(REPORT)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["success"], body["count"]) == (True, len(body["data"]))
    (mine,) = [row for row in body["data"] if row["service_name"] == name]
    return cast("dict[str, Any]", mine)


def told(service: Service, name: str, at: datetime, reports: Sequence[Told]) -> None:
    """Reports as they would be had they arrived at those seconds before `at`."""
    with psycopg.connect(service.database_url) as conn:
        for status, seconds in reports:
            conn.execute(
                "INSERT INTO fature.service_health (ts, service_name, status) VALUES (%s, %s, %s)",
                [at - timedelta(seconds=seconds), name, status],
            )


def whole_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


# What is taken


@pytest.mark.parametrize("status", ["healthy", "degraded", "unhealthy"])
def test_the_smallest_report_is_a_name_and_a_status(
    api: httpx2.Client, name: str, status: str
) -> None:
    before = datetime.now(UTC)
    answer = accepted(api.post(REPORT, json={"service_name": name, "status": status}))
    assert answer["message"] == "Health recorded"
    timestamp = answer["data"].pop("timestamp")
    assert before <= datetime.fromisoformat(timestamp) <= datetime.now(UTC)
    assert answer["data"] == {**NOTHING, "service_name": name, "status": status}
    assert history(api, name)["data"] == [{**answer["data"], "timestamp": timestamp}]


def test_a_report_is_a_sample_that_rules_watch(api: httpx2.Client, name: str) -> None:
    for status in ("healthy", "degraded", "unhealthy"):
        assert api.post(REPORT, json={"service_name": name, "status": status}).status_code == 201
    params = {"metric_name": "service_health", "service_name": name, "order": "asc"}
    rows = api.get("/api/metrics/query", params=params).json()["data"]
    assert [row["value"] for row in rows] == [1, 0.5, 0]
    entry = api.get("/api/metrics/catalog").json()["data"]
    (its,) = [one for one in entry if one["metric_name"] == "service_health"]
    assert (its["kind"], its["default_aggregation"], its["unit"]) == ("stock", "last", None)


@pytest.mark.parametrize(
    "other",
    [
        {"metric_type": "revenue"},
        {"metric_type": "performance", "frequency": "real_time"},
        {"metric_type": "performance", "frequency": "hourly", "unit": "%"},
    ],
)
def test_a_report_is_taken_and_is_no_sample_of_anothers_metric_of_that_name(
    api: httpx2.Client, name: str, other: dict[str, str]
) -> None:
    with new_tenant(api, f"t{secrets.token_hex(4)}") as theirs:
        accepted(theirs.post(ONE, json=sample("service_health", **other)))
        accepted(theirs.post(REPORT, json={"service_name": name, "status": "unhealthy"}))
        assert [row["status"] for row in history(theirs, name)["data"]] == ["unhealthy"]
        assert [row["value"] for row in stored(theirs, "service_health")] == [1.5]


def test_a_report_is_taken_of_a_service_whose_name_no_label_can_be(api: httpx2.Client) -> None:
    accepted(api.post(REPORT, json={"service_name": "(none)", "status": "healthy"}))
    assert latest(api, "(none)")["status"] == "healthy"


def test_every_field_comes_back_as_it_was_sent(api: httpx2.Client, name: str) -> None:
    report = {
        "service_name": name,
        "status": "degraded",
        "response_time_ms": 12.5,
        "error_rate": 0.30000000000000004,
        "cpu_usage": 0.5,
        "memory_usage": 1.0,
        "version": "1.4.2-rc.1+build 7",
        "uptime_seconds": 1e9,
        "metadata": {"region": "SP", "pods": [1, {"ready": True}], EMOJI: "\\u0000 \t"},
    }
    data = accepted(api.post(REPORT, json=report))["data"]
    assert {**report, "timestamp": data["timestamp"]} == data
    assert history(api, name)["data"] == [data]
    found = latest(api, name)
    assert {field: found[field] for field in data} == data


@pytest.mark.parametrize("field", list(NOTHING))
def test_null_is_as_if_absent(api: httpx2.Client, name: str, field: str) -> None:
    accepted(api.post(REPORT, json={"service_name": name, "status": "healthy", field: None}))
    assert history(api, name)["data"][0][field] is None


LARGEST = {"response_time_ms": 1e9, "uptime_seconds": 1e10}
GOOD = [
    *((field, value) for field in RATIOS for value in (0, 5e-324, 0.9999999999999999, 1)),
    *((field, value) for field in AMOUNTS for value in (0, 0.001, LARGEST[field])),
]
BAD: list[tuple[str, list[object]]] = [
    *((field, [-0.01, 1.0000001, 50, "0.5", True, [], {}, "NaN"]) for field in RATIOS),
    *(
        (field, [-0.001, -1, "12", True, [], {}, "Infinity", LARGEST[field] * 1.001, 1e200])
        for field in AMOUNTS
    ),
    ("status", ["", "Healthy", "up", "healthy\n", None, True, 1, [], {}]),
    *(
        (field, ["", "x" * 201, EMOJI * 201, "a\x00b", "a\n", "\t", "\x85", 5, True, []])
        for field in TEXTS
    ),
    ("metadata", ["x", 5, [], True]),
]


def test_ratios_from_0_to_1_and_amounts_from_0_come_back_identical(
    api: httpx2.Client, name: str
) -> None:
    for field, value in GOOD:
        report = {"service_name": name, "status": "healthy", field: value}
        accepted(api.post(REPORT, json=report))
    found = reversed(history(api, name)["data"])
    assert [row[field] for (field, _), row in zip(GOOD, found, strict=True)] == [v for _, v in GOOD]


@pytest.mark.parametrize(("field", "wrong"), BAD, ids=[field for field, _ in BAD])
def test_what_a_field_cannot_be_is_refused(
    api: httpx2.Client, name: str, field: str, wrong: list[object]
) -> None:
    for value in wrong:
        report = {"service_name": name, "status": "healthy", field: value}
        assert places(refused(api.post(REPORT, json=report), 422)) == [(None, field)], value
    assert history(api, name)["data"] == []


@pytest.mark.parametrize("text", ["'; DROP TABLE fature.service_health; --", "a\\b", "%s", EMOJI])
def test_awkward_text_comes_back_as_text(api: httpx2.Client, name: str, text: str) -> None:
    unusual = (text + name).ljust(200, EMOJI)
    report = {"service_name": unusual, "status": "healthy", "version": unusual}
    accepted(api.post(REPORT, json=report))
    found = latest(api, unusual)
    assert (found["service_name"], found["version"]) == (unusual, unusual)


def test_everything_wrong_is_named_at_once(api: httpx2.Client) -> None:
    report = {"status": "up", "cpu_usage": 2, "metadata": [], "colour": "red"}
    error = refused(api.post(REPORT, json=report), 422)
    assert sorted(str(field) for _, field in places(error)) == [
        "colour",
        "cpu_usage",
        "metadata",
        "service_name",
        "status",
    ]


@pytest.mark.parametrize("body", ["null", "[]", '"x"', "5", "{}", '[{"service_name": "x"}]'])
def test_what_is_no_report_is_refused(api: httpx2.Client, body: str) -> None:
    refused(post(api, REPORT, body.encode()), 422)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": "x" * 8185}, "At most 8 KiB as JSON"),
        ({"a": EMOJI * 2047}, "At most 8 KiB as JSON"),
        ({"a": ["\x00"]}, "The character NUL cannot be stored"),
        ({"a\x00": 1}, "The character NUL cannot be stored"),
        (json.loads('{"a":' * 101 + "1" + "}" * 101), "Nested more than 100 levels deep"),
    ],
    ids=["8193 bytes", "emoji", "NUL", "NUL in a key", "deep"],
)
def test_metadata_that_cannot_be_stored_is_refused(
    api: httpx2.Client, name: str, metadata: object, message: str
) -> None:
    report = {"service_name": name, "status": "healthy", "metadata": metadata}
    error = refused(api.post(REPORT, json=report), 422)
    assert error["details"] == [{"field": "metadata", "message": message}]
    assert history(api, name)["data"] == []


@pytest.mark.parametrize("levels", [*range(930, 1000, 5), 5000])
def test_metadata_nested_too_deep_harms_nobody(api: httpx2.Client, name: str, levels: int) -> None:
    raw = b'{"a":' * levels + b"1" + b"}" * levels
    body = b'{"service_name":"%b","status":"healthy","metadata":%b}' % (name.encode(), raw)
    answer = post(api, REPORT, body)
    refused(answer, 422 if answer.status_code == 422 else 400)
    assert api.get(REPORT).status_code == 200


def test_metadata_of_8_kib_is_taken(api: httpx2.Client, name: str) -> None:
    metadata = {"a": "x" * 8184}
    report = {"service_name": name, "status": "healthy", "metadata": metadata}
    accepted(api.post(REPORT, json=report))
    assert history(api, name)["data"][0]["metadata"] == metadata


# The latest


def test_the_latest_is_the_newest_report_of_each_service(
    api: httpx2.Client, service: Service, name: str
) -> None:
    other = f"{name}-other"
    told(service, name, whole_second(), [("unhealthy", 90), ("healthy", 30), ("degraded", 60)])
    accepted(api.post(REPORT, json={"service_name": other, "status": "unhealthy"}))
    assert latest(api, name)["status"] == "healthy"
    assert latest(api, other)["status"] == "unhealthy"
    accepted(api.post(REPORT, json={"service_name": name, "status": "degraded"}))
    assert latest(api, name)["status"] == "degraded"


@pytest.mark.parametrize(("seconds", "stale"), [(0, False), (240, False), (301, True), (9e4, True)])
def test_a_service_silent_for_five_minutes_is_stale(
    api: httpx2.Client, service: Service, name: str, seconds: float, stale: bool
) -> None:
    told(service, name, datetime.now(UTC), [("healthy", seconds)])
    found = latest(api, name)
    assert found["stale"] is stale
    assert found["age_seconds"] >= seconds


# History


def test_history_is_newest_first_and_of_that_service_only(
    api: httpx2.Client, service: Service, name: str
) -> None:
    now = whole_second()
    told(service, name, now, [("healthy", 10), ("degraded", 30), ("unhealthy", 20)])
    told(service, f"{name}x", now, [("unhealthy", 15)])
    body = history(api, name)
    assert [row["status"] for row in body["data"]] == ["healthy", "unhealthy", "degraded"]
    assert {row["service_name"] for row in body["data"]} == {name}
    assert (body["success"], body["count"], body["next_cursor"]) == (True, 3, None)


def test_history_is_of_the_last_24_hours_unless_a_range_is_given(
    api: httpx2.Client, service: Service, name: str
) -> None:
    now = whole_second()
    day = 86_400
    told(service, name, now, [("healthy", 60), ("degraded", day - 60), ("unhealthy", day + 60)])
    assert [row["status"] for row in history(api, name)["data"]] == ["healthy", "degraded"]
    start = (now - timedelta(days=2)).isoformat()
    assert len(history(api, name, start_date=start)["data"]) == 3


def test_both_ends_of_a_range_are_included(api: httpx2.Client, service: Service, name: str) -> None:
    now = whole_second()
    told(
        service, name, now, [("healthy", 40), ("degraded", 30), ("unhealthy", 20), ("healthy", 10)]
    )
    body = history(
        api,
        name,
        start_date=(now - timedelta(seconds=30)).isoformat(),
        end_date=(now - timedelta(seconds=20)).isoformat(),
    )
    assert [row["status"] for row in body["data"]] == ["unhealthy", "degraded"]


def test_a_bare_date_is_the_whole_day(api: httpx2.Client, service: Service, name: str) -> None:
    midnight = whole_second().replace(hour=0, minute=0, second=0) - timedelta(days=1)
    reports = [("healthy", 1), ("degraded", 0), ("unhealthy", -86_399), ("healthy", -86_400)]
    told(service, name, midnight, reports)
    day = midnight.date().isoformat()
    body = history(api, name, start_date=day, end_date=day)
    assert [row["status"] for row in body["data"]] == ["unhealthy", "degraded"]


def test_pages_make_up_the_whole_history(api: httpx2.Client, service: Service, name: str) -> None:
    told(service, name, whole_second(), [("healthy", seconds) for seconds in range(1, 24)])
    whole = history(api, name)["data"]
    assert len(whole) == 23
    found: list[dict[str, Any]] = []
    page = history(api, name, limit=5)
    while True:
        found += page["data"]
        assert page["count"] == len(page["data"]) <= 5
        if page["next_cursor"] is None:
            break
        page = history(api, name, limit=5, cursor=page["next_cursor"])
    assert found == whole


def test_a_service_that_never_reported_has_no_history(api: httpx2.Client, name: str) -> None:
    body = history(api, name)
    assert (body["data"], body["count"], body["next_cursor"]) == ([], 0, None)
    assert body["availability"] == {
        "ratio": None,
        "healthy_seconds": 0.0,
        "degraded_seconds": 0.0,
        "unhealthy_seconds": 0.0,
        "unknown_seconds": 86_400.0,
    }


# Availability: within an hour that has passed


@pytest.mark.parametrize(
    ("reports", "healthy", "degraded", "unhealthy", "ratio"),
    [
        # One report holds for five minutes.
        ([("healthy", 3600)], 300, 0, 0, 1.0),
        ([("unhealthy", 3600)], 0, 0, 300, 0.0),
        # A report holds until the next one.
        ([("healthy", 3600), ("unhealthy", 3500), ("degraded", 3400)], 100, 300, 100, 0.8),
        # What lies between is unknown if the next one comes late.
        ([("healthy", 3600), ("unhealthy", 1800)], 300, 0, 300, 0.5),
        # Regular reports leave nothing unknown.
        ([("healthy", 60 * n) for n in range(1, 61)], 3600, 0, 0, 1.0),
        # One that came before the range counts from its start, while it still holds.
        ([("degraded", 3700)], 0, 200, 0, 1.0),
        ([("degraded", 3901)], 0, 0, 0, None),
        ([("degraded", 3700), ("unhealthy", 3600)], 0, 0, 300, 0.0),
        # One near the end counts up to the end only, one after it not at all.
        ([("unhealthy", 60), ("healthy", -30)], 0, 0, 60, 0.0),
    ],
)
def test_availability_is_the_share_of_known_time_that_was_not_unhealthy(
    api: httpx2.Client,
    service: Service,
    name: str,
    reports: list[Told],
    healthy: float,
    degraded: float,
    unhealthy: float,
    ratio: float | None,
) -> None:
    end = whole_second() - timedelta(days=1)
    told(service, name, end, reports)
    # An end is included: the hour ends a microsecond after it.
    body = history(
        api,
        name,
        start_date=(end - timedelta(hours=1)).isoformat(),
        end_date=(end - timedelta(microseconds=1)).isoformat(),
    )
    assert body["availability"] == {
        "ratio": ratio,
        "healthy_seconds": healthy,
        "degraded_seconds": degraded,
        "unhealthy_seconds": unhealthy,
        "unknown_seconds": 3600 - healthy - degraded - unhealthy,
    }


def test_a_report_does_not_hold_ahead_of_time(
    api: httpx2.Client, service: Service, name: str
) -> None:
    told(service, name, datetime.now(UTC), [("healthy", 100), ("unhealthy", 0)])
    tomorrow = str(datetime.now(UTC).date() + timedelta(days=1))
    found = history(api, name, end_date=tomorrow)["availability"]
    assert 100 <= found["healthy_seconds"] < 160
    assert found["unhealthy_seconds"] < 60


def test_availability_covers_the_range_whatever_the_page(
    api: httpx2.Client, service: Service, name: str
) -> None:
    end = whole_second() - timedelta(hours=1)
    told(service, name, end, [("unhealthy", 1200), ("healthy", 900), ("healthy", 600)])
    params: dict[str, str | int] = {
        "start_date": (end - timedelta(hours=1)).isoformat(),
        "end_date": end.isoformat(),
        "limit": 1,
    }
    page = history(api, name, **params)
    following = history(api, name, **params, cursor=page["next_cursor"])
    assert page["availability"] == following["availability"]
    assert page["availability"]["ratio"] == round(600 / 900, 6)


# Pages: silence is not availability


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    with signed_in(api, "reader") as client:
        yield client


def row_of(page: httpx2.Response, name: str) -> str:
    """The row of one service in a table of services."""
    (row,) = [row for row in re.findall(r"(?s)<tr>.*?</tr>", page.text) if name in row]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", row)).split())


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        # In minutes ago, every four minutes: silent for the newer five of ten hours.
        ([4 * n for n in range(75, 151)], "100% 49.2% unknown"),
        ([4 * n for n in range(151)], "100%"),
        # Known from before the range: silent since its beginning.
        ([48 * 60, *(4 * n for n in range(90))], "100% 7"),
        ([48 * 60], "– 100% unknown"),
    ],
)
def test_pages_say_how_long_a_service_was_silent(
    api: httpx2.Client,
    web: httpx2.Client,
    service: Service,
    name: str,
    reports: list[int],
    said: str,
) -> None:
    told(service, name, datetime.now(UTC), [("healthy", 60 * minutes) for minutes in reports])
    shown = row_of(web.get("/services"), name)
    assert said in shown
    assert ("unknown" in shown) == (said != "100%")
    page = text_of(web.get(f"/services/{name}"))
    assert ("% unknown" in page) == (said != "100%")
    assert history(api, name)["availability"]["ratio"] == (None if "–" in said else 1.0)


def test_a_name_with_a_slash_has_a_history(api: httpx2.Client, name: str) -> None:
    accepted(api.post(REPORT, json={"service_name": f"{name}/b", "status": "healthy"}))
    assert [row["status"] for row in history(api, f"{name}%2Fb")["data"]] == ["healthy"]


@pytest.mark.parametrize(
    "cursor", ["0", "0.5", "1e9", "20260101", "2026-01-01", "2026-01-01T00:00:00", "", "infinity"]
)
def test_a_cursor_is_an_instant_as_the_document_says(
    api: httpx2.Client, name: str, cursor: str
) -> None:
    answer = api.get(f"/api/services/{name}/health", params={"cursor": cursor})
    assert places(refused(answer, 422)) == [(None, "cursor")]

"""Closed periods: nothing that would change their figures is taken, whatever way it comes."""

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx2
import pytest

from service.remote_write.remote_write_pb2 import Label, Sample, TimeSeries
from tests.acceptance.access import new_tenant, ok
from tests.acceptance.reading import aggregate, at, query, submit
from tests.acceptance.talk import BATCH, ONE, accepted, places, refused, sample
from tests.acceptance.test_remote_write import packed
from tests.acceptance.ways import MAPPING
from tests.conftest import Service

CLOSES = "/api/periods/close"
TODAY = datetime.now(UTC).date()
LAST = TODAY - timedelta(days=3)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


CLOSED, OPEN = noon(LAST), noon(LAST + timedelta(days=1))


@pytest.fixture
def admin(service: Service) -> Iterator[httpx2.Client]:
    """An admin of a tenant of its own, whose closes are nobody else's."""
    with new_tenant(service.client, f"closing-{secrets.token_hex(4)}") as client:
        yield client


def close(client: httpx2.Client, until: date = LAST, metric_type: str = "revenue") -> Any:
    body = {"until": until.isoformat(), "metric_type": metric_type}
    return ok(client.post(CLOSES, json=body))


def why(closed: dict[str, Any]) -> str:
    return f"revenue is closed until {closed['until']} (close {closed['id']})"


def values(client: httpx2.Client, metric: str) -> list[float]:
    return sorted(row["value"] for row in query(client, metric)["data"])


def test_samples_of_a_closed_period_are_refused_by_name(admin: httpx2.Client, metric: str) -> None:
    submit(admin, metric, at(CLOSED, 1.0))
    closed = close(admin)
    message = why(closed)
    error = refused(admin.post(ONE, json=sample(metric, **at(CLOSED, 2.0))), 409)
    assert (error["message"], places(error)) == (message, [(None, "timestamp")])
    mixed = [at(CLOSED, 3.0), at(OPEN, 4.0), at(CLOSED - timedelta(days=40), 5.0)]
    batch = {"metrics": [sample(metric, **fields) for fields in mixed]}
    error = refused(admin.post(BATCH, json=batch), 409)
    assert [(one["index"], one["message"]) for one in error["details"]] == [
        (0, message),
        (2, message),
    ]
    # What is wrong in itself is said first, with all the rest.
    batch["metrics"][1]["value"] = "many"
    assert {place for place, _ in places(refused(admin.post(BATCH, json=batch), 422))} == {0, 1, 2}
    submit(admin, metric, at(OPEN, 6.0), at(noon(TODAY) - timedelta(days=1), 7.0))
    assert values(admin, metric) == [1.0, 6.0, 7.0]
    ok(admin.delete(f"{CLOSES}/{closed['id']}"))
    submit(admin, metric, at(CLOSED, 8.0))
    assert values(admin, metric) == [1.0, 6.0, 7.0, 8.0]


def test_other_types_and_tenants_stay_open(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    close(admin, metric_type="commission")
    submit(admin, metric, at(CLOSED))
    submit(service.client, metric, at(CLOSED, metric_type="commission"))
    assert [one["until"] for one in ok(service.client.get(CLOSES)) if one["until"] > "2000"] == []


def test_a_retry_is_answered_as_before_the_close(admin: httpx2.Client, metric: str) -> None:
    def send() -> httpx2.Response:
        headers = {"Idempotency-Key": f"of {metric}"}
        return admin.post(ONE, json=sample(metric, **at(CLOSED)), headers=headers)

    first = accepted(send())
    close(admin)
    again = send()
    assert accepted(again) == first
    assert again.headers["Idempotent-Replayed"] == "true"


def test_protocols_refuse_in_their_own_way_and_take_the_rest(admin: httpx2.Client) -> None:
    ok(admin.put("/api/mappings", json={"yaml": MAPPING}))
    message = why(close(admin))
    instants = [int(moment.timestamp()) for moment in (CLOSED, OPEN)]
    for metric, answer in (
        ("metric_lines", _lines(admin, instants)),
        (
            "metric_remote",
            _remote(admin, instants),
        ),
    ):
        assert answer.status_code == 400, answer.text
        assert message in answer.text
        assert values(admin, metric) == [1.0]
    answer = admin.post("/v1/metrics", json=_otlp(instants))
    assert answer.status_code == 200, answer.text
    partial = answer.json()["partialSuccess"]
    assert (partial["rejectedDataPoints"], message in partial["errorMessage"]) == ("1", True)
    assert values(admin, "metric_otlp") == [1.0]
    # A series that is known is checked as well.
    again = _lines(admin, [instants[0] + 60, instants[1] + 60])
    assert (again.status_code, values(admin, "metric_lines")) == (400, [1.0, 1.0])


def _lines(client: httpx2.Client, instants: list[int]) -> httpx2.Response:
    lines = "\n".join(f"metric_lines value=1 {ts}" for ts in instants)
    return client.post("/api/v2/write", params={"precision": "s"}, content=lines)


def _remote(client: httpx2.Client, instants: list[int]) -> httpx2.Response:
    series = TimeSeries(
        labels=[Label(name="__name__", value="metric_remote").SerializeToString()],
        samples=[Sample(value=1.0, timestamp=ts * 1000) for ts in instants],
    )
    return client.post("/api/v1/write", content=packed(series))


def _otlp(instants: list[int]) -> dict[str, Any]:
    points = [{"asDouble": 1.0, "timeUnixNano": str(ts * 10**9)} for ts in instants]
    metrics = [{"name": "metric_otlp", "gauge": {"dataPoints": points}}]
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}


def test_what_is_closed_is_not_corrected(admin: httpx2.Client, metric: str) -> None:
    old, new = submit(admin, metric, at(CLOSED, 1.0), at(OPEN, 2.0))
    closed = close(admin)
    corrections: list[tuple[str, dict[str, Any]]] = [
        (f"/api/metrics/{old}/void", {"reason": "A typo"}),
        (f"/api/metrics/{old}/replace", {"reason": "A typo", "value": 3.0}),
        ("/api/metrics/void", {"metric_name": metric, "reason": "A typo"}),
        ("/api/metrics/void", {"metric_name": metric, "reason": "A typo", "dry_run": True}),
    ]
    for path, body in corrections:
        assert refused(admin.post(path, json=body), 409)["message"] == why(closed)
    ok(admin.post(f"/api/metrics/{new}/void", json={"reason": "A typo"}))
    assert values(admin, metric) == [1.0]
    ok(admin.delete(f"{CLOSES}/{closed['id']}"))
    ok(admin.post(f"/api/metrics/{old}/void", json={"reason": "A typo"}))
    assert values(admin, metric) == []


def test_figures_say_which_periods_are_closed(admin: httpx2.Client, metric: str) -> None:
    submit(admin, metric, at(CLOSED, 1.0), at(OPEN, 2.0))
    assert all("closed" not in row for row in aggregate(admin, metric)["data"])
    closed = close(admin)
    rows = aggregate(admin, metric)["data"]
    assert [(row["complete"], row.get("closed")) for row in rows] == [(True, True), (True, None)]
    # A period is closed once all of it is.
    month = aggregate(admin, metric, period="month")["data"][-1]
    assert "closed" not in month
    query = f'{{ aggregate(metric: "{metric}", period: day) {{ series {{ closed }} }} }}'
    answer = admin.post("/graphql", json={"query": query}).json()
    assert answer["data"]["aggregate"]["series"] == [{"closed": [True, False]}]
    ok(admin.delete(f"{CLOSES}/{closed['id']}"))
    assert all("closed" not in row for row in aggregate(admin, metric)["data"])


def test_closes_are_listed_and_on_record(admin: httpx2.Client) -> None:
    first = close(admin, LAST - timedelta(days=30))
    last = close(admin)
    assert [one["id"] for one in ok(admin.get(CLOSES))] == [last["id"], first["id"]]
    body = {"until": LAST.isoformat(), "metric_type": "revenue"}
    error = refused(admin.post(CLOSES, json=body), 409)
    assert error["message"] == f"revenue is closed until {LAST} already"
    assert ok(admin.delete(f"{CLOSES}/{last['id']}"))["until"] == LAST.isoformat()
    refused(admin.delete(f"{CLOSES}/{last['id']}"), 404)
    entries = ok(admin.get("/api/audit", params={"target": f"close:{last['id']}"}))
    about = {"until": LAST.isoformat(), "metric_type": "revenue"}
    assert [(one["action"], one["before"], one["after"]) for one in entries] == [
        ("period.reopen", about, None),
        ("period.close", None, about),
    ]
    # The earlier one is in force.
    early = at(noon(LAST - timedelta(days=31)))
    refused(admin.post(ONE, json=sample("early", **early)), 409)


@pytest.mark.parametrize(
    "body",
    [
        {"until": TODAY.isoformat(), "metric_type": "revenue"},
        {"until": LAST.isoformat()},
        {"until": LAST.isoformat(), "metric_type": "weather"},
        {"until": "soon", "metric_type": "revenue"},
        {"until": LAST.isoformat(), "metric_type": "revenue", "who": "me"},
    ],
)
def test_what_cannot_be_closed_is_said(admin: httpx2.Client, body: dict[str, str]) -> None:
    refused(admin.post(CLOSES, json=body), 422)
    assert ok(admin.get(CLOSES)) == []

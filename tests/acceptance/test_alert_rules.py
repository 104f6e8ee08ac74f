"""Alert rules, events and silences over HTTP."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from service.http.pagination import cursor_of
from sql.engine import Engine
from tests.acceptance.reading import allow_units
from tests.conftest import DatabaseServer, running_service


@pytest.fixture(scope="module")
def alerting(
    engine: Engine, database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx2.Client]:
    """A service whose loop ticks five times a second."""
    folder = tmp_path_factory.mktemp(f"alerting-{engine}")
    url = database_of.new_database()
    with running_service(folder, url, FATURE_ALERT_INTERVAL="0.2") as running:
        yield running.client


def rule_of(metric: str, **fields: Any) -> dict[str, Any]:
    smallest = {
        "rule_name": f"rule {secrets.token_hex(4)}",
        "metric_name": metric,
        "condition": ">",
        "threshold_value": 500,
        "severity": "high",
        "notification_channels": ["webhook"],
    }
    return smallest | fields


def make(client: httpx2.Client, metric: str, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/alerts/rules", json=rule_of(metric, **fields))
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def sample_of(metric: str, value: float, **fields: Any) -> dict[str, Any]:
    smallest = {
        "metric_name": metric,
        "metric_type": "performance",
        "value": value,
        "frequency": "real_time",
    }
    return smallest | fields


def post(client: httpx2.Client, metric: str, value: float, **fields: Any) -> None:
    sample = sample_of(metric, value, **fields)
    assert client.post("/api/metrics", json=sample).status_code == 201


def events(client: httpx2.Client, **params: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/alerts/events", params=params)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def wait_for_event(client: httpx2.Client, seconds: float = 10, **params: Any) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := events(client, **params):
            return found[0]
        time.sleep(0.05)
    pytest.fail(f"no event {params}")


def test_the_five_default_rules_are_there(alerting: httpx2.Client) -> None:
    rules = alerting.get("/api/alerts/rules").json()["data"]
    found = {(r["metric_name"], r["condition"], r["threshold_value"], r["severity"]) for r in rules}
    assert {
        ("revenue_hourly", "<", 1500, "medium"),
        ("api_response_time", ">", 250, "high"),
        ("conversion_rate", "<", 3, "medium"),
        ("commission_paid", ">", 500, "low"),
        ("active_users", "<", 75, "medium"),
    } <= found


def test_what_is_left_out_follows_the_catalogue(alerting: httpx2.Client) -> None:
    rule = make(alerting, "revenue_hourly")
    assert (rule["aggregation"], rule["window"]) == ("sum", "hour")
    assert rule["defaults"] == ["aggregation", "window"]
    unknown = make(alerting, f"metric_{secrets.token_hex(4)}")
    assert unknown["window"] == "5m"


def test_a_rule_is_read_edited_and_deleted(alerting: httpx2.Client, metric: str) -> None:
    rule = make(alerting, metric, **{"for": "5m", "group_by": ["region"], "window": "10m"})
    url = f"/api/alerts/rules/{rule['id']}"
    assert alerting.get(url).json()["data"]["for"] == "5m"
    patched = alerting.patch(url, json={"threshold_value": 7, "for": "1h30m"}).json()["data"]
    assert (patched["threshold_value"], patched["for"]) == (7, "1h30m")
    assert patched["group_by"] == ["region"]
    replaced = alerting.put(url, json=rule_of(metric, rule_name=rule["rule_name"])).json()["data"]
    assert (replaced["threshold_value"], replaced["for"], replaced["group_by"]) == (500, "0s", [])
    assert alerting.delete(url).status_code == 200
    assert alerting.get(url).status_code == 404
    assert alerting.delete(url).status_code == 404


def test_changes_of_different_fields_at_once_are_all_kept(
    alerting: httpx2.Client, metric: str
) -> None:
    url = f"/api/alerts/rules/{make(alerting, metric)['id']}"
    wanted: dict[str, list[Any]] = {
        "threshold_value": list(range(20)),
        "description": [f"the {number}th" for number in range(20)],
        "for": [f"{number}m" for number in range(1, 21)],
    }

    def lost(field: str) -> list[Any]:
        """Changes that were not there afterwards, though nobody else changes it."""
        gone = []
        for value in wanted[field]:
            assert alerting.patch(url, json={field: value}).status_code == 200
            if alerting.get(url).json()["data"][field] != value:
                gone.append(value)
        return gone

    with ThreadPoolExecutor(len(wanted)) as threads:
        assert list(threads.map(lost, wanted)) == [[], [], []]


def test_a_name_is_used_once(alerting: httpx2.Client, metric: str) -> None:
    rule = make(alerting, metric)
    again = alerting.post("/api/alerts/rules", json=rule_of(metric, rule_name=rule["rule_name"]))
    assert again.status_code == 409
    other = make(alerting, metric)
    renamed = alerting.patch(
        f"/api/alerts/rules/{other['id']}", json={"rule_name": rule["rule_name"]}
    )
    assert renamed.status_code == 409


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"notification_channels": ["pager"]}, "notification_channels.0", "Unknown channel"),
        (
            {"notification_channels": ["email"], "notification_recipients": ["http://x.y/z"]},
            "notification_recipients",
            "slack or webhook",
        ),
        ({"notification_recipients": ["nobody"]}, "notification_recipients", "no email"),
        ({"metric_name": "revenue_daily", "window": "hour"}, "window", "finer"),
        ({"recovery_threshold": 600}, "recovery_threshold", "at most 500"),
        ({"condition": "<", "recovery_threshold": 400}, "recovery_threshold", "at least 500"),
        ({"for": "soon"}, "for", "not a duration"),
        ({"window": "fortnight"}, "window", "no window"),
        ({"type": "forecast", "window": "hour"}, "window", "judge day, week, month"),
        ({"window": "90s"}, "window", "whole minutes"),
        ({"group_by": ["shoe_size"]}, "group_by", "none of"),
        ({"treshold": 1}, "treshold", "Unknown name"),
        ({"threshold_value": "500"}, "threshold_value", "number"),
        ({"severity": "huge"}, "severity", "critical"),
    ],
)
def test_a_wrong_rule_is_told_so(
    alerting: httpx2.Client, metric: str, fields: dict[str, Any], field: str, words: str
) -> None:
    answer = alerting.post("/api/alerts/rules", json=rule_of(metric, **fields))
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == field
    assert words in detail["message"]


def test_a_window_may_be_as_short_as_the_finest_samples_allow(
    alerting: httpx2.Client, metric: str
) -> None:
    """The catalogue has the frequency that came first."""
    post(alerting, metric, 1, frequency="daily")
    wanted = rule_of(metric, window="5m")
    for said, frequency in (("submitted daily: use day", "hourly"), ("hourly: use hour", None)):
        answer = alerting.post("/api/alerts/rules", json=wanted)
        assert answer.status_code == 422
        assert said in answer.json()["error"]["message"]
        post(alerting, metric, 1, frequency=frequency or "real_time")
    rule = make(alerting, metric, window="5m", threshold_value=400)
    post(alerting, metric, 999)
    assert wait_for_event(alerting, rule_id=rule["id"])["value"] == 500
    assert make(alerting, metric)["window"] == "day"


def test_the_smallest_rule_opens_once_and_its_history_says_why(
    alerting: httpx2.Client, metric: str
) -> None:
    rule = make(alerting, metric)
    post(alerting, metric, 999)
    event = wait_for_event(alerting, rule_id=rule["id"])
    time.sleep(1)
    assert len(events(alerting, rule_id=rule["id"])) == 1
    assert set(event) == {
        "id", "rule_id", "rule_name", "metric_name", "condition", "threshold_value", "severity",
        "status", "value", "peak_value", "group", "window_start", "window_end", "opened_at",
        "acknowledged_at", "acknowledged_by", "comment", "resolved_at", "resolved_by",
    }  # fmt: skip
    assert (event["status"], event["value"], event["peak_value"]) == ("open", 999, 999)
    detail = alerting.get(f"/api/alerts/events/{event['id']}").json()["data"]
    (opened,) = detail["history"]
    assert opened["transition"] == "opened"
    assert opened["reason"] == f"avg of {metric} is 999, above 500"
    deliveries = alerting.get(f"/api/alerts/events/{event['id']}/deliveries").json()["data"]
    assert {(one["channel"], one["transition"]) for one in deliveries} == {("webhook", "opened")}


def test_an_event_is_acknowledged_then_resolved_by_hand_and_stays_quiet(
    alerting: httpx2.Client, metric: str
) -> None:
    rule = make(alerting, metric, notification_channels=[])
    post(alerting, metric, 999)
    event = wait_for_event(alerting, rule_id=rule["id"])
    url = f"/api/alerts/events/{event['id']}"
    acknowledged = alerting.post(f"{url}/acknowledge", json={"comment": "on it"}).json()["data"]
    assert acknowledged["status"] == "acknowledged"
    assert (acknowledged["comment"], acknowledged["acknowledged_by"]) == ("on it", "admin-key")
    resolved = alerting.post(f"{url}/resolve").json()["data"]
    assert (resolved["status"], resolved["resolved_by"]) == ("resolved", "admin-key")
    assert alerting.post(f"{url}/resolve").status_code == 409
    time.sleep(1)
    assert [one["id"] for one in events(alerting, rule_id=rule["id"])] == [event["id"]]
    history = alerting.get(url).json()["data"]["history"]
    assert [step["transition"] for step in history] == ["opened", "acknowledged", "resolved"]


@pytest.mark.parametrize("how", ["edited", "deactivated", "deleted"])
def test_a_rule_that_changes_resolves_its_event(
    alerting: httpx2.Client, metric: str, how: str
) -> None:
    rule = make(alerting, metric, notification_channels=[])
    post(alerting, metric, 999)
    event = wait_for_event(alerting, rule_id=rule["id"])
    url = f"/api/alerts/rules/{rule['id']}"
    if how == "deleted":
        assert alerting.delete(url).status_code == 200
    else:
        change = {"threshold_value": 2000} if how == "edited" else {"is_active": False}
        assert alerting.patch(url, json=change).status_code == 200
    detail = alerting.get(f"/api/alerts/events/{event['id']}").json()["data"]
    assert detail["status"] == "resolved"
    assert detail["history"][-1]["reason"] == f"The rule was {how}"


def test_groups_open_one_event_each(alerting: httpx2.Client, metric: str) -> None:
    rule = make(alerting, metric, group_by=["region"])
    for region, value in (("SP", 900), ("RJ", 100), ("MG", 800)):
        post(alerting, metric, value, region=region)
    wait_for_event(alerting, rule_id=rule["id"])
    time.sleep(0.7)
    found = events(alerting, rule_id=rule["id"])
    assert sorted(one["group"]["region"] for one in found) == ["MG", "SP"]


def test_events_come_page_by_page_and_filtered(alerting: httpx2.Client, metric: str) -> None:
    make(alerting, metric, group_by=["region"], severity="critical")
    for number in range(5):
        post(alerting, metric, 900 + number, region=f"R{number}")
    deadline = time.monotonic() + 10
    while len(events(alerting, metric_name=metric)) < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
    seen, cursor = [], None
    while True:
        params: dict[str, Any] = {"metric_name": metric, "limit": 2} | (
            {"cursor": cursor} if cursor else {}
        )
        page = alerting.get("/api/alerts/events", params=params).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert len(events(alerting, metric_name=metric, severity="critical", status="open")) == 5
    assert events(alerting, metric_name=metric, severity="low") == []
    assert events(alerting, metric_name=metric, end_date="2020-01-01") == []
    theirs = cursor_of("audit", datetime.now(UTC), seen[0])
    for wrong in (
        {"cursor": "x"},
        {"cursor": theirs},
        {"status": "shut"},
        {"statsu": "open"},
        {"limit": 0},
    ):
        assert alerting.get("/api/alerts/events", params=wrong).status_code == 422


def test_a_silence_keeps_notifications_back_but_not_the_event(
    alerting: httpx2.Client, metric: str
) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = alerting.post("/api/alerts/silences", json={"metric_name": metric, "ends_at": until})
    assert made.status_code == 201
    number = made.json()["data"]["id"]
    make(alerting, metric)
    post(alerting, metric, 999)
    event = wait_for_event(alerting, metric_name=metric)
    url = f"/api/alerts/events/{event['id']}/deliveries"
    assert alerting.get(url).json()["data"] == []
    assert number in [one["id"] for one in alerting.get("/api/alerts/silences").json()["data"]]
    assert alerting.delete(f"/api/alerts/silences/{number}").status_code == 200
    assert alerting.delete(f"/api/alerts/silences/{number}").status_code == 404


def test_a_rule_is_tested_before_it_is_saved(alerting: httpx2.Client, metric: str) -> None:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    values = {5: 100.0, 4: 900.0, 3: 950.0, 2: 100.0, 1: 100.0}
    for back, value in values.items():
        post(
            alerting,
            metric,
            value,
            metric_type="revenue",
            frequency="hourly",
            timestamp=(hour - timedelta(hours=back)).isoformat(),
        )
    rule = rule_of(metric, aggregation="avg", days=2)
    answer = alerting.post("/api/alerts/rules/test", json=rule)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    (episode,) = data["events"]
    assert datetime.fromisoformat(episode["opened_at"]) == hour - timedelta(hours=3)
    assert datetime.fromisoformat(episode["resolved_at"]) == hour - timedelta(hours=1)
    assert (episode["value"], episode["peak_value"], episode["resolved_value"]) == (900, 950, 100)
    assert [one["firing"] for one in data["now"]] == [False]
    assert rule["rule_name"] not in alerting.get("/api/alerts/rules").text


def test_where_a_month_will_end_is_watched_and_tested(alerting: httpx2.Client, metric: str) -> None:
    post(alerting, metric, 999)
    rule = make(alerting, metric, type="forecast", aggregation="sum")
    assert (rule["type"], rule["window"]) == ("forecast", "month")
    wanted = {name: rule[name] for name in ("metric_name", "type", "condition", "severity")}
    body = wanted | {"threshold_value": 5, "aggregation": "sum", "days": 40}
    answer = alerting.post("/api/alerts/rules/test", json=body)
    assert answer.status_code == 200
    (seen,) = answer.json()["data"]["now"]
    # Of so short a past nothing is foreseen.
    assert (seen["value"], seen["firing"]) == (None, False)
    assert seen["compared"] is None or seen["compared"]["expected"] is None


def test_a_test_that_would_take_too_long_is_refused(alerting: httpx2.Client, metric: str) -> None:
    for region in range(20):
        post(alerting, metric, 1, region=f"region-{region}")
    rule = rule_of(metric, group_by=["region"], days=30)
    answer = alerting.post("/api/alerts/rules/test", json=rule)
    assert answer.status_code == 422
    assert "30 days of 20 groups per minute are 864000 steps" in answer.json()["error"]["message"]
    fewer = alerting.post("/api/alerts/rules/test", json=rule | {"days": 1})
    assert fewer.status_code == 200


def test_a_rule_is_about_one_unit_whatever_else_comes(alerting: httpx2.Client, metric: str) -> None:
    rule = make(alerting, metric)
    post(alerting, metric, 900, unit="ms")
    # Where it is taken at all, it is left out.
    allow_units(alerting, metric, "ms", "s")
    post(alerting, metric, 900, unit="s")
    event = wait_for_event(alerting, rule_id=rule["id"])
    detail = alerting.get(f"/api/alerts/events/{event['id']}").json()["data"]
    assert (detail["value"], detail["unit"]) == (900, "ms")
    assert alerting.get(f"/api/alerts/rules/{rule['id']}").json()["data"]["last_error"] is None


def post_hour(client: httpx2.Client, metric: str, value: float, hour: datetime) -> None:
    fields = {"metric_type": "revenue", "frequency": "hourly", "unit": "BRL"}
    post(client, metric, value, timestamp=hour.isoformat(), **fields)


def test_a_change_from_last_week_opens_and_keeps_its_event_through_other_hours(
    alerting: httpx2.Client, metric: str
) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for back in (1, 2):
        post_hour(alerting, metric, 60, hour - timedelta(hours=back))
        post_hour(alerting, metric, 100, hour - timedelta(days=7, hours=back))
    change = {"type": "change", "compare": "previous_week", "settle": "0s"}
    below = {"condition": "<", "threshold_value": -30}
    tested = alerting.post("/api/alerts/rules/test", json=rule_of(metric, **change, **below)).json()
    compared = {"figure": 60, "expected": 100, "unit": "BRL", "compare": "previous_week"}
    compared |= {"lower": None, "upper": None}
    (now,) = tested["data"]["now"]
    assert (now["value"], now["unit"], now["compared"], now["firing"]) == (
        -40, "percent", compared, True,
    )  # fmt: skip
    rule = make(alerting, metric, **change, **below)
    assert (rule["change"], rule["schedule"]) == ("percent", None)
    event = wait_for_event(alerting, rule_id=rule["id"])
    detail = alerting.get(f"/api/alerts/events/{event['id']}").json()["data"]
    assert (event["value"], detail["compared"]) == (-40, compared)
    night = {"days": ["mon"], "from": "22:00", "to": "06:00"}
    edited = alerting.patch(f"/api/alerts/rules/{rule['id']}", json={"schedule": night})
    assert edited.json()["data"]["schedule"] == night | {"holidays": True}
    (kept,) = events(alerting, rule_id=rule["id"])
    assert (kept["id"], kept["status"]) == (event["id"], "open")
    wrong = alerting.patch(f"/api/alerts/rules/{rule['id']}", json={"type": "threshold"})
    assert wrong.status_code == 422


def act(client: httpx2.Client, how: str, **body: Any) -> httpx2.Response:
    return client.post(f"/api/alerts/events/{how}", json=body)


def test_many_events_are_acknowledged_and_resolved_at_once(
    alerting: httpx2.Client, metric: str
) -> None:
    for region in ("SP", "RJ", "MG"):
        post(alerting, metric, 999, region=region)
    rule = make(alerting, metric, group_by=["region"])
    deadline = time.monotonic() + 10
    while len(opened := events(alerting, rule_id=rule["id"])) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    numbers = [one["id"] for one in opened]

    one = act(alerting, "acknowledge", ids=numbers[:1], comment="Mine")
    assert one.status_code == 200, one.text
    assert [(e["id"], e["status"], e["comment"]) for e in one.json()["data"]] == [
        (numbers[0], "acknowledged", "Mine")
    ]
    others = act(alerting, "acknowledge", rule_id=rule["id"]).json()
    assert (others["count"], [e["id"] for e in others["data"]]) == (2, numbers[1:])
    assert act(alerting, "acknowledge", ids=numbers).json()["data"] == []
    resolved = act(alerting, "resolve", metric_name=metric, status="acknowledged").json()
    assert [(e["id"], e["status"]) for e in resolved["data"]] == [(n, "resolved") for n in numbers]
    # Resolved by hand, they stay quiet while it holds.
    time.sleep(1)
    assert [e["id"] for e in events(alerting, rule_id=rule["id"])] == numbers
    history = alerting.get(f"/api/alerts/events/{numbers[2]}").json()["data"]["history"]
    assert [step["transition"] for step in history] == ["opened", "acknowledged", "resolved"]


def test_which_events_is_said_and_they_are_there(alerting: httpx2.Client, metric: str) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"comment": "All"},
        {"rule_id": None, "severity": None},
        {"ids": [1], "severity": "low"},
        {"ids": []},
    ]
    for body in wrong:
        assert act(alerting, "resolve", **body).status_code == 422
    make(alerting, metric)
    post(alerting, metric, 999)
    event = wait_for_event(alerting, metric_name=metric)
    assert act(alerting, "resolve", ids=[event["id"], 10**8]).status_code == 404
    assert events(alerting, metric_name=metric)[0]["status"] == "open"


def test_a_silence_recurs_and_matches_groups(alerting: httpx2.Client) -> None:
    hours = {"days": ["sun"], "from": "02:00", "to": "04:00", "holidays": False}
    given = {"group": {"region": "SP"}, "schedule": hours}
    answer = alerting.post("/api/alerts/silences", json=given)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert (made["group"], made["schedule"], made["ends_at"]) == ({"region": "SP"}, hours, None)
    assert made in alerting.get("/api/alerts/silences").json()["data"]
    wrongs: list[dict[str, Any]] = [
        {"group": {"region": "SP"}},
        {"schedule": {}},
        {"schedule": {"days": ["x"]}},
    ]
    for wrong in wrongs:
        assert alerting.post("/api/alerts/silences", json=wrong).status_code == 422
    assert alerting.delete(f"/api/alerts/silences/{made['id']}").status_code == 200


def test_rules_are_suggested_of_a_metric_with_the_longest_of_names(
    alerting: httpx2.Client, metric: str
) -> None:
    name = metric.ljust(200, "x")
    post(alerting, name, 1, frequency="hourly")
    answer = alerting.post("/api/alerts/rules/suggest", json={"metric_name": name})
    assert answer.status_code == 200, answer.text
    twice = {"metric_name": name, "group_by": ["region", "region"]}
    assert alerting.post("/api/alerts/rules/suggest", json=twice).status_code == 422


def test_suggested_rules_may_be_saved_as_they_are(alerting: httpx2.Client, metric: str) -> None:
    unknown = alerting.post("/api/alerts/rules/suggest", json={"metric_name": "nobodys"})
    assert unknown.status_code == 404
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in range(1, 30):
        at = (hour - timedelta(hours=hours)).isoformat()
        post(alerting, metric, 200 - hours, frequency="hourly", timestamp=at)
    body = {"metric_name": metric, "alerts_per_month": 3}
    answer = alerting.post("/api/alerts/rules/suggest", json=body).json()
    assert answer["count"] == len(answer["data"]) >= 1
    for one in answer["data"]:
        assert one["backtest"]["count"] <= 3
        assert one["rule"]["metric_name"] == metric
        assert alerting.post("/api/alerts/rules", json=one["rule"]).status_code == 201
    wrong = alerting.post("/api/alerts/rules/suggest", json=body | {"alerts_per_month": 0})
    assert wrong.status_code == 422

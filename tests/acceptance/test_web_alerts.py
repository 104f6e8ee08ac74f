"""The pages of alerts: what is shown and done there is what the API has."""

import html
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx2
import psycopg
import pytest
from psycopg.rows import dict_row

from alerts.impact import filters_of
from sql.statements import query
from tests.acceptance.access import new_tenant, ok
from tests.acceptance.talk import ONE, accepted, sample
from tests.acceptance.test_access_table import RULE
from tests.acceptance.web import post, signed_in, text_of, token_in
from tests.conftest import Service
from tests.killable import until

pytestmark = pytest.mark.one_engine


def rule(api: httpx2.Client, **changes: Any) -> dict[str, Any]:
    """A rule of a name of its own."""
    body = RULE | {"rule_name": f"Rule {secrets.token_hex(6)}"} | changes
    made: dict[str, Any] = ok(api.post("/api/alerts/rules", json=body))
    return made


def event(
    service: Service,
    made: dict[str, Any],
    service_name: str | None = None,
    group: dict[str, str | None] | None = None,
    window: str = "day",
) -> int:
    """An open event of that rule."""
    with psycopg.connect(service.database_url) as conn:
        row = conn.execute(
            """
            INSERT INTO fature.alert_event (
                tenant, rule_id, rule_name, metric_name, condition, threshold_value, severity,
                aggregation, window_name, opened_at, value, peak_value, service_name, group_labels
            )
            VALUES (
                'default', %(id)s, %(rule_name)s, %(metric_name)s, '>', 5, 'low', 'sum', %(window)s,
                now(), 7.5, 9.25, %(service_name)s, %(group)s
            )
            RETURNING event_id
            """,
            {
                **made,
                "service_name": service_name,
                "group": json.dumps(group or {}),
                "window": window,
            },
        ).fetchone()
    assert row is not None
    return int(row[0])


def event_with_rule(service: Service, made: dict[str, Any]) -> int:
    """An open event with its rule as it is now."""
    number = event(service, made)
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            """
            UPDATE fature.alert_event AS e
            SET rule = to_jsonb(r)
            FROM fature.alert_rule AS r
            WHERE r.rule_id = e.rule_id AND e.event_id = %s
            """,
            [number],
        )
    return number


def test_an_event_is_shown_acknowledged_and_resolved_with_comments(
    service: Service, api: httpx2.Client
) -> None:
    made = rule(api)
    number = event(service, made)
    with signed_in(api, "operator") as browser:
        assert made["rule_name"] in browser.get("/alerts").text
        page = text_of(browser.get(f"/alerts/events/{number}"))
        assert made["rule_name"] in page
        assert "7.5" in page
        assert "9.25" in page
        path = f"/alerts/events/{number}"
        answer = post(browser, f"{path}/acknowledge", comment="On it")
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        assert ok(api.get(f"/api{path}"))["comment"] == "On it"
        assert post(browser, f"{path}/resolve", comment="Done").status_code == 303
        assert "Done" in browser.get(path).text
        assert post(browser, f"{path}/resolve").status_code == 409
    found = ok(api.get(f"/api{path}"))
    assert found["status"] == "resolved"
    assert found["resolved_by"].startswith("user:")


@pytest.mark.parametrize(
    ("retracted", "badge", "said"),
    [(True, "Retracted", "would not have opened"), (False, "Corrected", "would have opened, too")],
)
def test_an_event_of_corrected_figures_says_so(
    service: Service, api: httpx2.Client, *, retracted: bool, badge: str, said: str
) -> None:
    made = rule(api)
    number = event(service, made)
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "UPDATE fature.alert_event SET restated_at = now(), restated_value = 4321, "
            "retracted = %s WHERE event_id = %s",
            [retracted, number],
        )
    with signed_in(api, "operator") as browser:
        shown = text_of(browser.get("/alerts", params={"rule_id": made["id"]}))
        assert badge in shown
        page = text_of(browser.get(f"/alerts/events/{number}"))
    assert badge in page
    assert said in page
    assert "4,321" in page
    assert "7.5" in page


@pytest.mark.parametrize(("region", "value", "name"), [("SP", 500.0, "SP"), (None, 7.5, "(none)")])
def test_an_event_of_a_group_shows_the_figures_of_that_group(
    service: Service,
    api: httpx2.Client,
    metric: str,
    region: str | None,
    value: float,
    name: str,
) -> None:
    for given, amount in (("SP", 500.0), (None, 7.5)):
        accepted(api.post("/api/metrics", json=sample(metric, value=amount, region=given)))
    made = rule(api, metric_name=metric)
    number = event(service, made, group={"region": region})
    with signed_in(api, "operator") as browser:
        page = browser.get(f"/alerts/events/{number}")
        (chart,) = re.findall(r'(?s)id="event-chart".*?json">(.*?)</script>', page.text)
        (line,) = json.loads(chart)["lines"]
        assert [one for one in line["values"] if one is not None] == [value]
        (link,) = re.findall(r'href="(/explore\?[^"]*)"', page.text)
        shown = text_of(browser.get(html.unescape(link)))
        assert urlencode({"filter.region": name}) in link
        assert f"{value:g}" in shown
        assert "507.5" not in shown


@pytest.mark.parametrize("is_deleted", [True, False])
def test_an_event_shows_what_its_rule_watched_when_it_opened(
    service: Service, api: httpx2.Client, metric: str, *, is_deleted: bool
) -> None:
    for region, amount in (("SP", 500.0), ("RJ", 7.5)):
        accepted(api.post(ONE, json=sample(metric, value=amount, region=region)))
    made = rule(api, metric_name=metric, region="SP")
    number = event_with_rule(service, made)
    path = f"/api/alerts/rules/{made['id']}"
    answer = api.delete(path) if is_deleted else api.patch(path, json={"region": "RJ"})
    assert answer.is_success, answer.text
    with signed_in(api, "operator") as browser:
        chart, chosen = _event_chart(browser, number)
    assert [one for one in chart["lines"][0]["values"] if one is not None] == [500.0]
    assert chosen["filter.region"] == "SP"


def test_the_impact_is_of_what_the_rule_watched_when_its_event_opened(
    service: Service, api: httpx2.Client, metric: str
) -> None:
    made = rule(api, metric_name=metric, region="SP")
    number = event_with_rule(service, made)
    answer = api.patch(f"/api/alerts/rules/{made['id']}", json={"region": "RJ"})
    assert answer.is_success, answer.text
    with psycopg.connect(service.database_url, row_factory=dict_row) as conn:
        statement = query("event_with_rule").body
        (row,) = conn.execute(statement, {"event_id": number}).fetchall()
    assert filters_of(row["group_labels"], row["rule"]) == {"region": "SP"}


def _event_chart(browser: httpx2.Client, number: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The chart of an event, and the address of the explorer that it leads to."""
    page = browser.get(f"/alerts/events/{number}")
    (chart,) = re.findall(r'(?s)id="event-chart".*?json">(.*?)</script>', page.text)
    (link,) = re.findall(r'href="/explore\?([^"]*)"', page.text)
    return json.loads(chart), dict(parse_qsl(html.unescape(link)))


def test_an_event_of_some_minutes_is_drawn_as_its_rule_reads_it(
    service: Service, api: httpx2.Client, metric: str
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for back, value in ((20, 1.0), (8, 2.0), (6, 4.0), (3, 8.0)):
        moment = (now - timedelta(minutes=back)).isoformat()
        body = sample(metric, value=value, frequency="real_time", timestamp=moment)
        accepted(api.post(ONE, json=body))
    number = event(service, rule(api, metric_name=metric), window="5m")
    with signed_in(api, "operator") as browser:
        chart, chosen = _event_chart(browser, number)
        start = now.timestamp()
        assert chart["period"] == chosen["period"] == "minute"
        assert [(start - time) / 60 for time in chart["times"]] == [20, 8, 6, 3]
        # Each with the four minutes before it.
        assert chart["lines"][0]["values"] == [1.0, 2.0, 6.0, 12.0]
        shown = browser.get("/explore", params=chosen)
        assert shown.status_code == 200
        assert '"period":"minute"' in html.unescape(shown.text).replace(": ", ":")


def test_an_event_of_what_comes_by_the_hour_is_drawn_by_the_hour(
    service: Service, api: httpx2.Client, metric: str
) -> None:
    accepted(api.post(ONE, json=sample(metric, value=7.0)))
    number = event(service, rule(api, metric_name=metric), window="5m")
    with signed_in(api, "operator") as browser:
        chart, chosen = _event_chart(browser, number)
    assert chart["period"] == chosen["period"] == "hour"
    assert chart["lines"][0]["values"] == [7.0]


def test_an_event_leads_to_the_days_before_and_after_it(
    service: Service, api: httpx2.Client
) -> None:
    number = event(service, rule(api))
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            """
            UPDATE fature.alert_event
            SET opened_at = '2026-05-31 12:00+00', resolved_at = '2026-06-02 12:00+00',
                status = 'resolved'
            WHERE event_id = %s
            """,
            [number],
        )
    with signed_in(api, "operator") as browser:
        page = browser.get(f"/alerts/events/{number}")
    (link,) = re.findall(r'href="/explore\?([^"]*)"', page.text)
    chosen = dict(parse_qsl(html.unescape(link)))
    # Thirty days before, and a quarter of that after it.
    assert (chosen["start_date"], chosen["end_date"]) == ("2026-05-01", "2026-06-10")
    assert chosen["period"] == "day"


def test_people_are_called_by_their_names(service: Service, api: httpx2.Client) -> None:
    path = f"/alerts/events/{event(service, rule(api))}"
    with signed_in(api, "operator", name="Ana Lima") as browser:
        until(lambda: "Ana Lima Operator" in text_of(browser.get("/account")))
        assert post(browser, f"{path}/acknowledge", comment="On it").status_code == 303
        page = text_of(browser.get(path))
        assert post(browser, "/alerts/silences", hours=1, severity="low").status_code == 303
        silences = text_of(browser.get("/alerts/silences"))
    assert "Acknowledged by Ana Lima" in page
    assert page.count("Ana Lima") >= 4
    assert "Ana Lima" in silences.split("In force")[1]
    assert "user:" not in page + silences


def test_who_has_no_name_is_called_by_the_email(api: httpx2.Client) -> None:
    with signed_in(api, "admin") as browser:
        browser.headers["Accept-Language"] = "pt-BR"
        known = re.compile(r"user-\w+… Admin\b")
        until(lambda: known.search(text_of(browser.get("/account"))) is not None)


def test_events_are_filtered_by_the_address(service: Service, api: httpx2.Client) -> None:
    made, other = rule(api), rule(api)
    event(service, made)
    event(service, other)
    with signed_in(api, "reader") as browser:
        page = browser.get("/alerts", params={"rule_id": made["id"], "status": "open"})
        assert made["rule_name"] in page.text
        assert other["rule_name"] not in page.text
        assert made["rule_name"] not in browser.get("/alerts?severity=critical").text
        assert browser.get("/alerts?status=loud").status_code == 422


def test_a_rule_is_made_edited_switched_and_deleted(api: httpx2.Client, metric: str) -> None:
    fields = {
        "rule_name": f"Rule {metric}",
        "metric_name": metric,
        "condition": "<",
        "threshold_value": "1,500.5",
        "severity": "high",
        "notification_channels": ["email", "webhook"],
        "notification_recipients": "a@example.com\nb@example.com",
        "window": "day",
        "aggregation": "sum",
        "group_by": "service_name, region",
        "for": "10m",
        "no_data": "alert",
        "is_active": "true",
        "description": "Too low",
    }
    with signed_in(api, "operator") as browser:
        answer = post(browser, "/alerts/rules", **fields)
        assert answer.status_code == 303, text_of(answer)
        path = answer.headers["location"]
        made = ok(api.get(f"/api{path}"))
        assert made["threshold_value"] == 1500.5
        assert made["notification_recipients"] == ["a@example.com", "b@example.com"]
        assert made["group_by"] == ["service_name", "region"]
        assert made["for"] == "10m"
        shown = browser.get(path).text
        assert 'value="1500.5"' in shown
        assert "Too low" in shown
        assert post(browser, path, **fields | {"threshold_value": "7"}).status_code == 303
        assert ok(api.get(f"/api{path}"))["threshold_value"] == 7
        for active, said in (("false", "watches no more"), ("true", "watches again")):
            switched = post(browser, f"{path}/switch", active=active)
            assert switched.status_code == 303
            assert said in text_of(browser.get(switched.headers["location"]))
            assert ok(api.get(f"/api{path}"))["is_active"] is (active == "true")
        asked = post(browser, f"{path}/delete", what="Too low")
        assert (asked.status_code, "Too low" in asked.text) == (200, True)
        assert api.get(f"/api{path}").is_success
        assert post(browser, f"{path}/delete", sure="yes").status_code == 303
    assert api.get(f"/api{path}").status_code == 404


def test_a_rule_that_cannot_be_read_says_so_when_it_is_switched(
    service: Service, api: httpx2.Client
) -> None:
    made = rule(api)
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "UPDATE fature.alert_rule SET window_name = 'fortnight' WHERE rule_id = %s",
            [made["id"]],
        )
    with signed_in(api, "operator") as browser:
        answer = post(browser, f"/alerts/rules/{made['id']}/switch", active="false")
        assert answer.status_code == 422
        assert post(browser, f"/alerts/rules/{made['id']}/delete", sure="yes").status_code == 303


def test_switching_a_rule_undoes_no_change_made_at_once(api: httpx2.Client) -> None:
    path = f"/alerts/rules/{rule(api)['id']}"

    def switch(browser: httpx2.Client, token: str) -> None:
        for active in ("false", "true") * 10:
            fields = {"csrf": token, "active": active}
            assert browser.post(f"{path}/switch", data=fields).status_code == 303

    with signed_in(api, "operator") as browser, ThreadPoolExecutor(1) as threads:
        switched = threads.submit(switch, browser, token_in(browser.get("/alerts/rules/new")))
        for value in range(20):
            assert api.patch(f"/api{path}", json={"threshold_value": value}).is_success
            assert ok(api.get(f"/api{path}"))["threshold_value"] == value
        switched.result()


def test_a_rule_that_is_sent_twice_is_saved_once(api: httpx2.Client, metric: str) -> None:
    fields = {**RULE, "rule_name": f"Rule {metric}", "metric_name": metric}
    with signed_in(api, "operator") as browser:
        fields["csrf"] = token_in(browser.get("/alerts/rules/new"))
        first, second = (browser.post("/alerts/rules", data=fields) for _ in range(2))
        assert (first.status_code, second.status_code) == (303, 303)
        assert second.headers["location"] == "/alerts/rules"
        assert f"Rule {metric}" in browser.get("/alerts/rules").text


def test_what_is_wrong_with_a_rule_is_said_at_its_field(api: httpx2.Client, metric: str) -> None:
    fields = {"rule_name": "", "metric_name": metric, "condition": "<", "threshold_value": "low"}
    with signed_in(api, "operator") as browser:
        answer = post(browser, "/alerts/rules", **fields)
    assert answer.status_code == 422
    assert 'id="rule_name-error"' in answer.text
    assert 'id="threshold_value-error"' in answer.text


@pytest.mark.parametrize(
    ("language", "typed", "meant", "shown"),
    [
        ("pt-BR", "1.500", 1500, "1500"),
        ("pt-BR", "1,5", 1.5, "1,5"),
        ("pt-BR", "1.234.567,25", 1234567.25, "1234567,25"),
        ("en", "1,500", 1500, "1500"),
        ("en", "1.500", 1.5, "1.5"),
        ("en", "0.0000001", 1e-7, "0.0000001"),
    ],
)
def test_a_threshold_is_read_and_written_as_the_reader_writes_numbers(
    api: httpx2.Client, metric: str, language: str, typed: str, meant: float, shown: str
) -> None:
    fields = {**RULE, "rule_name": f"Rule {metric}", "metric_name": metric, "condition": ">"}
    fields |= {"threshold_value": typed, "recovery_threshold": typed}
    with signed_in(api, "operator") as browser:
        browser.headers["Accept-Language"] = language
        path = post(browser, "/alerts/rules", **fields).headers["location"]
        for _ in range(2):
            made = ok(api.get(f"/api{path}"))
            assert (made["threshold_value"], made["recovery_threshold"]) == (meant, meant)
            assert browser.get(path).text.count(f'value="{shown}"') == 2
            again = fields | {"threshold_value": shown, "recovery_threshold": shown}
            assert post(browser, path, **again).status_code == 303


@pytest.mark.parametrize(
    ("language", "typed", "said"),
    [
        ("pt-BR", "1.5", "Escreva um número como 1.500,5"),
        ("pt-BR", "1,500.50", "Escreva um número como 1.500,5"),
        ("en", "1.500,50", "Write a number such as 1,500.5"),
        ("en", "1,5", "Write a number such as 1,500.5"),
        ("en", "nan", "Write a number such as 1,500.5"),
    ],
)
def test_what_the_reader_writes_otherwise_is_no_threshold(
    api: httpx2.Client, metric: str, language: str, typed: str, said: str
) -> None:
    fields = {**RULE, "rule_name": f"Rule {metric}", "metric_name": metric}
    with signed_in(api, "operator") as browser:
        browser.headers["Accept-Language"] = language
        answer = post(browser, "/alerts/rules", **fields | {"threshold_value": typed})
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert f'value="{typed}"' in answer.text


@pytest.mark.parametrize("htmx", [True, False])
def test_the_preview_is_what_the_test_of_the_api_says(
    api: httpx2.Client, metric: str, htmx: bool
) -> None:
    for hours, value in ((30, 3), (5, 9), (0, 9)):
        at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        one = sample(metric, value=value, frequency="hourly", timestamp=at)
        assert api.post(ONE, json=one).status_code == 201
    body = RULE | {"metric_name": metric, "window": "hour", "days": 14}
    tried = ok(api.post("/api/alerts/rules/test", json=body))
    fields = {**RULE, "metric_name": metric, "window": "hour"}
    with signed_in(api, "reader") as browser:
        data = {"csrf": token_in(browser.get("/alerts")), **fields}
        headers = {"HX-Request": "true"} if htmx else {}
        answer = browser.post("/alerts/rules/preview", data=data, headers=headers)
    assert answer.status_code == 200, answer.text
    times = re.search(r"(\d+) times? in the last 14 days", text_of(answer))
    assert times is not None
    assert int(times[1]) == tried["count"] == 1
    assert ("It fires now" in text_of(answer)) == any(one["firing"] for one in tried["now"])
    assert ("<html" in answer.text) == (not htmx)


def test_the_list_says_what_rules_look_at(api: httpx2.Client) -> None:
    given = {"metric_name": "commission_paid", "condition": ">", "threshold_value": 500}
    rule(api, **given, aggregation="max", window="day")
    rule(api, **given, aggregation="count", window=None)
    rule(api, **given, aggregation="sum", window="month", type="forecast")
    with signed_in(api, "reader") as browser:
        text = text_of(browser.get("/alerts/rules"))
        assert "Commission paid > R$500.00 Largest · Day" in text
        assert "Commission paid > 500 Number of samples · Hour" in text
        assert "Commission paid > R$500.00 Sum · Month · Where it will end" in text


def test_what_alerts_are_called_in_portuguese(api: httpx2.Client) -> None:
    with signed_in(api, "operator") as browser:
        browser.headers["Accept-Language"] = "pt-BR"
        events = text_of(browser.get("/alerts"))
        editor = text_of(browser.get("/alerts/rules/new"))
    assert "Alertas não resolvidos" in events
    assert "Alertas resolvidos" in events
    assert "Ativa" in editor
    assert "Observa" not in editor


def test_what_is_kept_in_english_is_said_in_portuguese(
    service: Service, api: httpx2.Client, metric: str
) -> None:
    path = f"/alerts/events/{event(service, rule(api))}"
    with signed_in(api, "operator", name="Ana Lima") as browser:
        browser.headers["Accept-Language"] = "pt-BR"
        assert post(browser, f"{path}/resolve", comment="Feito").status_code == 303
        assert "Resolvido por Ana Lima" in text_of(browser.get(path))
        assert "Não existe alerta 999999999" in text_of(browser.get("/alerts/events/999999999"))
        assert "Não existe painel 999999" in text_of(browser.get("/dashboards/999999"))
        wrong = {**RULE, "rule_name": "x" * 300, "metric_name": metric}
        answer = text_of(post(browser, "/alerts/rules", **wrong))
        assert "Use no máximo 200 caracteres" in answer
        dates = "start_date=2026-11-30&end_date=2026-11-01"
        assert "A data final é anterior à inicial" in text_of(browser.get(f"/explore?{dates}"))
    assert "Resolved by user:" in str(ok(api.get(f"/api{path}")))


def test_the_explorer_fills_in_a_new_rule(api: httpx2.Client) -> None:
    address = "/alerts/rules/new?metric_name=orders&threshold_value=12&region=SP"
    with signed_in(api, "operator") as browser:
        page = browser.get(address).text
    for value in ("orders", "12", "SP"):
        assert f'value="{value}"' in page


def test_suggested_rules_fill_in_the_editor(api: httpx2.Client, metric: str) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in range(1, 30):
        at = (hour - timedelta(hours=hours)).isoformat()
        accepted(api.post(ONE, json=sample(metric, value=200 - hours, timestamp=at)))
    made = rule(api, metric_name=metric)
    edited = {"id": made["id"], "rule_name": made["rule_name"]}
    with signed_in(api, "operator") as browser:
        page = post(browser, "/alerts/rules/suggest", metric_name=metric, **edited)
        assert page.status_code == 200
        assert "Something is not right" not in text_of(page)
        # It is still the rule that is edited.
        assert f'action="/alerts/rules/{made["id"]}"' in page.text
        (address, *_) = re.findall(r'href="(/alerts/rules/new\?[^"]*)"', page.text)
        filled = browser.get(html.unescape(address)).text
        assert f'value="{metric} (threshold)"' in filled
        accepted(api.post(ONE, json=sample(f"{metric}_once")))
        little = text_of(post(browser, "/alerts/rules/suggest", metric_name=f"{metric}_once"))
        assert "There is too little of this metric yet" in little


def test_what_rules_cannot_be_suggested_of_is_said_in_the_editor(
    api: httpx2.Client, metric: str
) -> None:
    with signed_in(api, "operator") as browser:
        nothing = post(browser, "/alerts/rules/suggest", region="SP")
        assert nothing.status_code == 422
        assert "Field required" in text_of(nothing)
        assert 'value="SP"' in nothing.text
        unknown = post(browser, "/alerts/rules/suggest", metric_name=metric)
        assert unknown.status_code == 404
        assert metric in text_of(unknown)


def test_notifications_are_muted_and_sent_again(api: httpx2.Client) -> None:
    made = rule(api)
    with signed_in(api, "operator") as browser:
        fields = {"rule_id": made["id"], "hours": 4, "comment": "Deploying"}
        assert post(browser, "/alerts/silences", **fields).status_code == 303
        (silence,) = [
            one for one in ok(api.get("/api/alerts/silences")) if one["rule_id"] == made["id"]
        ]
        assert silence["comment"] == "Deploying"
        assert made["rule_name"] in browser.get("/alerts/silences").text
        assert post(browser, f"/alerts/silences/{silence['id']}/end").status_code == 303
        assert post(browser, "/alerts/silences", rule_id=2**31 - 1).status_code == 422
    assert silence not in ok(api.get("/api/alerts/silences"))


def test_a_reader_sees_no_button_that_changes_something(
    service: Service, api: httpx2.Client
) -> None:
    made = rule(api)
    number = event(service, made)
    paths = (
        "/alerts",
        f"/alerts/events/{number}",
        "/alerts/rules",
        f"/alerts/rules/{made['id']}",
        "/alerts/silences",
    )
    with signed_in(api, "reader") as browser:
        for path in paths:
            page = browser.get(path)
            assert page.status_code == 200, path
            actions = set(re.findall(r'(?:action|formaction)="(/alerts[^"]*)"', page.text))
            assert actions <= {"/alerts", f"/alerts/rules/{made['id']}"}, path
            assert "/alerts/rules/new" not in page.text
            assert ">Save<" not in page.text
        assert browser.get("/alerts/rules/new").status_code == 403
        assert post(browser, f"/alerts/events/{number}/resolve").status_code == 403
        assert post(browser, f"/alerts/rules/{made['id']}/delete").status_code == 403


def test_nobody_sees_alerts_of_another_tenant_or_service(
    service: Service, api: httpx2.Client
) -> None:
    made = rule(api, service_name="payments")
    number = event(service, made, "payments")
    paths = (f"/alerts/events/{number}", f"/alerts/rules/{made['id']}")
    with (
        new_tenant(api, f"t{secrets.token_hex(6)}") as stranger,
        signed_in(stranger, "admin") as theirs,
        signed_in(api, "reader", service_name="orders") as other,
        signed_in(api, "reader", service_name="payments") as own,
    ):
        for browser in (theirs, other):
            assert made["rule_name"] not in browser.get("/alerts").text
            assert made["rule_name"] not in browser.get("/alerts/rules").text
            assert [browser.get(path).status_code for path in paths] == [404, 404]
        assert [own.get(path).status_code for path in paths] == [200, 200]


def test_a_form_without_its_token_does_nothing(service: Service, api: httpx2.Client) -> None:
    number = event(service, rule(api))
    with signed_in(api, "operator") as browser:
        assert browser.post(f"/alerts/events/{number}/resolve", data={}).status_code == 403
    assert ok(api.get(f"/api/alerts/events/{number}"))["status"] == "open"


def test_a_rule_is_shown_before_its_preview(api: httpx2.Client, metric: str) -> None:
    assert api.post(ONE, json=sample(metric, value=9)).status_code == 201
    made = rule(api, metric_name=metric)
    with signed_in(api, "reader") as browser:
        page = browser.get(f"/alerts/rules/{made['id']}")
        assert "in the last" not in text_of(page)
        later = re.search(r'id="preview"[^>]* hx-get="([^"]+)"', page.text)
        assert later, page.text
        assert f'<a class="button" href="{later[1]}">' in page.text
        assert re.search(r"in the last \d+ days", text_of(browser.get(later[1])))


def test_a_reader_can_change_nothing_on_the_page_of_a_rule(api: httpx2.Client) -> None:
    made = rule(api)
    with signed_in(api, "reader") as browser:
        page = browser.get(f"/alerts/rules/{made['id']}").text
    boxes = re.findall(r'<input type="checkbox"[^>]*>', page)
    assert len(boxes) > 1
    assert all(" disabled" in box for box in boxes)

"""Annotations: noted, listed, removed, seen by whom they concern, drawn on charts."""

import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import psycopg
import pytest

from tests.acceptance.access import new_tenant, ok, with_new_key
from tests.acceptance.reading import at, submit
from tests.acceptance.talk import places, refused
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service

PATH = "/api/annotations"
NOW = datetime.now(UTC).replace(microsecond=0)


def note(api: httpx2.Client, **fields: Any) -> dict[str, Any]:
    """An annotation that was just made, with a text of its own."""
    times = {} if "from" in fields else {"at": NOW.isoformat()}
    body = {"text": secrets.token_hex(6), **times, **fields}
    return cast("dict[str, Any]", ok(api.post(PATH, json=body)))


def listed(api: httpx2.Client, **params: Any) -> list[int]:
    return [one["id"] for one in ok(api.get(PATH, params=params))]


def hours_ago(number: float) -> str:
    return (NOW - timedelta(hours=number)).isoformat()


def test_an_instant_and_a_time_are_answered_as_they_were_noted(api: httpx2.Client) -> None:
    made = note(api, text="payments 4.2.0", tags=["deployment", "deployment"], service_name="pay")
    assert made["at"] == NOW.isoformat().replace("+00:00", "Z")
    assert (made["from"], made["to"], made["metric_name"]) == (None, None, None)
    assert (made["text"], made["tags"]) == ("payments 4.2.0", ["deployment"])
    assert made["service_name"] == "pay"
    assert made["created_by"] == "admin-key"
    longer = note(api, **{"from": "2026-11-27T00:00:00-03:00", "to": "2026-11-28T00:00:00-03:00"})
    assert (longer["at"], longer["from"]) == (None, "2026-11-27T03:00:00Z")
    assert longer["to"] == "2026-11-28T03:00:00Z"


def test_those_that_reach_into_a_range_are_listed_newest_first(api: httpx2.Client) -> None:
    with new_tenant(api, secrets.token_hex(6)) as client:
        campaign = note(client, **{"from": hours_ago(9), "to": hours_ago(5)})["id"]
        early, late = (note(client, at=hours_ago(n))["id"] for n in (8, 2))
        assert listed(client) == [late, early, campaign]
        assert listed(client, start_date=hours_ago(6)) == [late, campaign]
        assert listed(client, end_date=hours_ago(8)) == [early, campaign]
        first = client.get(PATH, params={"limit": 2}).json()
        assert [one["id"] for one in first["data"]] == [late, early]
        assert listed(client, limit=2, cursor=first["next_cursor"]) == [campaign]


def test_filters(api: httpx2.Client) -> None:
    with new_tenant(api, secrets.token_hex(6)) as client:
        of_all = note(client, tags=["campaign"])["id"]
        of_one = note(client, metric_name="revenue_hourly", service_name="pay")["id"]
        of_another = note(client, metric_name="error_rate")["id"]
        assert listed(client) == [of_another, of_one, of_all]
        assert listed(client, metric_name="revenue_hourly") == [of_one, of_all]
        assert listed(client, tag="campaign") == [of_all]
        assert listed(client, service_name="pay") == [of_one]


def test_one_that_is_removed_is_gone_and_both_are_in_the_audit_log(api: httpx2.Client) -> None:
    made = note(api)
    number = made["id"]
    gone = ok(api.delete(f"{PATH}/{number}"))
    assert gone == {"id": number, "text": made["text"]}
    assert number not in listed(api)
    assert api.delete(f"{PATH}/{number}").status_code == 404
    audit = ok(api.get("/api/audit", params={"target": f"annotation:{number}"}))
    assert [one["action"] for one in audit] == ["annotation.delete", "annotation.create"]
    assert audit[1]["after"]["text"] == made["text"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"at": None}, None),
        ({"from": hours_ago(1)}, None),
        ({"at": hours_ago(1), "from": hours_ago(1), "to": hours_ago(0)}, None),
        ({"at": None, "from": hours_ago(1), "to": hours_ago(2)}, None),
        ({"at": "2026-11-27T00:00:00"}, "at"),
        ({"text": ""}, "text"),
        ({"tags": ["x" * 51]}, "tags.0"),
        ({"metric_name": "a b"}, "metric_name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused(
    api: httpx2.Client, fields: dict[str, Any], field: str | None
) -> None:
    answer = api.post(PATH, json={"text": "x", "at": NOW.isoformat()} | fields)
    assert [name for _, name in places(refused(answer, 422))] == [field]


def test_nobody_sees_or_removes_what_is_anothers(api: httpx2.Client) -> None:
    own = secrets.token_hex(6)
    mine, ours = note(api, service_name=own)["id"], note(api)["id"]
    with (
        new_tenant(api, secrets.token_hex(6)) as other,
        with_new_key(api, "writer", service_name=own) as bound,
        with_new_key(api, "writer", service_name="else") as elsewhere,
    ):
        assert listed(other) == []
        assert other.delete(f"{PATH}/{mine}").status_code == 404
        assert listed(bound) == [mine]
        assert bound.delete(f"{PATH}/{ours}").status_code == 404
        assert note(bound)["service_name"] == own
        assert (
            bound.post(
                PATH, json={"at": NOW.isoformat(), "text": "x", "service_name": "y"}
            ).status_code
            == 403
        )
        assert listed(elsewhere) == []
        assert elsewhere.delete(f"{PATH}/{mine}").status_code == 404


def test_analysts_see_them(api: httpx2.Client, service: Service) -> None:
    made = note(api, tags=["campaign"])
    with psycopg.connect(service.database_url) as conn:
        conn.execute("SET ROLE fature_analyst")
        row = conn.execute(
            "SELECT text, tags, since = until FROM analytics.annotations WHERE id = %s",
            [made["id"]],
        ).fetchone()
    assert row == (made["text"], ["campaign"], True)


def marks_of(page: httpx2.Response) -> list[dict[str, Any]]:
    """The marks of every chart of a page."""
    found = re.findall(r'(?s)<script type="application/json">(.*?)</script>', page.text)
    return [mark for spec in found for mark in json.loads(spec).get("marks", [])]


def test_they_are_drawn_in_the_explorer_and_on_dashboards(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(NOW - timedelta(hours=3)))
    about = {"from": hours_ago(5), "to": hours_ago(1), "metric_name": metric}
    note(api, text="A campaign <b>", **about)
    note(api, text="Elsewhere", metric_name="error_rate")
    chart = {"id": "c", "type": "line", "title": "C", "queries": [{"metric_name": metric}]}
    place = {"panel": "c", "x": 0, "y": 0, "w": 6, "h": 3}
    config = {"panels": [chart], "layout": [place], "time_range": {"last": "last_7_days"}}
    board = ok(api.post("/api/dashboards", json={"name": metric, "config": config}))
    start, end = (round(datetime.fromisoformat(hours_ago(n)).timestamp()) for n in (5, 1))
    with signed_in(api) as browser:
        explorer = browser.get("/explore", params={"metric_name": metric, "range": "last_7_days"})
        dashboard = browser.get(f"/dashboards/{board['id']}")
        for page in (explorer, dashboard):
            drawn = [one for one in marks_of(page) if one["label"] == "A campaign <b>"]
            assert [(one["at"], one["until"]) for one in drawn] == [(start, end)]
            assert "Elsewhere" not in [one["label"] for one in marks_of(page)]
        assert "A campaign <b>" in text_of(explorer)


def test_people_note_and_remove_them_on_the_page(api: httpx2.Client) -> None:
    with signed_in(api) as browser:
        text = secrets.token_hex(6)
        fields = {"text": text, "at": "2026-11-27T10:00", "to": "2026-11-27T12:30"}
        answer = post(browser, "/annotations", **fields, tags="campaign, sale")
        assert answer.status_code == 303, answer.text
        (made,) = (one for one in ok(api.get(PATH)) if one["text"] == text)
        assert (made["from"], made["to"]) == ("2026-11-27T10:00:00Z", "2026-11-27T12:30:00Z")
        assert made["tags"] == ["campaign", "sale"]
        assert text in text_of(browser.get("/annotations", params={"tag": "sale"}))
        wrong = post(
            browser, "/annotations", text="x", at="2026-11-27T10:00", to="2026-11-26T10:00"
        )
        assert wrong.status_code == 422
        assert "before the beginning" in wrong.text
        at = {"text": "x", "at": "2026-11-27T10:00"}
        for field in ({"tags": "x" * 51}, {"at": "1800-01-01T00:00"}):
            assert post(browser, "/annotations", **at | field).status_code == 422
        gone = post(browser, f"/annotations/{made['id']}/delete", sure="yes")
        assert gone.status_code == 303
        assert made["id"] not in listed(api)

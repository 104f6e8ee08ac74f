"""What is usual, on dashboards, pages of events and in the editor of rules: as the API says it."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.acceptance.access import ok
from tests.acceptance.reading import at as at_once
from tests.acceptance.reading import submit
from tests.acceptance.test_expected import OUTAGE, Past, ask, past
from tests.acceptance.test_web_alerts import event, rule
from tests.acceptance.test_web_explore import specs_of
from tests.acceptance.web import post, signed_in, text_of, token_in
from tests.clock import wait_out
from tests.conftest import Service
from tests.killable import until

__all__ = ["past"]

DAYS = {"last": "last_30_days"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Up to so many are forecast for a target.
MOST_HOURS = 400


def board_of(api: httpx2.Client, *panels: dict[str, Any]) -> str:
    """The address of a dashboard that was just made."""
    config = {
        "time_range": DAYS,
        "panels": [{"title": panel["id"], **panel} for panel in panels],
        "layout": [
            {"panel": panel["id"], "x": 0, "y": 4 * place, "w": 6, "h": 4}
            for place, panel in enumerate(panels)
        ],
    }
    body = {"name": secrets.token_hex(6), "config": config}
    return f"/dashboards/{ok(api.post('/api/dashboards', json=body))['id']}"


def expected_of(api: httpx2.Client, past: Past, **asked: str) -> dict[str, Any]:
    """The rows of the API with what was expected, by the start of their period."""
    rows = ask(api, "aggregate", past.metric, period="hour", expected="true", **asked)["data"]
    return {row["start"]: row for row in rows}


def at(past: Past, seconds: int) -> str:
    return past.at((seconds - int(past.start.timestamp())) // 3600)


def is_band_of(spec: dict[str, Any], rows: dict[str, Any], past: Past) -> bool:
    """True of a band that is that of the API at each instant of the chart that has a value."""
    band = zip(spec["times"], spec["band"]["lower"], spec["band"]["upper"], strict=True)
    found = {at(past, time): ends for time, *ends in band}
    return all(found[start] == [row["lower"], row["upper"]] for start, row in rows.items())


def test_a_panel_shades_what_is_usual_where_it_is_asked_to(api: httpx2.Client, past: Past) -> None:
    query = {"metric_name": past.metric, "period": "hour"}
    panels: list[dict[str, Any]] = [
        {"id": "shaded", "type": "line", "band": True, "queries": [query]},
        {"id": "plain", "type": "line", "queries": [query]},
        {
            "id": "grouped",
            "type": "bar",
            "band": True,
            "queries": [query | {"group_by": ["region"]}],
        },
        {"id": "two", "type": "line", "band": True, "queries": [query, query | {"label": "again"}]},
    ]
    here = board_of(api, *panels)
    with signed_in(api) as web:
        # It is left out where it takes too long, which only what is fitted for the first time does.
        until(lambda: specs_of(web.get(here))[0]["band"] is not None)
        page = web.get(here)
        said = text_of(web.get(here, headers={"Accept-Language": "pt-BR"}))
    shaded, *others = specs_of(page)
    first = at(past, shaded["times"][0])
    assert is_band_of(shaded, expected_of(api, past, start_date=first), past)
    assert past.at(OUTAGE) in [at(past, spot["at"]) for spot in shaded["spots"]]
    assert [one["band"] for one in others] == [None, None, None]
    assert "Unusually low: about" in text_of(page)
    assert "Mais baixo que o habitual" in said


def test_the_option_of_a_panel_is_a_box_to_check(api: httpx2.Client, past: Past) -> None:
    here = board_of(api, {"id": "one", "type": "line", "queries": [{"metric_name": past.metric}]})
    fields = {"id": "one", "type": "line", "title": "One", "query_0_metric_name": past.metric}
    with signed_in(api) as web:
        assert post(web, f"{here}/panels/save", **fields, band="yes").status_code == 303
        assert ok(api.get(f"/api{here}"))["config"]["panels"][0]["band"] is True
        assert 'value="yes" checked' in web.get(f"{here}/panels/edit/one").text
        assert post(web, f"{here}/panels/save", **fields).status_code == 303
        assert ok(api.get(f"/api{here}"))["config"]["panels"][0]["band"] is False


def test_the_page_of_an_event_shades_what_was_expected(
    service: Service, api: httpx2.Client, past: Past
) -> None:
    made = rule(api, metric_name=past.metric, window="hour", is_active=False)
    here = f"/alerts/events/{event(service, made, window='hour')}"
    with signed_in(api) as web:
        until(lambda: specs_of(web.get(here))[0]["band"] is not None)
        page = web.get(here)
    (spec,) = specs_of(page)
    first = at(past, spec["times"][0])
    rows = {start: row for start, row in expected_of(api, past).items() if start >= first}
    assert is_band_of(spec, rows, past)
    assert "Shaded is where nine of ten values" in text_of(page)


@pytest.mark.parametrize("direction", ["below", "both"])
def test_the_editor_shades_what_a_rule_takes_as_usual(
    api: httpx2.Client, past: Past, direction: str
) -> None:
    fields = {
        "rule_name": "Unusual",
        "metric_name": past.metric,
        "type": "anomaly",
        "direction": direction,
        "window": "hour",
        "severity": "low",
    }
    specs = []
    with signed_in(api) as web:
        token = token_in(web.get("/alerts"))
        for sensitivity in ("low", "high"):
            data = {"csrf": token, **fields, "sensitivity": sensitivity}
            page = web.post("/alerts/rules/preview", data=data, headers={"HX-Request": "true"})
            specs += specs_of(page)
            assert "Shaded is what the rule takes as usual" in text_of(page)
    low, high = (spec["band"] for spec in specs)
    for wide, narrow in zip(low["lower"], high["lower"], strict=True):
        assert wide is None or wide <= narrow
    assert any(one is not None for one in high["upper"]) == (direction == "both")
    for spec in specs:
        assert past.at(OUTAGE) in [at(past, spot["at"]) for spot in spec["spots"]]
        fired = {spot["at"]: spot["value"] for spot in spec["spots"]}
        values = dict(zip(spec["times"], spec["lines"][0]["values"], strict=True))
        assert fired == {time: values[time] for time in fired}
    assert len(specs[0]["spots"]) <= len(specs[1]["spots"])


def test_the_editor_rings_no_values_that_a_rule_judges_by_their_change(
    api: httpx2.Client, past: Past
) -> None:
    fields = {
        "rule_name": "Changed",
        "metric_name": past.metric,
        "type": "change",
        "compare": "previous_week",
        "condition": "<",
        "threshold_value": "-50",
        "window": "hour",
        "severity": "low",
    }
    with signed_in(api) as web:
        data = {"csrf": token_in(web.get("/alerts")), **fields}
        page = web.post("/alerts/rules/preview", data=data, headers={"HX-Request": "true"})
    (spec,) = specs_of(page)
    assert spec["marks"]
    assert spec["spots"] == []


def to_the_end_of_the_month() -> list[datetime]:
    """The days from this one on."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=ahead) for ahead in range(31)]
    return [day for day in days if day.month == today.month]


def test_the_explorer_draws_what_is_ahead(api: httpx2.Client, past: Past) -> None:
    wait_out("day", ZoneInfo("UTC"))
    asked = {"metric_name": past.metric, "period": "day", "range": "last_30_days"}
    with signed_in(api) as web:
        page = web.get("/explore", params=asked | {"forecast": "month"})
        plain = web.get("/explore", params=asked)
        said = text_of(
            web.get(
                "/explore",
                params=asked | {"forecast": "month"},
                headers={"Accept-Language": "pt-BR"},
            )
        )
    days = to_the_end_of_the_month()
    rows = ask(api, "forecast", past.metric, period="day", horizon=len(days))["data"]
    (spec,) = specs_of(page)
    assert spec["times"][-len(days) :] == [int(day.timestamp()) for day in days]
    line, ahead = spec["lines"]
    values = [row["value"] for row in rows]
    assert ahead["values"][-len(days) :] == pytest.approx(values)
    # It goes on from the last day that is over.
    assert ahead["values"][-len(days) - 1] == line["values"][-len(days) - 1]
    for end in ("lower", "upper"):
        assert spec["band"][end][-len(days) :] == pytest.approx([row[end] for row in rows])
    (before,) = specs_of(plain)
    assert len(before["lines"]) == 1
    assert before["lines"][0]["values"][:-1] == line["values"][: len(before["times"]) - 1]
    assert "Até o fim do mês: cerca de" in said


def test_the_explorer_says_what_the_month_will_end_with(api: httpx2.Client, past: Past) -> None:
    wait_out("hour", ZoneInfo("UTC"))
    asked = {"metric_name": past.metric, "period": "day", "forecast": "month"}
    with signed_in(api) as web:
        text = text_of(web.get("/explore", params=asked))
    found = re.search(r"By the end of the month: about R\$([0-9,.]+),", text)
    assert found
    now, days = datetime.now(UTC), to_the_end_of_the_month()
    left = days[-1] + DAY - now
    # Of what is left of the month, as for a target: by hours where there are few enough.
    period, step = ("hour", HOUR) if left <= MOST_HOURS * HOUR else ("day", DAY)
    number = -(-left // step)
    rows = ask(api, "forecast", past.metric, period=period, horizon=number)["data"]
    under_way, *rest = [row["value"] for row in rows]
    so_far = sum(
        value
        for hour, value in enumerate(past.total)
        if past.start + timedelta(hours=hour) >= days[0].replace(day=1)
    )
    right = so_far + (left / step - (number - 1)) * under_way + sum(rest)
    assert float(found[1].replace(",", "")) == pytest.approx(right, rel=0.02)


@pytest.mark.parametrize("asked", [{"range": "last_month"}, {"group_by": "region"}])
def test_what_is_over_or_of_groups_has_no_forecast(
    api: httpx2.Client, past: Past, asked: dict[str, str]
) -> None:
    with signed_in(api) as web:
        page = web.get("/explore", params={"metric_name": past.metric, "forecast": "week", **asked})
    assert "A forecast is drawn of one line" in text_of(page)


def test_too_short_a_history_has_no_forecast(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at_once(datetime.now(UTC), 3.0))
    with signed_in(api) as web:
        page = web.get("/explore", params={"metric_name": metric, "forecast": "week"})
    assert "A forecast needs the values of" in text_of(page)

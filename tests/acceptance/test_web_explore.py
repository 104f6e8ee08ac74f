"""The explorer shows the API's figures, and its address is all of its state."""

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx2
import pytest

from tests.acceptance.reading import aggregate, at, submit, submit_in_units
from tests.acceptance.web import post, signed_in, text_of
from tests.clock import today

pytestmark = pytest.mark.one_engine

_SPEC = re.compile(r'(?s)<script type="application/json">(.*?)</script>')
_TAG = re.compile(r"<[^>]+>")
SERVICES, REGIONS = ("shop", "app"), ("SP", "RJ", None)


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    with signed_in(api) as client:
        yield client


@pytest.fixture
def sold(api: httpx2.Client, metric: str) -> str:
    """A metric with some weeks of samples of several series, up to now."""
    dice = random.Random(metric)
    samples = [
        at(
            today() - timedelta(hours=dice.randrange(24 * 60)),
            round(dice.uniform(-5, 500), 2),
            unit="BRL",
            service_name=dice.choice(SERVICES),
            region=dice.choice(REGIONS),
        )
        for _ in range(400)
    ]
    submit(api, metric, *samples)
    return metric


def specs_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The charts of a page."""
    return [json.loads(unescape(text)) for text in _SPEC.findall(answer.text)]


def drawn(answer: httpx2.Response) -> dict[tuple[int, str], float]:
    """Every value that the charts of a page draw, by instant and line."""
    return {
        (time, line["label"]): value
        for spec in specs_of(answer)
        for line in spec["lines"]
        for time, value in zip(spec["times"], line["values"], strict=True)
        if value is not None and not line["before"]
    }


def selection(dice: random.Random) -> dict[str, Any]:
    """Something to ask, as the API takes it."""
    back = dice.randrange(5, 60)
    start = today().date() - timedelta(days=back)
    asked: dict[str, Any] = {
        "start_date": str(start),
        "end_date": str(start + timedelta(days=dice.randrange(1, back + 1))),
        "period": dice.choice(("hour", "day", "week", "month", "quarter", "year")),
        "aggregation": dice.choice(("sum", "avg", "min", "max", "count", "last")),
    }
    if dice.random() < 0.5:
        asked["group_by"] = dice.sample(("service_name", "region"), dice.randrange(1, 3))
    if dice.random() < 0.4:
        asked["service_name"] = dice.choice(SERVICES)
    return asked


def address(metric: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The same as the explorer's address has it."""
    given = {("filter." + n if n == "service_name" else n): v for n, v in asked.items()}
    return {"metric_name": metric, **given}


@pytest.mark.parametrize("seed", range(12))
def test_chart_and_csv_are_the_figures_of_the_api(
    api: httpx2.Client, web: httpx2.Client, sold: str, seed: int
) -> None:
    asked = selection(random.Random(seed))
    answer = aggregate(api, sold, **asked)
    page = web.get("/explore", params=address(sold, asked))
    assert page.status_code == 200
    names = asked.get("group_by", [])
    expected = {
        (
            round(datetime.fromisoformat(row["start"]).timestamp()),
            " · ".join(row[name] or "(none)" for name in names) or title(sold),
        ): row["value"]
        for row in answer["data"]
    }
    assert drawn(page) == expected
    csv = web.get("/explore.csv", params=address(sold, asked))
    params = {"metric_name": sold, **asked}
    theirs = api.get("/api/metrics/aggregate", params=params, headers={"Accept": "text/csv"})
    assert csv.text == theirs.text
    assert csv.headers["Content-Type"] == theirs.headers["Content-Type"]


def test_minutes_are_drawn_listed_and_watched(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    moment = today()
    submit(
        api,
        metric,
        *(at(moment, value, frequency="real_time") for value in (2.0, 3.0)),
        at(moment, 500.0, frequency="hourly"),
    )
    page = web.get("/explore", params={"metric_name": metric, "range": "today", "period": "minute"})
    assert drawn(page) == {(round(moment.timestamp()), title(metric)): 5.0}
    assert "without what is submitted hourly" in text_of(page)
    assert "window=1m" in page.text
    options = re.findall(r'<option value="(\w*)"', page.text.partition('id="period"')[2])
    assert options[:5] == ["", "minute", "hour", "day", "week"]
    month = web.get(
        "/explore", params={"metric_name": metric, "range": "last_30_days", "period": "minute"}
    )
    assert "more than 10000 periods" in text_of(month).replace(",", "")


def test_a_downloaded_csv_says_what_it_leaves_out(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    moment = today() - timedelta(days=1)
    submit(api, metric, at(moment, frequency="hourly"), at(moment, frequency="daily"))
    asked = {"metric_name": metric, "range": "last_7_days", "period": "hour"}
    csv = web.get("/explore.csv", params=asked)
    assert csv.headers["X-Omitted-Frequencies"] == "daily"


def test_the_total_is_of_all_samples_and_no_mean_of_means(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    day = today() - timedelta(days=3)
    ones = [at(day + timedelta(minutes=minute), 1.0) for minute in range(9)]
    submit(api, metric, *ones, at(day + timedelta(days=1), 11.0))
    asked = {"metric_name": metric, "range": "last_7_days"}
    assert "Whole range 2 " in text_of(web.get("/explore", params=asked | {"aggregation": "avg"}))
    assert "Whole range 20 " in text_of(web.get("/explore", params=asked | {"aggregation": "sum"}))
    last = web.get("/explore", params=asked | {"aggregation": "last"})
    assert "Whole range 11 " in text_of(last)


def test_what_it_is_compared_with_stands_under_the_same_instant(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    days = (today() - timedelta(days=2), today() - timedelta(days=9))
    submit(api, metric, at(days[0], 30.0), at(days[1], 20.0))
    asked = {"metric_name": metric, "range": "last_7_days", "compare": "previous_period"}
    page = web.get("/explore", params=asked)
    (spec,) = specs_of(page)
    now, before = spec["lines"]
    assert now["values"].index(30) == before["values"].index(20) == 4
    assert spec["incomplete"]
    assert "+50.0%" in text_of(page)


@pytest.mark.parametrize(("aggregation", "apart"), [("last", True), ("sum", False)])
def test_a_level_of_now_is_apart_from_those_of_ends_of_days(
    web: httpx2.Client, sold: str, aggregation: str, apart: bool
) -> None:
    asked = {"metric_name": sold, "aggregation": aggregation, "period": "day"}
    (spec,) = specs_of(web.get("/explore", params=asked))
    assert spec["level"] is apart


def test_a_month_so_far_is_compared_with_the_same_days_of_the_one_before(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    first = today().replace(day=1)
    before = first - timedelta(days=1)
    submit(api, metric, at(first, 30.0), at(before.replace(day=1), 20.0), at(before, 7.0))
    asked = {"metric_name": metric, "range": "this_month", "compare": "previous_period"}
    (spec,) = specs_of(web.get("/explore", params={**asked, "period": "day"}))
    values = [{n: v for n, v in enumerate(line["values"]) if v} for line in spec["lines"]]
    others = {0: 20, before.day - 1: 7}
    assert values == [{0: 30}, {day: v for day, v in others.items() if day < today().day}]


@pytest.mark.parametrize("compare", ["previous_period", "previous_year"])
def test_weeks_are_compared_with_as_many_whole_weeks(
    api: httpx2.Client, web: httpx2.Client, metric: str, compare: str
) -> None:
    days = [today() - timedelta(days=n) for n in range(1, 500)]
    submit(api, metric, *(at(day, 1.0, frequency="daily") for day in days))
    # From the middle of a week to the middle of another.
    start = today().date() - timedelta(days=60 + (today().weekday() - 3) % 7)
    asked = {
        "metric_name": metric,
        "start_date": str(start),
        "end_date": str(start + timedelta(days=28)),
        "period": "week",
        "compare": compare,
    }
    page = web.get("/explore", params=asked)
    (spec,) = specs_of(page)
    assert [line["values"] for line in spec["lines"]] == [[7.0] * 5] * 2
    assert "Whole range 35 35 " in text_of(page)


def test_the_last_day_of_february_is_compared_in_leap_years_too(
    web: httpx2.Client, sold: str
) -> None:
    day = {"start_date": "2024-02-28", "end_date": "2024-02-28"}
    page = web.get("/explore", params={"metric_name": sold, "compare": "previous_year", **day})
    assert "No figures in this range" in text_of(page)


def test_where_there_is_nothing_to_compare_with_nothing_is_drawn_of_it(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    submit(api, metric, at(today() - timedelta(days=2), 30.0))
    asked = {"metric_name": metric, "range": "last_7_days", "compare": "previous_period"}
    page = web.get("/explore", params=asked)
    assert [line["label"] for line in specs_of(page)[0]["lines"]] == [title(metric)]
    assert "nothing to compare with" in text_of(page)


def test_the_address_is_the_whole_state(web: httpx2.Client, sold: str) -> None:
    asked = {
        "metric_name": sold,
        "range": "last_90_days",
        "period": "week",
        "aggregation": "avg",
        "group_by": ["region"],
        "filter.service_name": "shop",
        "compare": "previous_year",
        "look": "bar",
    }
    once = web.get("/explore", params=asked)
    assert specs_of(once) == specs_of(web.get(once.request.url.raw_path.decode()))
    assert specs_of(once)[0]["look"] == "bar"
    for chosen in ("last_90_days", "week", "avg", "shop", "previous_year", "bar"):
        assert re.search(f'<option value="{chosen}" selected>', once.text), chosen
    assert 'value="region" checked' in once.text


def test_without_a_script_the_form_leads_to_a_tidy_address(web: httpx2.Client, sold: str) -> None:
    given = {"metric_name": sold, "range": "today", "start_date": "", "filter.region": ""}
    answer = web.get("/explore", params=given)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/explore?metric_name={sold}&range=today"


def test_units_are_never_mixed_and_one_is_offered(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    submit_in_units(api, metric, at(today(), 1.0, unit="BRL"), at(today(), 2.0, unit="USD"))
    page = web.get("/explore", params={"metric_name": metric})
    assert [spec["unit"] for spec in specs_of(page)] == ["BRL"]
    assert "without what is in USD" in text_of(page)
    assert f'href="/explore?metric_name={metric}&amp;range=last_30_days&amp;filter.unit=USD"' in (
        page.text
    )
    apart = web.get("/explore", params={"metric_name": metric, "group_by": "unit"})
    assert [spec["unit"] for spec in specs_of(apart)] == ["USD", "BRL"]


@pytest.mark.parametrize("group_by", [None, "region", "unit"])
def test_a_number_of_samples_is_no_money(
    api: httpx2.Client, web: httpx2.Client, metric: str, group_by: str | None
) -> None:
    submit(api, metric, at(today(), 250.0, unit="BRL"), at(today(), 250.0, unit="BRL"))
    asked = {"metric_name": metric, "range": "today", "aggregation": "count"}
    page = web.get("/explore", params=asked | ({"group_by": group_by} if group_by else {}))
    assert {spec["unit"] for spec in specs_of(page)} == {None}
    assert list(drawn(page).values()) == [2]
    assert "R$" not in text_of(page)


def test_what_has_no_unit_is_offered_beside_what_has_one(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    submit_in_units(api, metric, at(today(), 1.0, unit="BRL"), at(today(), 2.0, unit=None))
    page = web.get("/explore", params={"metric_name": metric})
    link = re.search(r'href="([^"]+)">without a unit<', page.text)
    assert link
    (spec,) = specs_of(web.get(unescape(link[1])))
    assert spec["unit"] is None
    assert 2.0 in spec["lines"][0]["values"]


def test_units_are_in_the_readers_language(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    submit(api, metric, at(datetime.now(UTC), 1200.0, unit="users"))
    page = web.get("/explore", params={"metric_name": metric}, headers={"Accept-Language": "pt"})
    assert 'data-unit="usuários"' in page.text
    assert re.search(r"1\.200\Wusuários", unescape(page.text))


@pytest.mark.parametrize(
    "wrong",
    [
        {"period": "decade"},
        {"group_by": "colour"},
        {"filter.colour": "x"},
        {"typo": "1"},
        {"end_date": "9999-12-31"},
        {"start_date": "1500-01-01"},
        {"start_date": "1900-01-01", "end_date": "1900-12-31", "compare": "previous_year"},
    ],
)
def test_what_makes_no_sense_is_said_on_the_page(
    web: httpx2.Client, sold: str, wrong: dict[str, str]
) -> None:
    page = web.get("/explore", params={"metric_name": sold, **wrong})
    assert page.status_code == 200
    assert 'class="notice bad"' in page.text


def test_a_metric_that_does_not_exist_is_named(web: httpx2.Client) -> None:
    page = web.get("/explore?metric_name=nope")
    assert "There is no metric nope" in text_of(page)
    for absent in ("No figures in this range", "/alerts/rules/new", "/explore/panel"):
        assert absent not in page.text, absent
    page = web.get("/explore?metric_name=nope", headers={"Accept-Language": "pt-BR"})
    assert "Não existe métrica nope" in text_of(page)


def test_the_range_ends_with_the_last_day_that_is_shown(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    monday = today() - timedelta(days=today().weekday() + 21)
    submit(api, metric, *(at(monday + timedelta(days=day, hours=12)) for day in range(14)))
    asked = {"metric_name": metric, "period": "week", "start_date": f"{monday:%Y-%m-%d}"}
    for days in (13, 9):
        end = monday + timedelta(days=days)
        page = web.get("/explore", params={**asked, "end_date": f"{end:%Y-%m-%d}"})
        assert f"– {end:%b} {end.day}, {end.year} · Week" in text_of(page)
    page = web.get("/explore", params={"metric_name": metric, "period": "week"})
    assert f"– {today():%b} {today().day}, {today().year} · Week" in text_of(page)


def test_a_range_that_lies_ahead_is_empty_and_can_be_changed(web: httpx2.Client, sold: str) -> None:
    start = f"{today() + timedelta(days=3):%Y-%m-%d}"
    page = web.get("/explore", params={"metric_name": sold, "start_date": start})
    assert page.status_code == 200
    assert "No figures in this range" in text_of(page)
    assert not drawn(page)
    # From that day to that day, as no later one was asked for.
    assert re.findall(r'name="(?:start|end)_date" type="date" value="([^"]*)"', page.text) == [
        start,
        start,
    ]


def test_groups_without_a_headline_are_counted(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    submit(api, metric, *(at(today(), n, service_name=f"s{n}") for n in range(1, 7)))
    page = web.get("/explore", params={"metric_name": metric, "group_by": "service_name"})
    assert "and 2 more" in text_of(page)
    page = web.get("/explore", params={"metric_name": metric, "group_by": "region"})
    assert not re.search(r"and \d+ more", text_of(page))


def test_what_is_left_out_is_named(api: httpx2.Client, web: httpx2.Client, metric: str) -> None:
    yesterday = today() - timedelta(days=1)
    submit(api, metric, at(yesterday), at(yesterday, frequency="daily"))
    page = web.get("/explore", params={"metric_name": metric, "period": "hour"})
    assert "without what is submitted daily" in text_of(page)


def test_what_is_wrong_is_said_without_the_names_of_types(web: httpx2.Client, sold: str) -> None:
    asked = {"metric_name": sold, "range": "last_weekend"}
    page = web.get("/explore", params=asked, headers={"Accept-Language": "pt-BR"})
    assert "literal[" not in page.text
    assert "Escolha um destes" in text_of(page)


def test_what_was_asked_for_stands_beside_what_is_wrong_with_it(
    web: httpx2.Client, sold: str
) -> None:
    dates = {"start_date": "2026-11-30", "end_date": "2026-11-01"}
    asked = {**dates, "metric_name": sold, "period": "week", "filter.region": "SP", "look": "bar"}
    page = web.get("/explore", params=asked)
    assert "end_date is before start_date" in text_of(page)
    for name, value in dates.items():
        assert f'name="{name}" type="date" value="{value}"' in page.text
    for chosen in ("custom", "week", "SP", "bar"):
        assert f'<option value="{chosen}" selected>' in page.text, chosen
    assert f'name="metric_name" value="{sold}"' in page.text
    half = web.get("/explore", params={"metric_name": sold, "start_date": "2026-02-31"})
    assert "start_date=2026-02-31" in half.text
    assert "end_date=None" not in half.text


def test_a_picture_becomes_a_panel(api: httpx2.Client, web: httpx2.Client, sold: str) -> None:
    fields = {
        "state": [f"metric_name={sold}", "look=bar", "group_by=region", "filter.service_name=shop"],
        "title": "Sold",
        "dashboard": "",
        "name": f"Board of {sold}",
    }
    answer = post(web, "/explore/panel", **fields)
    assert answer.status_code == 303, answer.text
    number = answer.headers["Location"].rpartition("/")[2]
    again = post(web, "/explore/panel", **(fields | {"dashboard": number}))
    assert again.status_code == 303
    config = api.get(f"/api/dashboards/{number}").json()["data"]["config"]
    assert [panel["id"] for panel in config["panels"]] == ["panel", "panel-2"]
    query = config["panels"][0]["queries"][0]
    assert (query["group_by"], query["filters"]) == (["region"], {"service_name": "shop"})
    assert {key[1] for key in drawn(web.get(f"/dashboards/{number}"))} <= {"SP", "RJ", "(none)"}


def test_a_taken_name_is_said_at_the_form_with_all_that_was_typed(
    web: httpx2.Client, sold: str
) -> None:
    fields = {
        "state": [f"metric_name={sold}", "look=bar", "filter.service_name=shop"],
        "title": "Sold in the shop",
        "dashboard": "",
        "name": "Business overview",
    }
    answer = post(web, "/explore/panel", **fields)
    assert answer.status_code == 409
    assert "There is another dashboard named Business overview" in text_of(answer)
    assert 'id="name-error"' in answer.text
    assert 'value="Sold in the shop"' in answer.text
    assert 'value="Business overview"' in answer.text
    assert '<details class="menu save" open>' in answer.text
    assert 'value="filter.service_name=shop"' in answer.text
    assert specs_of(answer)[0]["look"] == "bar"


def test_a_reader_is_offered_nothing_that_is_refused(api: httpx2.Client, sold: str) -> None:
    with signed_in(api, "reader") as client:
        page = client.get("/explore", params={"metric_name": sold})
        assert page.status_code == 200
        assert "/explore/panel" not in page.text
        assert "/alerts/rules/new" not in page.text
        assert post(client, "/explore/panel", title="x").status_code == 403
    with signed_in(api, "writer") as client:
        assert client.get("/explore").status_code == 403


def test_one_of_a_service_sees_its_figures_only(api: httpx2.Client, sold: str) -> None:
    with signed_in(api, "reader", service_name="shop") as client:
        asked = {"range": "last_90_days", "group_by": ["service_name"]}
        page = client.get("/explore", params={"metric_name": sold, **asked})
        assert {line for _, line in drawn(page)} == {"shop"}
        assert '"app"' not in page.text


def title(metric: str) -> str:
    return metric.replace("_", " ").capitalize()


def ranked(page: httpx2.Response) -> list[tuple[str, ...]]:
    """The rows of the ranking, as texts."""
    (table,) = re.findall(r'(?s)<table class="ranking">(.*?)</table>', page.text)
    (body,) = re.findall(r"(?s)<tbody>(.*?)</tbody>", table)
    rows = re.findall(r"(?s)<tr>(.*?)</tr>", body)
    cells = [re.findall(r"(?s)<t[hd].*?</t[hd]>", row) for row in rows]
    return [tuple(" ".join(_TAG.sub(" ", one).split()) for one in row) for row in cells]


@pytest.fixture
def by_affiliate(api: httpx2.Client, metric: str) -> str:
    """Sales of 60 affiliates yesterday: the first sold most and lost most."""
    yesterday = today() - timedelta(hours=12)
    values = {f"affiliate-{number:02}": 1000.0 - 10 * number for number in range(60)}
    submit(
        api,
        metric,
        *(at(yesterday, value, affiliate_id=name) for name, value in values.items()),
        *(at(yesterday - timedelta(days=7), 2000.0, affiliate_id=name) for name in values),
    )
    return metric


def ranking_page(web: httpx2.Client, metric: str, **params: str) -> httpx2.Response:
    asked = {"metric_name": metric, "range": "yesterday", "group_by": "affiliate_id", **params}
    page = web.get("/explore", params=asked)
    assert page.status_code == 200
    return page


def test_groups_are_ranked_with_their_share(web: httpx2.Client, by_affiliate: str) -> None:
    page = ranking_page(web, by_affiliate)
    first, second, *_ = ranked(page)
    # 60 affiliates from 1,000 down to 410 have sold 42,300.
    assert first == ("affiliate-00", "1,000", "2.4%")
    assert second[0] == "affiliate-01"
    assert "35 others" in page.text
    assert "60 groups" in page.text


def test_the_ranking_says_what_changed(web: httpx2.Client, by_affiliate: str) -> None:
    page = ranking_page(web, by_affiliate, compare="previous_week", rank="-change")
    first = ranked(page)[0]
    assert first[0] == "affiliate-59"
    assert [text.replace("\N{MINUS SIGN}", "-") for text in first[3:5]] == ["2,000", "-1,590"]


def test_the_ranking_goes_on_and_is_searched(web: httpx2.Client, by_affiliate: str) -> None:
    seen: list[str] = []
    page = ranking_page(web, by_affiliate)
    while True:
        seen += [row[0] for row in ranked(page)]
        following = re.search(r'href="(/explore[^"]+)" rel="next"', page.text)
        if not following:
            break
        page = web.get(unescape(following[1]))
    assert seen == [f"affiliate-{number:02}" for number in range(60)]
    found = ranking_page(web, by_affiliate, search="TE-1")
    assert len(ranked(found)) == 10
    assert "No group matches" in ranking_page(web, by_affiliate, search="nobody").text


def test_a_group_of_the_ranking_leads_to_itself_alone(
    web: httpx2.Client, by_affiliate: str
) -> None:
    page = ranking_page(web, by_affiliate)
    (link,) = re.findall(r'<th scope="row"><a href="([^"]+)">affiliate-07', page.text)
    alone = web.get(unescape(link))
    assert sum(drawn(alone).values()) == 930.0
    assert "Ranking" not in alone.text


def test_a_bad_cursor_of_the_ranking_is_named(web: httpx2.Client, by_affiliate: str) -> None:
    asked = {"metric_name": by_affiliate, "group_by": "affiliate_id", "cursor": "nonsense"}
    assert "Not a cursor from here" in web.get("/explore", params=asked).text


@pytest.mark.parametrize(("compare", "days"), [("previous_day", 1), ("previous_week", 7)])
def test_a_day_is_compared_with_another(
    api: httpx2.Client, web: httpx2.Client, metric: str, compare: str, days: int
) -> None:
    noon = today() - timedelta(hours=36)
    submit(api, metric, at(noon, 150.0), at(noon - timedelta(days=days), 100.0))
    day = str(noon.date())
    params = {"metric_name": metric, "start_date": day, "end_date": day, "compare": compare}
    page = web.get("/explore", params=params)
    before = [line for spec in specs_of(page) for line in spec["lines"] if line["before"]]
    assert [value for line in before for value in line["values"] if value is not None] == [100.0]
    assert "+50.0%" in text_of(page)

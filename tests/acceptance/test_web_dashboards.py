"""Dashboards as pages: what they show, editing them, files, links that share them."""

import json
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.access import new_tenant, ok
from tests.acceptance.reading import aggregate, at, submit
from tests.acceptance.web import post, signed_in, text_of, token_in, visitor
from tests.clock import today
from tests.conftest import ROOT, Service

pytestmark = pytest.mark.one_engine

ALL = "/api/dashboards"


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    with signed_in(api) as client:
        yield client


@pytest.fixture
def sold(api: httpx2.Client, metric: str) -> str:
    """Sales of two services, such that averages would go wrong."""
    samples = [
        at(today() - timedelta(days=day), value, service_name=name, region="SP", unit="BRL")
        for name, values in (("shop", (101.25, 20)), ("app", (7, 9, 300.5)))
        for day, value in enumerate(values)
    ]
    submit(api, metric, *samples)
    return metric


def config_of(metric: str, *others: dict[str, Any]) -> dict[str, Any]:
    query: dict[str, Any] = {"metric_name": metric, "filters": {"service_name": "$service"}}
    panels: list[dict[str, Any]] = [
        {"id": "total", "type": "stat", "title": "All of it", "queries": [query]},
        {"id": "curve", "type": "line", "title": "Curve", "queries": [query]},
        {"id": "rows", "type": "table", "title": "Rows", "queries": [query]},
        {"id": "alerts", "type": "alerts", "title": "Alarms"},
        *others,
    ]
    places = [
        {"panel": panel["id"], "x": 0, "y": number * 3, "w": 6, "h": 3}
        for number, panel in enumerate(panels)
    ]
    variables = [{"name": "service", "label": "Which service", "field": "service_name"}]
    return {"panels": panels, "layout": places, "variables": variables, "refresh": "5m"}


def make(api: httpx2.Client, config: dict[str, Any]) -> dict[str, Any]:
    body = {"name": f"Board {secrets.token_hex(6)}", "description": "Ours", "config": config}
    made: dict[str, Any] = ok(api.post(ALL, json=body))
    return made


@pytest.fixture
def made(api: httpx2.Client, sold: str) -> dict[str, Any]:
    return make(api, config_of(sold))


def panel_in(answer: httpx2.Response, panel: str) -> str:
    """The text of a panel of a page."""
    match = re.search(rf'(?s)<article[^>]* id="panel-{panel}".*?</article>', answer.text)
    assert match, answer.text
    return " ".join(re.sub(r"(?s)<script.*?</script>|<[^>]+>", " ", match[0]).split())


def test_panels_show_the_figures_of_the_api(
    api: httpx2.Client, web: httpx2.Client, made: dict[str, Any], sold: str
) -> None:
    page = web.get(f"/dashboards/{made['id']}")
    assert page.status_code == 200
    assert "437.75" in panel_in(page, "total")
    start = str((today() - timedelta(days=29)).date())
    for row in aggregate(api, sold, start_date=start)["data"]:
        assert f"{row['value']:.2f}" in panel_in(page, "rows")
        assert f"{row['value']:.2f}" in panel_in(page, "curve")
    assert "Alarms" in text_of(page)


@pytest.mark.parametrize(
    ("aggregation", "this_week", "change"),
    [
        # 10 + 20 + 40 + 6, of it 36 before today; the week before 24.
        ("sum", "76", "+50.0%"),
        ("count", "4", "−25.0%"),
        # The mean of four samples, not that of three days; 12 against 6.
        ("avg", "19", "+100.0%"),
        ("min", "6", "+200.0%"),
        ("max", "40", "+66.7%"),
        # What still is: 40, as the app ended two days ago; before today 6 against 4 and 12.
        ("last", "40", "−62.5%"),
    ],
)
def test_one_figure_is_that_of_the_whole_range(
    api: httpx2.Client,
    web: httpx2.Client,
    metric: str,
    aggregation: str,
    this_week: str,
    change: str,
) -> None:
    submit(
        api,
        metric,
        at(today() - timedelta(days=9), 6, service_name="shop"),
        at(today() - timedelta(days=9), 2, service_name="shop"),
        at(today() - timedelta(days=8), 4, service_name="shop"),
        at(today() - timedelta(days=8), 12, service_name="app"),
        at(today() - timedelta(days=2), 10, service_name="shop"),
        at(today() - timedelta(days=2), 20, service_name="app"),
        at(today() - timedelta(days=1), 6, service_name="shop"),
        at(today(), 40, service_name="shop"),
    )
    query = {"metric_name": metric, "aggregation": aggregation}
    panel = {"id": "figure", "type": "stat", "title": "Figure", "queries": [query]}
    config = config_of(metric, panel) | {"time_range": {"last": "last_7_days"}}
    shown = panel_in(web.get(f"/dashboards/{make(api, config)['id']}"), "figure")
    assert re.match(rf"Figure {this_week} ", shown), shown
    assert change in shown


def test_a_change_stands_beside_the_figures_that_it_compares(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    values = {9: 24.0, 2: 30.0, 1: 6.0, 0: 40.0}
    submit(api, metric, *(at(today() - timedelta(days=day), one) for day, one in values.items()))
    panel = {
        "id": "figure",
        "type": "stat",
        "title": "Figure",
        "queries": [{"metric_name": metric}],
    }
    config = config_of(metric, panel) | {"time_range": {"last": "last_7_days"}}
    shown = panel_in(web.get(f"/dashboards/{make(api, config)['id']}"), "figure")
    assert "+50.0% 36 against 24, without the period that is not over" in shown


@pytest.mark.parametrize(("groups", "more"), [(4, ""), (6, "and 2 more")])
def test_four_figures_fit_and_others_are_counted(
    api: httpx2.Client, web: httpx2.Client, metric: str, groups: int, more: str
) -> None:
    submit(api, metric, *(at(today(), 1.0, region=f"R{number}") for number in range(groups)))
    query = {"metric_name": metric, "group_by": ["region"]}
    panel = {"id": "figure", "type": "stat", "title": "Figure", "queries": [query]}
    shown = panel_in(web.get(f"/dashboards/{make(api, config_of(metric, panel))['id']}"), "figure")
    assert len(re.findall(r"\bR\d\b", shown)) == 4
    assert (re.search(r"and \d+ more", shown) or [""])[0] == more


def test_a_variable_and_a_range_are_in_the_address(
    web: httpx2.Client, made: dict[str, Any]
) -> None:
    here = f"/dashboards/{made['id']}"
    assert "121.25" in panel_in(web.get(here, params={"var.service": "shop"}), "total")
    assert "316.50" in panel_in(web.get(here, params={"var.service": "app"}), "total")
    assert "108.25" in panel_in(web.get(here, params={"range": "today"}), "total")
    day = str((today() - timedelta(days=2)).date())
    page = web.get(here, params={"start_date": day, "end_date": day})
    assert "300.50" in panel_in(page, "total")
    assert web.get(here, params={"range": "some day"}).status_code == 422


def test_a_panel_that_fails_says_so_and_the_others_show(
    api: httpx2.Client, web: httpx2.Client, sold: str, metric: str
) -> None:
    other = f"{metric}.mixed"
    submit(api, other, at(today(), 1.0, frequency="monthly"))
    query = {"metric_name": other, "period": "hour"}
    wrong = {"id": "mixed", "type": "bar", "title": "Mixed", "queries": [query]}
    page = web.get(f"/dashboards/{make(api, config_of(sold, wrong))['id']}")
    assert page.status_code == 200
    assert "there are no figures per hour" in panel_in(page, "mixed")
    assert "437.75" in panel_in(page, "total")


def test_the_default_dashboards_are_shown(api: httpx2.Client, web: httpx2.Client) -> None:
    listed = web.get("/dashboards")
    for one in ok(api.get(ALL)):
        assert f'href="/dashboards/{one["id"]}"' in listed.text
    (overview,) = (one for one in ok(api.get(ALL)) if one["name"] == "Business overview")
    assert web.get(f"/dashboards/{overview['id']}").status_code == 200
    assert web.get("/dashboards/999999").status_code == 404


def test_editing_by_forms(api: httpx2.Client, web: httpx2.Client, made: dict[str, Any]) -> None:
    here = f"/dashboards/{made['id']}"
    assert web.get(f"{here}/edit").status_code == 200
    settings = {
        "name": made["name"] + "!",
        "description": "New words",
        "last": "this_month",
        "refresh": "1m",
        "variable_0_name": "service",
        "variable_0_field": "service_name",
        "variable_0_default": "app",
    }
    assert post(web, f"{here}/edit", **settings).status_code == 303
    assert post(web, f"{here}/panels/move", panel="curve", step="up").status_code == 303
    assert post(web, f"{here}/panels/move", panel="rows", x=6, y=0, w=3, h=2).status_code == 303
    assert post(web, f"{here}/panels/copy", panel="total").status_code == 303
    assert post(web, f"{here}/panels/remove", panel="alerts", sure="yes").status_code == 303
    kept = ok(api.get(f"{ALL}/{made['id']}"))
    config = kept["config"]
    assert (kept["name"], kept["description"]) == (made["name"] + "!", "New words")
    assert config["time_range"]["last"] == "this_month"
    assert config["variables"][0]["default"] == "app"
    assert config["variables"][0]["label"] == "service"
    places = {place["panel"]: place for place in config["layout"]}
    assert set(places) == {"total", "curve", "rows", "total-2"}
    assert places["rows"] == {"panel": "rows", "x": 6, "y": 0, "w": 3, "h": 2}
    assert places["curve"]["y"] < places["total"]["y"]


def test_edits_at_once_are_all_kept(
    api: httpx2.Client, web: httpx2.Client, made: dict[str, Any], sold: str
) -> None:
    """Of several people, on the dashboard and from the explorer."""
    here, copies, saved = f"/dashboards/{made['id']}", 12, 12
    state = [f"metric_name={sold}"]

    def edit(number: int) -> int:
        if number % 2:
            return post(web, f"{here}/panels/copy", panel="total").status_code
        fields = {"state": state, "title": f"Panel {number}", "dashboard": made["id"]}
        return post(web, "/explore/panel", **fields).status_code

    with ThreadPoolExecutor(8) as people:
        assert set(people.map(edit, range(copies + saved))) == {303}
    panels = ok(api.get(f"{ALL}/{made['id']}"))["config"]["panels"]
    assert len(panels) == len(made["config"]["panels"]) + copies + saved
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_a_panel_is_shown_before_it_is_kept(
    api: httpx2.Client, web: httpx2.Client, made: dict[str, Any], sold: str
) -> None:
    here = f"/dashboards/{made['id']}/panels"
    fields = {
        "id": "",
        "title": "By service",
        "type": "table",
        "query_0_metric_name": sold,
        "query_0_group_by": ["service_name"],
        "query_0_filter_region": "SP",
    }
    preview = post(web, f"{here}/save", action="preview", **fields)
    assert "Whole range 316.50" in text_of(preview).replace("R$", "").replace("BRL", "")
    assert len(ok(api.get(f"{ALL}/{made['id']}"))["config"]["panels"]) == 4
    assert post(web, f"{here}/save", **fields).status_code == 303
    panel = ok(api.get(f"{ALL}/{made['id']}"))["config"]["panels"][-1]
    assert (panel["id"], panel["type"]) == ("by-service", "table")
    assert panel["queries"][0]["filters"] == {"region": "SP"}
    edited = post(web, f"{here}/save", **(fields | {"id": "by-service", "title": "Other"}))
    assert edited.status_code == 303
    titles = [one["title"] for one in ok(api.get(f"{ALL}/{made['id']}"))["config"]["panels"]]
    assert titles.count("Other") == 1
    assert 'value="Other"' in web.get(f"{here}/edit/by-service").text
    wrong = post(web, f"{here}/save", **(fields | {"query_0_filter_region": "$nowhere"}))
    assert wrong.status_code == 422
    assert "$nowhere is no variable" in text_of(wrong)


def test_what_is_wrong_with_settings_is_said(web: httpx2.Client, made: dict[str, Any]) -> None:
    here = f"/dashboards/{made['id']}/edit"
    answer = post(web, here, name="", last="today")
    assert answer.status_code == 422
    # The variable that panels use is gone.
    answer = post(web, here, name="x", last="today")
    assert "$service is no variable of this dashboard" in text_of(answer)


def test_a_file_is_the_dashboard(api: httpx2.Client, web: httpx2.Client, sold: str) -> None:
    made = make(api, config_of(sold))
    file = web.get(f"/dashboards/{made['id']}/export")
    assert "attachment" in file.headers["Content-Disposition"]
    body = json.loads(file.content)
    assert body == {name: made[name] for name in ("name", "description", "config")}
    assert "There is another dashboard" in text_of(upload(web, file.content))
    renamed = json.dumps(body | {"name": made["name"] + " again"}).encode()
    answer = upload(web, renamed)
    assert answer.status_code == 303
    number = answer.headers["Location"].rpartition("/")[2]
    assert ok(api.get(f"{ALL}/{number}"))["config"] == made["config"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "The file is no JSON"),
        (b"[]", "The file holds no dashboard"),
        (b"", "Choose a file"),
        (b'{"name": "x", "config": {"panels": [{"id": "P"}], "layout": []}}', "config.panels.0"),
        (b'{"name": "x", "colour": "red"}', "colour : Unknown name"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(web: httpx2.Client, content: bytes, said: str) -> None:
    answer = upload(web, content)
    assert answer.status_code == 422
    assert said in text_of(answer)


def test_the_example_of_the_docs_is_taken(api: httpx2.Client, web: httpx2.Client) -> None:
    page = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"(?s)```json\n(.*?)```", page)
    body = json.loads(example) | {"name": secrets.token_hex(6)}
    made = ok(api.post(ALL, json=body))
    assert web.get(f"/dashboards/{made['id']}").status_code == 200


def test_copies_and_deletion(api: httpx2.Client, web: httpx2.Client, made: dict[str, Any]) -> None:
    copy = post(web, f"/dashboards/{made['id']}/copy")
    number = int(copy.headers["Location"].split("/")[2])
    assert ok(api.get(f"{ALL}/{number}"))["name"] == f"{made['name']} (2)"
    asked = post(web, f"/dashboards/{number}/delete", what="<The copy>")
    assert (asked.status_code, "&lt;The copy&gt;" in asked.text) == (200, True)
    assert api.get(f"{ALL}/{number}").is_success
    assert post(web, f"/dashboards/{number}/delete", sure="yes").status_code == 303
    assert api.get(f"{ALL}/{number}").status_code == 404


def test_a_link_shows_the_dashboard_until_it_is_ended(
    service: Service, web: httpx2.Client, made: dict[str, Any]
) -> None:
    here = f"/dashboards/{made['id']}/shares"
    answer = post(web, here, days="30")
    assert answer.status_code == 201
    link = shared_path(answer)
    assert link not in web.get(here).text
    with visitor(service.url) as stranger:
        page = stranger.get(link)
        assert page.status_code == 200
        assert "437.75" in panel_in(page, "total")
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in page.headers["X-Robots-Tag"]
        assert "<nav" not in page.text
        assert 'href="/dashboards' not in page.text
        assert "121.25" in panel_in(stranger.get(link, params={"var.service": "shop"}), "total")
        assert stranger.get(f"/dashboards/{made['id']}").status_code == 303
        share = re.search(r'name="share" value="(\d+)"', web.get(here).text)
        assert share
        assert post(web, f"{here}/end", share=share[1]).status_code == 303
        ended = stranger.get(link)
        assert ended.status_code == 404
        assert "This link shows nothing" in ended.text
        assert ended.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in ended.headers["X-Robots-Tag"]


def test_what_came_with_the_installation_is_in_the_readers_language(
    api: httpx2.Client, web: httpx2.Client, made: dict[str, Any]
) -> None:
    rows = ok(api.get("/api/dashboards"))
    number = next(row["id"] for row in rows if row["name"] == "Business overview")
    headers = {"Accept-Language": "pt-BR"}
    page = text_of(web.get("/dashboards", headers=headers))
    assert "Visão geral do negócio" in page
    assert "Business overview" not in page
    board = text_of(web.get(f"/dashboards/{number}", headers=headers))
    for words in ("Visão geral do negócio", "Serviço", "Região", "Comissão paga"):
        assert words in board, words
    for path in ("/alerts/rules", "/admin/catalog", "/explore?metric_name=active_users"):
        page = text_of(web.get(path, headers=headers))
        assert re.search("Poucos usuários ativos|Usuários ativos no momento", page), path
    own = text_of(web.get(f"/dashboards/{made['id']}", headers=headers))
    assert made["name"] in own
    assert "Business overview" in text_of(web.get("/dashboards"))


def test_a_reload_makes_no_second_link(web: httpx2.Client, made: dict[str, Any]) -> None:
    here = f"/dashboards/{made['id']}/shares"
    fields = {"days": "30", "csrf": token_in(web.get(here))}
    assert web.post(here, data=fields).status_code == 201
    again = web.post(here, data=fields)
    assert (again.status_code, again.headers["location"]) == (303, here)
    page = web.get(here)
    assert page.text.count('name="share"') == 1
    assert "@example.com" in text_of(page).split("Links that hold")[1]


def test_a_link_expires(service: Service, web: httpx2.Client, made: dict[str, Any]) -> None:
    link = shared_path(post(web, f"/dashboards/{made['id']}/shares", days="1"))
    with visitor(service.url) as stranger:
        assert stranger.get(link).status_code == 200
        with psycopg.connect(service.database_url, autocommit=True) as conn:
            conn.execute("UPDATE fature.dashboard_share SET expires_at = now()")
        assert stranger.get(link).status_code == 404


def test_a_link_shows_no_more_than_its_maker_saw(
    api: httpx2.Client, service: Service, made: dict[str, Any]
) -> None:
    here = f"/dashboards/{made['id']}/shares"
    with signed_in(api, "operator", service_name="shop") as maker:
        link = shared_path(post(maker, here, days="1"))
    with visitor(service.url) as stranger:
        for params in ({}, {"var.service": "shop"}):
            assert "121.25" in panel_in(stranger.get(link, params=params), "total")
        page = stranger.get(link, params={"var.service": "app"})
        assert "316.50" not in page.text
        assert 'option value="app">' not in page.text


def test_roles_see_what_they_may_do(api: httpx2.Client, made: dict[str, Any]) -> None:
    here = f"/dashboards/{made['id']}"
    with signed_in(api, "reader") as reader:
        page = reader.get(here)
        assert page.status_code == 200
        assert f"{here}/edit" not in page.text
        assert f"{here}/shares" not in page.text
        assert "/dashboards/import" not in reader.get("/dashboards").text
        assert reader.get(f"{here}/edit").status_code == 403
        assert reader.get(f"{here}/shares").status_code == 403
        for path in ("edit", "copy", "delete", "shares", "panels/remove", "panels/save"):
            assert post(reader, f"{here}/{path}").status_code == 403, path
    with signed_in(api, "operator", service_name="shop") as bound:
        assert f"{here}/edit" not in bound.get(here).text
        assert "121.25" in panel_in(bound.get(here), "total")
        assert post(bound, f"{here}/delete", sure="yes").status_code == 403


def test_a_form_without_its_token_changes_nothing(
    api: httpx2.Client, web: httpx2.Client, made: dict[str, Any]
) -> None:
    here = f"/dashboards/{made['id']}"
    for path in ("edit", "copy", "delete", "shares", "panels/remove", "panels/save"):
        assert web.post(f"{here}/{path}", data={"panel": "total"}).status_code == 403
    assert ok(api.get(f"{ALL}/{made['id']}")) == made


def test_another_tenant_has_nothing_of_it(api: httpx2.Client, made: dict[str, Any]) -> None:
    here = f"/dashboards/{made['id']}"
    with new_tenant(api, f"t{secrets.token_hex(6)}") as other, signed_in(other) as stranger:
        assert made["name"] not in stranger.get("/dashboards").text
        for path in ("", "/edit", "/export", "/shares", "/panels/new"):
            assert stranger.get(here + path).status_code == 404, path
        for path in ("copy", "delete", "shares", "edit"):
            assert post(stranger, f"{here}/{path}", name="x", sure="yes").status_code == 404, path
    assert ok(api.get(f"{ALL}/{made['id']}")) == made


def upload(client: httpx2.Client, content: bytes) -> httpx2.Response:
    token = token_in(client.get("/dashboards"))
    file = {"file": ("dashboard.json", content, "application/json")}
    return client.post("/dashboards/import", data={"csrf": token}, files=file)


def shared_path(answer: httpx2.Response) -> str:
    """The path of the link that was just made."""
    match = re.search(r'value="https?://[^/"]+(/shared/[^"]+)"', answer.text)
    assert match, answer.text
    return match[1]


def many_panels(metric: str, count: int, **query: Any) -> dict[str, Any]:
    """As many panels with the largest numbers of values that a query can have."""
    panels = [
        {
            "id": f"p{number}",
            "type": "table",
            "title": f"Panel {number}",
            "queries": [{"metric_name": metric, "aggregation": how, **query} for how in MANY_WAYS],
        }
        for number in range(count)
    ]
    places = [
        {"panel": panel["id"], "x": 0, "y": number * 3, "w": 6, "h": 3}
        for number, panel in enumerate(panels)
    ]
    return {"panels": panels, "layout": places, "time_range": {"last": "last_90_days"}}


MANY_WAYS = ["sum", "avg", "min", "max", "count", "last", "sum", "avg"]
LEFT_OUT = "This panel did not fit into the page."


def test_panels_that_do_not_fit_into_a_page_are_asked_for_one_by_one(
    api: httpx2.Client, web: httpx2.Client, sold: str
) -> None:
    made = make(api, many_panels(sold, 10, period="hour", group_by=["service_name"]))
    path = f"/dashboards/{made['id']}"
    page = web.get(f"{path}?range=last_30_days")
    assert LEFT_OUT not in panel_in(page, "p0")
    assert [LEFT_OUT in panel_in(page, f"p{number}") for number in range(10)][-1]
    link = re.search(r'id="p9-alone" href="([^"]+)" hx-get="([^"]+)"', page.text)
    assert link
    assert link[1] == link[2] == f"{path}?range=last_30_days&amp;panel=p9"
    assert 'hx-trigger="intersect once, click"' in page.text
    alone = web.get(link[1].replace("&amp;", "&"))
    assert "app" in panel_in(alone, "p9")
    assert LEFT_OUT not in alone.text
    assert 'id="panel-p0"' not in alone.text
    assert f'href="{path}?range=last_30_days"' in alone.text
    assert web.get(f"{path}?panel=nothing").status_code == 404
    # The editor shows the same, where nothing is swapped.
    edited = web.get(f"{path}/edit").text
    assert LEFT_OUT in edited
    assert "p9-alone" not in edited


def test_a_page_whose_figures_take_too_long_is_there_without_them(
    api: httpx2.Client, service: Service, web: httpx2.Client, sold: str
) -> None:
    made = make(api, config_of(sold))
    path = f"/dashboards/{made['id']}"
    with psycopg.connect(service.database_url) as conn:
        conn.execute("LOCK TABLE fature.sample_hourly IN ACCESS EXCLUSIVE MODE")
        page = web.get(path)
    assert LEFT_OUT in panel_in(page, "total")
    assert f'href="{path}?panel=total"' in page.text
    assert LEFT_OUT not in panel_in(page, "alerts")
    assert "437.75" in panel_in(web.get(f"{path}?panel=total"), "total")


def test_a_link_asks_for_panels_that_did_not_fit_too(
    api: httpx2.Client, service: Service, sold: str
) -> None:
    made = make(api, many_panels(sold, 10, period="hour", group_by=["service_name"]))
    with signed_in(api) as web, visitor(service.url) as anyone:
        answer = post(web, f"/dashboards/{made['id']}/shares", days="1")
        found = re.search(r"/shared/[\w-]+", answer.text)
        assert found
        page = anyone.get(found[0])
        assert f'href="{found[0]}?panel=p9"' in page.text
        assert "app" in panel_in(anyone.get(f"{found[0]}?panel=p9"), "p9")


def test_the_tables_of_many_queries_have_fewer_rows_and_say_so(
    api: httpx2.Client, web: httpx2.Client, sold: str
) -> None:
    few = make(api, many_panels(sold, 1, period="week"))
    assert "the table has the newest" not in web.get(f"/dashboards/{few['id']}").text
    hours = make(api, many_panels(sold, 1, period="hour"))
    page = web.get(f"/dashboards/{hours['id']}")
    assert "the table has the newest 100 periods" in panel_in(page, "p0")

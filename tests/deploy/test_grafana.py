"""Every query of the dashboards runs as `fature_grafana`, fits what shows it, and answers what the
API answers; days are those of the business time zone.
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row

from sql.analysts import GRAFANA, let_in
from sql.engine import Engine
from tests.acceptance.reading import aggregate
from tests.conftest import DatabaseServer, Service, running_service
from tests.deploy.grafana import (
    DASHBOARDS,
    VARIABLES,
    Query,
    View,
    dashboard,
    fill_in,
    queries,
    query_of,
)
from tests.killable import until

ZONE = "America/Sao_Paulo"
OTHER = "o'neil"
NUMBERS = {20, 21, 23, 700, 701, 1700}
INSTANTS = {1114, 1184}
TEXTS = {19, 25, 1043}


@dataclass
class Watched:
    """A platform with known figures, and Grafana's way to its database."""

    service: Service
    url: str
    view: View

    def rows(self, query: Query, **values: list[str]) -> list[DictRow]:
        return self.answer(query, **values)[0]

    def answer(self, query: Query, **values: list[str]) -> tuple[list[DictRow], dict[str, int]]:
        """The rows, and the type of each column."""
        seen = self.view
        view = View(seen.engine, seen.start, seen.end, seen.timezone, values)
        with psycopg.connect(self.url, row_factory=dict_row) as conn:
            assert conn.execute("SELECT session_user").fetchone() == {"session_user": GRAFANA}
            cursor = conn.execute(fill_in(query.sql, view).encode())
            types = {column.name: column.type_code for column in cursor.description or []}
            return cursor.fetchall(), types


@pytest.fixture(scope="module")
def watched(
    engine: Engine, database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    url = database_of.new_database(ZONE)
    folder = tmp_path_factory.mktemp("grafana")
    with running_service(folder, url, FATURE_TIMEZONE=ZONE, FATURE_ALERT_INTERVAL="1") as service:
        now = datetime.now(UTC)
        submit_figures(service, now)
        annotate(service)
        report_health(service)
        have_alerts(service)
        password = let_in(url, GRAFANA).password
        yield Watched(
            service,
            make_conninfo(url, user=GRAFANA, password=password),
            View(engine, now - timedelta(days=4), now + timedelta(minutes=5), ZONE),
        )


def submit_figures(service: Service, now: datetime) -> None:
    """Samples of every metric, around two midnights of the business zone and just now."""
    today = now.astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    around = [
        today - timedelta(days=days, minutes=minutes) for days in (1, 2) for minutes in (31, -29)
    ]
    moments = [moment for moment in (*around, now) if moment <= now]
    catalog = service.client.get("/api/metrics/catalog").json()["data"]
    for position, entry in enumerate(catalog):
        samples = [
            {
                "metric_name": entry["metric_name"],
                "metric_type": entry["metric_type"],
                "unit": entry["unit"],
                "frequency": entry["frequency"],
                "value": 1 + position + number * 3.5 + at * 0.25,
                "timestamp": moment.isoformat(),
                "service_name": ["shop", OTHER][number],
                "region": ["SP", "RJ"][number],
                "affiliate_id": ["aff-1", "aff-2"][number],
            }
            for at, moment in enumerate(moments)
            for number in (0, 1)
        ]
        service.client.post("/api/metrics/batch", json={"metrics": samples}).raise_for_status()
    submit_a_week_before(service, moments)
    units = {"units": ["BRL", "USD"]}
    service.client.patch("/api/metrics/catalog/revenue_hourly", json=units).raise_for_status()
    dollars = samples[0] | {"metric_name": "revenue_hourly", "metric_type": "revenue"}
    dollars |= {"unit": "USD", "frequency": "hourly"}
    service.client.post("/api/metrics", json=dollars).raise_for_status()


def submit_a_week_before(service: Service, moments: list[datetime]) -> None:
    """Half the revenue and commission that those moments brought, seven days earlier."""
    catalog = service.client.get("/api/metrics/catalog").json()["data"]
    names = [entry["metric_name"] for entry in catalog]
    samples = [
        {
            "metric_name": name,
            "metric_type": name.partition("_")[0],
            "unit": "BRL",
            "frequency": "hourly",
            "value": (1 + names.index(name) + number * 3.5 + at * 0.25) / 2,
            "timestamp": (moment - timedelta(days=7)).isoformat(),
            "service_name": ["shop", OTHER][number],
            "region": ["SP", "RJ"][number],
            "affiliate_id": ["aff-1", "aff-2"][number],
        }
        for name in ("revenue_hourly", "commission_paid")
        for at, moment in enumerate(moments)
        for number in (0, 1)
    ]
    service.client.post("/api/metrics/batch", json={"metrics": samples}).raise_for_status()


def report_health(service: Service) -> None:
    for name, status in (("shop", "healthy"), (OTHER, "degraded")):
        report = {"service_name": name, "status": status, "cpu_usage": 0.5, "memory_usage": 0.25}
        service.client.post("/api/services/health", json=report).raise_for_status()


def annotate(service: Service) -> None:
    note = {"at": datetime.now(UTC).isoformat(), "text": "New checkout", "tags": ["deployment"]}
    service.client.post("/api/annotations", json=note).raise_for_status()


def have_alerts(service: Service) -> None:
    """Two events, of which one is then acknowledged and one resolved."""
    rule = {
        "rule_name": f"watched {secrets.token_hex(3)}",
        "metric_name": "throughput",
        "condition": ">",
        "threshold_value": 0,
        "severity": "critical",
        "group_by": ["service_name"],
    }
    service.client.post("/api/alerts/rules", json=rule).raise_for_status()

    def opened() -> list[dict[str, Any]]:
        params = {"metric_name": "throughput", "status": "open"}
        answer = service.client.get("/api/alerts/events", params=params).json()
        return cast("list[dict[str, Any]]", answer["data"])

    until(lambda: len(opened()) == 2)
    first, second = opened()
    service.client.post(f"/api/alerts/events/{first['id']}/acknowledge").raise_for_status()
    service.client.post(f"/api/alerts/events/{second['id']}/resolve").raise_for_status()


@pytest.mark.parametrize("query", list(queries()), ids=str)
def test_a_query_runs_fits_what_shows_it_and_finds_something(
    watched: Watched, query: Query
) -> None:
    rows, types = watched.answer(query)
    assert rows
    if query.format == "time_series":
        assert list(types) == ["time", "metric", "value"]
        assert types["time"] in INSTANTS | NUMBERS
        assert types["metric"] in TEXTS
        assert types["value"] in NUMBERS
        times = [row["time"] for row in rows]
        assert times == sorted(times), "Grafana wants them in order"
        assert all(row["metric"] and row["value"] is not None for row in rows)
    elif query.format == "annotation":
        assert list(types) == ["time", "timeend", "text", "tags"]
        assert {types["time"], types["timeend"]} <= INSTANTS
        assert {types["text"], types["tags"]} <= TEXTS
    elif query.format == "variable":
        (column,) = types.values()
        assert column in TEXTS
        assert all(next(iter(row.values())) for row in rows)
    else:
        assert query.format == "table"
        assert len(set(types)) == len(types)


@pytest.mark.parametrize("query", list(queries()), ids=str)
def test_chosen_values_narrow_a_query(watched: Watched, query: Query) -> None:
    chosen = {"service": [OTHER, "shop"], "region": ["SP"], "affiliate": ["aff-1"]}
    assert len(watched.rows(query, **chosen)) <= len(watched.rows(query))
    nobody = {name: ["nobody's"] for name in VARIABLES if f"${{{name}:sqlstring}}" in query.sql}
    if nobody:
        found = watched.rows(query, **nobody)
        assert all(set(row.values()) <= {None} for row in found)


def per_day(watched: Watched, query: Query, **values: list[str]) -> dict[str, dict[str, float]]:
    """Figures by legend and local date; each bucket starts at midnight of the business zone."""
    found: dict[str, dict[str, float]] = {}
    for row in watched.rows(query, **values):
        local = row["time"].astimezone(ZoneInfo(ZONE))
        assert (local.hour, local.minute, local.second) == (0, 0, 0)
        found.setdefault(row["metric"], {})[local.date().isoformat()] = row["value"]
    return found


def asked(watched: Watched, metric: str, **params: Any) -> dict[str, Any]:
    """The API's answer for the same range, by the day."""
    view = watched.view
    local = [moment.astimezone(ZoneInfo(ZONE)).date() for moment in (view.start, view.end)]
    params = {"start_date": local[0].isoformat(), "end_date": local[1].isoformat(), **params}
    answer = aggregate(watched.service.client, metric, period="day", **params)
    return {row["period"]: pytest.approx(row["value"]) for row in answer["data"]}


def test_revenue_per_day_is_what_the_api_answers(watched: Watched) -> None:
    query = query_of("revenue", "Revenue per day")
    shown = per_day(watched, query)
    assert set(shown) == {"revenue_hourly BRL", "revenue_hourly USD"}
    assert len(shown["revenue_hourly BRL"]) >= 3
    for unit in ("BRL", "USD"):
        assert shown[f"revenue_hourly {unit}"] == asked(watched, "revenue_hourly", unit=unit)
    south = per_day(watched, query, region=["RJ"], service=[OTHER])
    assert south["revenue_hourly BRL"] == asked(
        watched, "revenue_hourly", unit="BRL", region="RJ", service_name=OTHER
    )


@pytest.mark.parametrize("title", ["Revenue, change", "Commission, change"])
def test_a_change_is_against_the_same_hours_whole_weeks_before(
    watched: Watched, title: str
) -> None:
    rows = watched.rows(query_of("revenue", title, "table"))
    found = {row["metric"].rpartition(" ")[2]: row["value"] for row in rows}
    assert found["BRL"] == pytest.approx(100)


def test_days_are_drawn_on_the_same_weekday_a_week_before(watched: Watched) -> None:
    shown = per_day(watched, query_of("revenue", "Revenue per day and a week before"))
    now, before = (shown[f"revenue_hourly {name}BRL"] for name in ("", "a week before "))
    today = watched.view.end.astimezone(ZoneInfo(ZONE)).date().isoformat()
    assert before == {day: pytest.approx(now[day] / 2) for day in now if day in before}
    assert set(now) - set(before) <= {today}


def test_revenue_has_a_row_for_each_affiliate(watched: Watched) -> None:
    rows = watched.rows(query_of("revenue", "Revenue by affiliate", "table"))
    assert {row["metric"] for row in rows if row["metric"].endswith("BRL")} == {
        "aff-1 BRL", "aff-2 BRL",
    }  # fmt: skip


@pytest.mark.parametrize("board", ["revenue", "users", "platform"])
def test_any_metric_per_day_is_what_the_api_answers(watched: Watched, board: str) -> None:
    shown = per_day(watched, query_of(board, "Any of these metrics per day"))
    assert shown
    for legend, figures in shown.items():
        # The health of services has no unit.
        metric, _, unit = legend.partition(" ")
        assert figures == asked(watched, metric, **({"unit": unit} if unit else {})), metric


def test_the_days_a_range_begins_and_ends_in_are_whole(watched: Watched) -> None:
    """As the API widens a range, so that no half a day looks like a bad one."""
    query = query_of("revenue", "Revenue per day")
    whole = per_day(watched, query)["revenue_hourly BRL"]
    day = sorted(whole)[1]
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=ZoneInfo(ZONE))
    seen = watched.view
    within = View(seen.engine, noon, noon + timedelta(hours=1), ZONE)
    with psycopg.connect(watched.url) as conn:
        rows = conn.execute(fill_in(query.sql, within).encode()).fetchall()
    assert [row[2] for row in rows if row[1] == "revenue_hourly BRL"] == [whole[day]]


def test_events_are_counted_on_the_day_of_the_zone_that_is_shown(watched: Watched) -> None:
    rows = watched.rows(query_of("alerts", "Events opened per day"))
    for row in rows:
        assert row["time"].astimezone(ZoneInfo(ZONE)).hour == 0
    assert sum(row["value"] for row in rows if row["metric"] == "critical") == 2


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_the_variables_and_uses_them(path: Any) -> None:
    found = dashboard(path.stem)
    assert [variable["name"] for variable in found["templating"]["list"]] == list(VARIABLES)
    assert found["timezone"] == "", "Grafana's own setting, which is the business time zone"
    shown = [q.sql for q in queries() if q.dashboard == path.stem and not q.title.startswith("$")]
    for name in VARIABLES:
        assert any(f"${{{name}:sqlstring}}" in sql for sql in shown), name
    sources = {panel["datasource"]["uid"] for panel in found["panels"]}
    assert sources == {"fature"}
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])


def written(panel: dict[str, Any], name: str) -> dict[str, Any]:
    """How a figure of that name is written: its unit and decimals."""
    defaults = panel["fieldConfig"]["defaults"]
    found = {key: defaults.get(key) for key in ("unit", "decimals")}
    for override in panel["fieldConfig"]["overrides"]:
        matcher = override["matcher"]
        if matcher["id"] == "byRegexp" and re.search(matcher["options"].strip("/"), name):
            found |= {each["id"]: each["value"] for each in override["properties"]}
    return found


def test_figures_are_written_in_their_units() -> None:
    """A conversion of 3.7 % is no 4."""
    for path in DASHBOARDS:
        for panel in dashboard(path.stem)["panels"]:
            if "unit) AS metric" not in panel["targets"][0]["rawSql"] or "change" in panel["title"]:
                continue
            percent, reais = written(panel, "rate %"), written(panel, "revenue_hourly BRL")
            assert (percent["unit"], percent["decimals"]) == ("percent", 2), panel["title"]
            assert reais["unit"] == "currencyBRL", panel["title"]
            if panel["type"] in ("stat", "bargauge"):
                # Each row a field of its own, which has a unit of its own.
                assert [each["id"] for each in panel["transformations"]] == ["rowsToFields"]


def test_limits_of_the_default_rules_are_shown() -> None:
    for board, title, limit in [
        ("users", "Conversion rate", 3), ("platform", "Response time", 250),
    ]:  # fmt: skip
        panels = [one for one in dashboard(board)["panels"] if one["title"] == title]
        assert panels
        for panel in panels:
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert limit in [step["value"] for step in steps], panel["type"]


def test_panels_do_not_lie_on_each_other() -> None:
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in dashboard(path.stem)["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_every_query_keeps_tenants_apart() -> None:
    for query in queries():
        if query.title != "$tenant":
            assert "tenant = ${tenant:sqlstring}" in query.sql, str(query)

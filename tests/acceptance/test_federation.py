"""A hub over members: real servers of both engines, one of another business time zone."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg
import pytest

from sql.engine import Engine
from sql.federation import federate
from tests.acceptance.access import new_tenant, with_new_key
from tests.acceptance.test_exposition import scrape, shown
from tests.acceptance.test_graphql import data
from tests.acceptance.web import signed_in, text_of
from tests.conftest import DatabaseServer, Service, folder_in_memory, running_service
from tests.engines import installations
from tests.federation import (
    Entry,
    KillableMember,
    Member,
    killable_member,
    put,
    random_entries,
    wait_for_members,
)
from tests.integration.readers import add_tenants
from tests.killable import until

pytestmark = pytest.mark.one_engine

TIMEOUT = 2.0
METRIC = "revenue_of_all"


@dataclass
class Hub:
    """A hub with two members, and one installation that has all that they have together."""

    service: Service
    whole: Service
    north: KillableMember
    south: Member

    @property
    def client(self) -> httpx2.Client:
        return self.service.client

    def put(self, of: dict[str, list[Entry]]) -> None:
        """Samples by the name of the member; all of them in the one installation, too."""
        own = self.service.database_url
        for name, entries in of.items():
            put({"north": self.north.url, "south": self.south.url}.get(name, own), entries)
            put(self.whole.database_url, entries)


@pytest.fixture(scope="module")
def hub(
    servers: Callable[[Engine], DatabaseServer],
    database_of: DatabaseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("federation")
    other: Engine = "timescale" if "timescale" in installations() else "plain"
    with (
        folder_in_memory(tmp_path_factory) as memory,
        killable_member(memory / "north", "plain", "north") as north,
    ):
        url = database_of.new_database()
        south = Member(servers(other).new_database("America/Sao_Paulo"), "south")
        federate(url, "north", north.login, TIMEOUT)
        federate(url, "south", south.login, TIMEOUT)
        with (
            running_service(folder / "hub", url, FATURE_ALERT_INTERVAL="0") as service,
            running_service(
                folder / "whole", database_of.new_database(), FATURE_ALERT_INTERVAL="0"
            ) as whole,
        ):
            made = Hub(service, whole, north, south)
            made.put(
                {
                    name: random_entries(number, METRIC, 250)
                    for number, name in enumerate(("hub", "north", "south"))
                }
            )
            wait_for_members(service, "north", "south")
            yield made


def figures(client: httpx2.Client, **params: Any) -> dict[str, Any]:
    return answered(client, "/api/metrics/aggregate", {"metric_name": METRIC, **params})


def answered(client: httpx2.Client, path: str, params: Any = None) -> dict[str, Any]:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def values(client: httpx2.Client, **params: Any) -> dict[tuple[Any, ...], float]:
    """By period and group."""
    known = {"period", "start", "end", "value", "complete"}
    return {
        (row["start"], *(row[name] for name in sorted(row.keys() - known))): row["value"]
        for row in figures(client, **params)["data"]
    }


AGGREGATIONS = ("sum", "count", "min", "max", "avg")
PERIODS = ("hour", "day", "week", "month")
GROUPS = ((), ("region",), ("service_name",), ("region", "service_name"))


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_hub_says_of_all_members_what_one_installation_would(hub: Hub, aggregation: str) -> None:
    for period, groups in itertools.product(PERIODS, GROUPS):
        asked = {"aggregation": aggregation, "period": period, "group_by": groups}
        assert values(hub.client, **asked) == values(hub.whole.client, **asked), asked


def test_ranges_filters_limits_fills_and_zones_count_over_all(hub: Hub) -> None:
    dice = random.Random(7)
    for _ in range(25):
        asked: dict[str, Any] = {
            "period": dice.choice(PERIODS),
            "aggregation": dice.choice(AGGREGATIONS),
            "group_by": dice.choice(GROUPS),
            "start_date": f"{datetime.now(UTC) - timedelta(days=dice.randrange(5, 39)):%Y-%m-%d}",
            "fill": dice.choice(("none", "zero", "null", "previous")),
            "limit": dice.choice((5, 100, 10_000)),
            "tz": dice.choice(("UTC", "America/Sao_Paulo", "Asia/Tokyo")),
        }
        if dice.random() < 0.5:
            asked["region"] = dice.choice(("SP", "RJ", "(none)"))
        assert values(hub.client, **asked) == values(hub.whole.client, **asked), asked


def test_any_text_may_be_in_a_filter(hub: Hub) -> None:
    region = "50% of 'it' \\ {all} %(s)s"
    entry = Entry(datetime.now(UTC) - timedelta(hours=3), 10, "of_an_odd_region", region=region)
    put(hub.north.url, [entry])
    until(lambda: "of_an_odd_region" in catalogue(hub))
    asked = {"metric_name": "of_an_odd_region", "period": "month", "region": region}
    assert figures(hub.client, **asked)["missing_members"] == []
    assert set(values(hub.client, **asked).values()) == {10.0}


def test_groups_and_filters_by_member(hub: Hub) -> None:
    by_member = values(hub.client, period="month", group_by="member")
    assert {member for _, member in by_member} == {"hub", "north", "south"}
    total: dict[str, float] = {}
    for (start, member), value in by_member.items():
        alone = values(hub.client, period="month", member=member)
        assert alone[(start,)] == value
        total[start] = total.get(start, 0) + value
    assert {start: round(value, 2) for start, value in total.items()} == {
        start: value for (start,), value in values(hub.client, period="month").items()
    }
    both = values(hub.client, period="month", group_by=["member", "region"], member="north")
    assert {member for _, member, _ in both} == {"north"}


def test_levels_are_added_up_over_members(hub: Hub) -> None:
    now = datetime.now(UTC)
    entry = Entry(now - timedelta(hours=3), 10, "users_of_all", unit="users")
    hub.put(
        {
            "hub": [replace(entry, service="a")],
            "north": [replace(entry, value=20, service="b")],
            "south": [
                replace(entry, value=1, service="c", ts=entry.ts - timedelta(minutes=5)),
                replace(entry, value=30, service="c"),
            ],
        }
    )
    for period in ("hour", "day", "month"):
        asked = {"metric_name": "users_of_all", "aggregation": "last", "period": period}
        found = values(hub.client, **asked)
        assert set(found.values()) == {60.0}
        assert found == values(hub.whole.client, **asked)


def test_a_metric_that_only_a_member_has_is_in_the_catalogue(hub: Hub) -> None:
    entry = Entry(datetime.now(UTC) - timedelta(hours=3), 10, "only_in_north")
    put(hub.north.url, [entry])
    until(lambda: "only_in_north" in catalogue(hub))
    row = catalogue(hub)["only_in_north"]
    assert row["members"] == ["north"]
    assert row["series"] == 1
    assert datetime.fromisoformat(row["last_sample"]) == entry.ts
    assert values(hub.client, metric_name="only_in_north", period="month")
    assert hub.client.get("/api/metrics/query", params={"member": "north"}).status_code == 422


def test_imported_history_of_a_member_is_in_the_span_of_its_samples(hub: Hub) -> None:
    entry = Entry(datetime.now(UTC) - timedelta(hours=3), 10, "with_history")
    put(hub.north.url, [entry])
    first = entry.ts - timedelta(days=600)
    with psycopg.connect(hub.north.url) as conn:
        conn.execute(
            "INSERT INTO fature.imported_hourly (ts, id, series_id, value, batch_id) "
            "SELECT %s, 1, series_id, 5, 1 FROM fature.series WHERE metric_name = %s",
            (first, entry.metric),
        )
    until(lambda: entry.metric in catalogue(hub))
    row = catalogue(hub)[entry.metric]
    assert datetime.fromisoformat(row["first_sample"]) == first
    assert datetime.fromisoformat(row["last_sample"]) == entry.ts


def catalogue(hub: Hub) -> dict[str, Any]:
    answer = answered(hub.client, "/api/metrics/catalog")
    assert answer["missing_members"] == []
    return {row["metric_name"]: row for row in answer["data"]}


def test_units_are_not_mixed_over_members(hub: Hub) -> None:
    entry = Entry(datetime.now(UTC) - timedelta(hours=3), 10, "in_two_units")
    hub.put({"north": [entry], "south": [replace(entry, unit="USD", value=7)]})
    until(lambda: "in_two_units" in catalogue(hub))
    asked = {"metric_name": "in_two_units", "period": "month"}
    refused = hub.client.get("/api/metrics/aggregate", params=asked)
    assert refused.status_code == 422
    assert "BRL, USD" in refused.text
    assert set(values(hub.client, unit="USD", **asked).values()) == {7.0}
    assert {unit for _, unit in values(hub.client, group_by="unit", **asked)} == {"BRL", "USD"}


def test_days_of_another_zone_without_hours_are_refused_with_the_reason(hub: Hub) -> None:
    entry = Entry(datetime.now(UTC) - timedelta(days=2), 10, "daily_in_south", frequency="daily")
    put(hub.south.url, [entry])
    until(lambda: "daily_in_south" in catalogue(hub))
    asked = {"metric_name": "daily_in_south", "period": "day"}
    refused = hub.client.get("/api/metrics/aggregate", params=asked)
    assert refused.status_code == 422
    assert "member south" in refused.text
    assert "other time zones need samples per hour" in refused.text
    assert values(hub.client, tz="America/Sao_Paulo", **asked)


def test_what_is_older_than_is_looked_at_in_another_zone_is_left_out(hub: Hub) -> None:
    now = datetime.now(UTC)
    new = Entry(now - timedelta(days=2), 10, "old_in_south")
    put(hub.south.url, [new, replace(new, value=7, ts=now - timedelta(days=13 * 366))])
    until(lambda: "old_in_south" in catalogue(hub))
    found = values(hub.client, metric_name="old_in_south", period="day", end_date=f"{now:%Y-%m-%d}")
    assert set(found.values()) == {10.0}


def test_a_member_that_hangs_is_named_in_time_and_back_afterwards(hub: Hub) -> None:
    north = hub.north
    asked = {"period": "month", "group_by": "member"}
    before = values(hub.client, **asked)
    with north.hung():
        time.sleep(1.1)
        started = time.monotonic()
        answer = figures(hub.client, **asked)
        assert time.monotonic() - started < TIMEOUT + 3
        assert answer["missing_members"] == ["north"]
        assert {row["member"] for row in answer["data"]} == {"hub", "south"}
        assert answered(hub.client, "/api/metrics/catalog")["missing_members"] == ["north"]
    until(lambda: figures(hub.client, **asked)["missing_members"] == [])
    assert values(hub.client, **asked) == before
    until(lambda: north.connections() <= 4)


def test_a_member_that_is_slow_is_named_in_time(hub: Hub) -> None:
    with hub.north.slow():
        time.sleep(1.1)
        started = time.monotonic()
        answer = hub.client.get(
            "/api/metrics/aggregate",
            params={"metric_name": METRIC, "period": "month"},
            headers={"Accept": "text/csv"},
        )
        assert answer.headers["X-Missing-Members"] == "north"
        assert time.monotonic() - started < TIMEOUT + 3
    until(lambda: figures(hub.client)["missing_members"] == [])


def test_a_member_that_is_killed_is_named_and_back_when_it_is_back(hub: Hub) -> None:
    north = hub.north
    before = values(hub.client, period="month")
    north.server.kill()
    until(lambda: figures(hub.client)["missing_members"] == ["north"])
    assert hub.client.get("/api/ready").status_code == 200
    north.server.start()
    until(lambda: figures(hub.client)["missing_members"] == [])
    assert values(hub.client, period="month") == before
    assert north.connections() <= 4


def test_every_way_out_names_a_member_that_is_missing(hub: Hub) -> None:
    with signed_in(hub.client) as page, hub.north.slow():
        until(lambda: figures(hub.client)["missing_members"] == ["north"])
        words = "without members that do not answer: north"
        seen = page.get("/explore", params={"metric_name": METRIC, "filter.region": "RJ"})
        assert words in text_of(seen)
        assert words in text_of(page.get("/"))
        asked = '{ aggregate(metric: "revenue_of_all") { missingMembers } }'
        assert data(hub.client, asked)["aggregate"]["missingMembers"] == ["north"]
        families = scrape(hub.client, METRIC)
        assert shown(families["fature_business_missing_member"], "member") == {("north",): 1}
        forecast = hub.client.get("/api/metrics/forecast", params={"metric_name": METRIC})
        assert forecast.status_code == 503
        assert "north" in forecast.text
    until(lambda: figures(hub.client)["missing_members"] == [])


def test_pages_group_and_filter_by_member(hub: Hub) -> None:
    with signed_in(hub.client) as page:
        grouped = page.get("/explore", params={"metric_name": METRIC, "group_by": "member"})
        assert {"hub", "north", "south"} <= set(text_of(grouped).split())
        asked = {"metric_name": METRIC, "filter.member": "north", "range": "last_90_days"}
        alone = page.get("/explore.csv", params=asked)
        assert alone.status_code == 200
        assert alone.text.count("\n") == 1 + len(values(hub.client, member="north"))


def test_a_tenant_and_a_service_see_their_own_of_a_member(hub: Hub) -> None:
    entry = Entry(datetime.now(UTC) - timedelta(hours=3), 10, "of_tenants", service="checkout")
    for name in ("acme", "other"):
        add_tenants(hub.north.url, name)
    other = replace(entry, tenant="other", value=99)
    put(hub.north.url, [replace(entry, tenant="acme"), other])
    asked = {"metric_name": "of_tenants", "period": "month"}
    with (
        new_tenant(hub.client, "acme") as acme,
        with_new_key(acme, "reader", service_name="payment-service") as elsewhere,
        with_new_key(acme, "reader", service_name="checkout") as own,
    ):
        assert set(values(acme, **asked).values()) == {10.0}
        assert elsewhere.get("/api/metrics/aggregate", params=asked).status_code == 404
        assert set(values(own, **asked).values()) == {10.0}
        seen = answered(own, "/api/metrics/catalog")["data"]
        assert [row["metric_name"] for row in seen] == ["of_tenants"]
    refused = hub.client.get("/api/metrics/aggregate", params=asked)
    assert refused.status_code == 404


def test_an_installation_without_members_asks_nobody_and_says_nothing_of_them(hub: Hub) -> None:
    assert "missing_members" not in figures(hub.whole.client)
    assert "missing_members" not in answered(hub.whole.client, "/api/metrics/catalog")
    refused = hub.whole.client.get(
        "/api/metrics/aggregate", params={"metric_name": METRIC, "group_by": "member"}
    )
    assert refused.status_code == 422
    measured = hub.whole.client.get("/metrics").text
    assert 'query="member_' not in measured
    assert 'query="member_' in hub.client.get("/metrics").text


def test_the_largest_groups_are_those_of_all_members_together(hub: Hub) -> None:
    moment = datetime.now(UTC) - timedelta(hours=3)

    def entry(region: str, value: float) -> Entry:
        return Entry(moment, value, "of_many_regions", region=region)

    regions = [f"R{number:02}" for number in range(30)]
    hub.put(
        {
            "north": [entry(region, 10 + number) for number, region in enumerate(regions)],
            "south": [entry(region, 1000 - 40 * number) for number, region in enumerate(regions)],
        }
    )
    until(lambda: "of_many_regions" in catalogue(hub))
    pages = []
    for client in (hub.client, hub.whole.client):
        with signed_in(client) as page:
            asked = {"metric_name": "of_many_regions", "group_by": "region"}
            pages.append(text_of(page.get("/explore", params=asked)))
    shown_regions = [{region for region in regions if region in text} for text in pages]
    assert shown_regions[0] == shown_regions[1]
    assert "largest of 30 groups" in pages[0]


def test_what_is_of_one_installation_alone_is_refused_over_members(hub: Hub) -> None:
    for path in ("breakdown", "explain"):
        asked = {"metric_name": METRIC, "compare": "previous_period", "start_date": "2026-01-01"}
        asked |= {"group_by": "region"} if path == "breakdown" else {}
        refused = hub.client.get(f"/api/metrics/{path}", params=asked)
        assert refused.status_code == 422
        assert "one installation alone" in refused.text
        assert (
            hub.client.get(f"/api/metrics/{path}", params=asked | {"member": "hub"}).status_code
            == hub.whole.client.get(f"/api/metrics/{path}", params=asked).status_code
        )


def test_a_rule_of_a_hub_warns_that_it_watches_no_member(hub: Hub) -> None:
    rule = {
        "rule_name": "of all?",
        "metric_name": METRIC,
        "condition": ">",
        "threshold_value": 1,
        "severity": "low",
    }
    warned = [
        client.post("/api/alerts/rules", json=rule).json()["warnings"]
        for client in (hub.client, hub.whole.client)
    ]
    words = "Only samples of this installation are watched, not of north, south"
    assert [words in one for one in warned] == [True, False]


def test_members_of_a_hub_are_never_written_by_it(hub: Hub) -> None:
    sample = {
        "metric_name": "posted_at_the_hub",
        "metric_type": "revenue",
        "value": 1,
        "frequency": "hourly",
    }
    assert hub.client.post("/api/metrics", json=sample).status_code == 201
    assert set(values(hub.client, metric_name="posted_at_the_hub", group_by="member"))
    refused = hub.client.post("/api/metrics", json=sample | {"member": "north"})
    assert refused.status_code == 422

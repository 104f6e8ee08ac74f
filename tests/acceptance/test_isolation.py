"""Nobody is ever shown what belongs to another tenant or service."""

import csv
import io
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx2
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.acceptance.access import ends_in, new_tenant, ok, with_new_key
from tests.acceptance.test_access_table import RULE
from tests.acceptance.test_graphql import FIGURES
from tests.acceptance.test_remote_read import read
from tests.acceptance.ways import FOREIGN, MAPPING, WAYS, Amount, Send, refusal
from tests.conftest import Service

TENANTS = ("one", "two")
SERVICES = ("orders", "payments", None)
BOUND = ("orders", "payments", "idle")


class Owner(NamedTuple):
    """Whose sample, or who asks: None is no service, or all of them."""

    tenant: str
    service_name: str | None


class Item(NamedTuple):
    """A sample to be posted."""

    owner: Owner
    value: float
    region: str | None
    method: str


@dataclass
class Posted:
    """The samples that were posted of one metric."""

    metric: str
    items: list[Item] = field(default_factory=list)

    def seen_by(self, who: Owner) -> list[Item]:
        return [
            item
            for item in self.items
            if item.owner.tenant == who.tenant
            and who.service_name in (None, item.owner.service_name)
        ]


@pytest.fixture(scope="module")
def callers(service: Service) -> Iterator[dict[Owner, httpx2.Client]]:
    """An admin of each of two tenants, and readers bound to three services of each."""
    with ExitStack() as stack:
        found: dict[Owner, httpx2.Client] = {}
        for tenant in TENANTS:
            name = f"{tenant}-{secrets.token_hex(4)}"
            admin = stack.enter_context(new_tenant(service.client, name))
            found[Owner(tenant, None)] = admin
            ok(admin.put("/api/mappings", json={"yaml": MAPPING}))
            for one in BOUND:
                bound = with_new_key(admin, "reader", service_name=one)
                found[Owner(tenant, one)] = stack.enter_context(bound)
        yield found


owners = st.builds(Owner, st.sampled_from(TENANTS), st.sampled_from(SERVICES))
items = st.builds(
    Item,
    owners,
    st.integers(1, 1000).map(float),
    st.sampled_from(["SP", "RJ", None]),
    st.sampled_from(["pix", "card"]),
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "service_name": st.sampled_from(["orders", "payments"]),
        "region": st.sampled_from(["SP", "RJ"]),
    },
)


@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_asked_only_what_is_ones_own_is_answered(
    callers: dict[Owner, httpx2.Client], way: str
) -> None:
    @settings(
        # What is asked is the same however it came in.
        max_examples=2 if way in FOREIGN else 8,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(items, min_size=1, max_size=12), filters)
    def one(posted: list[Item], given_filters: dict[str, str]) -> None:
        mine = Posted(f"metric_{secrets.token_hex(6)}", posted)
        submit(callers, mine, WAYS[way])
        for who, client in callers.items():
            expected = [item for item in mine.seen_by(who) if passes(item, given_filters)]
            check_samples(client, mine.metric, given_filters, expected)
            if mine.seen_by(who):
                check_figures(client, mine.metric, given_filters, expected)
                check_groups(client, mine.metric, given_filters, expected)
                check_breakdown(client, mine.metric, given_filters, expected)
                check_explain(client, mine.metric, given_filters, expected)
                check_exposition(client, mine.metric, given_filters, expected)
                check_graphql(client, mine.metric, given_filters, expected)
            else:
                check_unknown(client, mine.metric)
            check_remote_read(client, mine.metric, given_filters, expected)
            check_catalog(client, mine.metric, mine.seen_by(who))
            check_backtest(client, mine.metric, who, mine.seen_by(who))

    one()


def test_what_is_made_of_alerts_is_shown_to_nobody_else(
    service: Service, callers: dict[Owner, httpx2.Client]
) -> None:
    made: dict[tuple[str, int], Owner] = {}
    for tenant in TENANTS:
        admin = callers[Owner(tenant, None)]
        for name in SERVICES:
            rule = RULE | {"rule_name": secrets.token_hex(6), "service_name": name}
            number = ok(admin.post("/api/alerts/rules", json=rule))["id"]
            silence = {"service_name": name, "rule_id": number, "ends_at": ends_in(60)}
            owner = Owner(tenant, name)
            made["rules", number] = owner
            made["silences", ok(admin.post("/api/alerts/silences", json=silence))["id"]] = owner
            made["events", event_of(service, number)] = owner
            # The event stays the service's whose figures it shows.
            change = {"service_name": "idle"}
            if name == "orders":
                ok(admin.patch(f"/api/alerts/rules/{number}", json=change))
                made["rules", number] = Owner(tenant, "idle")
    for who, client in callers.items():
        for kind in ("rules", "silences", "events"):
            own = {
                number
                for (sort, number), owner in made.items()
                if sort == kind
                and owner.tenant == who.tenant
                and who.service_name in (None, owner.service_name)
            }
            assert {one["id"] for one in ok(client.get(f"/api/alerts/{kind}"))} == own, (who, kind)
        for (kind, number), owner in made.items():
            if owner.tenant == who.tenant or kind == "silences":
                continue
            assert client.get(f"/api/alerts/{kind}/{number}").status_code == 404
            if kind == "rules":
                assert ok(client.get("/api/alerts/events", params={"rule_id": number})) == []


def test_health_is_shown_to_its_tenant_and_service_alone(
    callers: dict[Owner, httpx2.Client],
) -> None:
    for tenant in TENANTS:
        for name in BOUND:
            body = {"service_name": name, "status": "healthy", "version": f"{tenant} {name}"}
            ok(callers[Owner(tenant, None)].post("/api/services/health", json=body))
    for who, client in callers.items():
        own = {f"{who.tenant} {name}" for name in BOUND if who.service_name in (None, name)}
        assert {one["version"] for one in ok(client.get("/api/services/health"))} == own


def test_a_mapping_is_its_tenants_alone(callers: dict[Owner, httpx2.Client], metric: str) -> None:
    one, two = (callers[Owner(tenant, None)] for tenant in TENANTS)
    mine = f"metrics:\n  - {{match: {metric}, take: false}}\n"
    ok(one.put("/api/mappings", json={"yaml": mine}))
    try:
        trial = {"protocol": "line_protocol", "body": f"{metric} value=1"}
        for tenant, client in ((mine, one), (MAPPING, two)):
            assert ok(client.get("/api/mappings"))["yaml"] == tenant
            (point,) = ok(client.post("/api/mappings/test", json=trial))["points"]
            assert (point["becomes"] is None) == (client is one)
            for send in FOREIGN.values():
                assert refusal(send(client, metric, [Amount(5.0)])) is None
        assert one.get("/api/metrics/aggregate", params={"metric_name": metric}).status_code == 404
        check_figures(two, metric, {}, [Item(Owner("two", None), 5.0, None, "")] * len(FOREIGN))
    finally:
        ok(one.put("/api/mappings", json={"yaml": MAPPING}))


@pytest.mark.parametrize("way", WAYS)
def test_a_key_of_a_service_writes_for_it_alone(
    callers: dict[Owner, httpx2.Client], metric: str, way: str
) -> None:
    admin = callers[Owner("one", None)]
    with with_new_key(admin, "writer", service_name="orders") as bound:
        for name, status in ((None, 2), ("orders", 2), ("payments", 4)):
            answer = WAYS[way](bound, metric, [Amount(1.0, name)])
            assert answer.status_code // 100 == status, answer.text
            assert status == 2 or answer.status_code == 403
    found = ok(admin.get("/api/metrics/query", params={"metric_name": metric}))
    assert [one["service_name"] for one in found] == ["orders"] * len(found)
    assert found


def submit(callers: dict[Owner, httpx2.Client], posted: Posted, send: Send) -> None:
    for tenant in TENANTS:
        amounts = [
            Amount(item.value, item.owner.service_name, item.region, item.method)
            for item in posted.items
            if item.owner.tenant == tenant
        ]
        if amounts:
            admin = callers[Owner(tenant, None)]
            answer = send(admin, posted.metric, amounts)
            assert refusal(answer) is None, answer.text
            # A dimension of one tenant's metric is none of the other's.
            path = f"/api/metrics/catalog/{posted.metric}"
            ok(admin.patch(path, json={"description": tenant}))


def passes(item: Item, given_filters: dict[str, str]) -> bool:
    has = {"service_name": item.owner.service_name, "region": item.region}
    return all(has[name] == value for name, value in given_filters.items())


def labels(item: Item) -> tuple[Any, ...]:
    return (item.owner.service_name, item.region, item.value)


def check_samples(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    params: dict[str, Any] = {"metric_name": metric, **given_filters, "limit": 5}
    found: list[dict[str, Any]] = []
    lines: list[dict[str, str]] = []
    while True:
        page = client.get("/api/metrics/query", params=params)
        assert page.status_code == 200, page.text
        found += page.json()["data"]
        text = client.get("/api/metrics/query", params=params, headers={"Accept": "text/csv"}).text
        lines += csv.DictReader(io.StringIO(text))
        if page.json()["next_cursor"] is None:
            break
        params["cursor"] = page.json()["next_cursor"]
    shown = [(one["service_name"], one["region"], one["value"]) for one in found]
    in_csv = [
        (one["service_name"] or None, one["region"] or None, float(one["value"])) for one in lines
    ]
    assert sorted(shown, key=repr) == sorted(map(labels, expected), key=repr)
    assert sorted(in_csv, key=repr) == sorted(shown, key=repr)


def check_figures(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    params = {"metric_name": metric, "aggregation": "sum", **given_filters}
    rows = ok(client.get("/api/metrics/aggregate", params=params))
    assert sum(row["value"] for row in rows) == sum(item.value for item in expected)


def check_exposition(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    params: dict[str, Any] = {"metric": metric, "group_by": "region", **given_filters}
    answer = client.get("/metrics/business", params=params)
    assert answer.status_code == 200, answer.text
    regions = dict.fromkeys((item.region or "" for item in expected), 0.0)
    for item in expected:
        regions[item.region or ""] += item.value
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    shown = [one for family in families for one in family.samples if one.name == metric]
    assert {one.labels["region"]: one.value for one in shown} == regions


def check_graphql(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    named = [{"label": name, "value": value} for name, value in given_filters.items()]
    variables = {"metric": metric, "groupBy": ["region"], "filters": named}
    answer = client.post("/graphql", json={"query": FIGURES, "variables": variables}).json()
    values = [value for one in answer["data"]["aggregate"]["series"] for value in one["values"]]
    assert sum(values) == sum(item.value for item in expected)


def check_remote_read(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    found = read(client, f"__name__={metric}", *(f"{n}={v}" for n, v in given_filters.items()))
    totals: dict[tuple[str | None, str | None], float] = {}
    for item in expected:
        key = item.owner.service_name, item.region
        totals[key] = totals.get(key, 0.0) + item.value
    shown = [(dict(labels), samples) for labels, samples in found.items()]
    assert {
        (labels.get("service_name"), labels.get("region")): sum(value for value, _ in samples)
        for labels, samples in shown
    } == totals


def check_unknown(client: httpx2.Client, metric: str) -> None:
    scraped = client.get("/metrics/business", params={"metric": metric})
    assert scraped.status_code == 404
    answer = client.get("/api/metrics/aggregate", params={"metric_name": metric})
    assert answer.status_code == 404
    suggested = set(re.findall(r"metric_[0-9a-f]{12}", answer.text)) - {metric}
    assert suggested <= {one["metric_name"] for one in ok(client.get("/api/metrics/catalog"))}


def check_groups(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    params: dict[str, Any] = {
        "metric_name": metric,
        "aggregation": "count",
        "group_by": ["service_name", "region"],
        **given_filters,
    }
    rows = ok(client.get("/api/metrics/aggregate", params=params))
    shown = {(row["service_name"], row["region"]) for row in rows}
    assert shown == {(item.owner.service_name, item.region) for item in expected}
    assert sum(row["value"] for row in rows) == len(expected)


def check_breakdown(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    params: dict[str, Any] = {
        "metric_name": metric,
        "aggregation": "count",
        "group_by": ["service_name", "region"],
        **given_filters,
    }
    body = client.get("/api/metrics/breakdown", params=params).json()
    shown = {(row["service_name"], row["region"]) for row in body["data"]}
    assert shown == {(item.owner.service_name, item.region) for item in expected}
    assert (body["total"]["value"] or 0) == len(expected)


def check_explain(
    client: httpx2.Client, metric: str, given_filters: dict[str, str], expected: list[Item]
) -> None:
    params = {"metric_name": metric, "start_date": "2026-01-01", **given_filters}
    body = client.get("/api/metrics/explain", params=params).json()
    assert (body["value"] or 0) == sum(item.value for item in expected)
    named = {name for one in body["contributors"] for name in one["labels"].values()}
    owners = {item.owner.service_name for item in expected}
    assert named <= owners | {item.region for item in expected} | {None}


def check_catalog(client: httpx2.Client, metric: str, expected: list[Item]) -> None:
    listed = [one for one in ok(client.get("/api/metrics/catalog")) if one["metric_name"] == metric]
    assert [one["series"] for one in listed] == (
        [len({labels(item)[:2] for item in expected})] if expected else []
    )
    assert [one["description"] for one in listed] == [item.owner.tenant for item in expected[:1]]


def check_backtest(client: httpx2.Client, metric: str, who: Owner, expected: list[Item]) -> None:
    rule = RULE | {"rule_name": "Trial", "metric_name": metric, "window": "6h", "days": 1}
    if who.service_name:
        rule |= {"service_name": who.service_name}
    result = ok(client.post("/api/alerts/rules/test", json=rule))
    values = [group["value"] or 0 for group in result["now"]]
    assert sum(values) == sum(item.value for item in expected)
    refused = client.post("/api/alerts/rules/test", json=rule | {"service_name": "other"})
    assert refused.status_code == (403 if who.service_name else 200)


def event_of(service: Service, rule_id: int) -> int:
    with psycopg.connect(service.database_url) as conn:
        row = conn.execute(
            """
            INSERT INTO fature.alert_event (
                tenant, rule_id, rule_name, metric_name, condition, threshold_value,
                severity, aggregation, window_name, opened_at, service_name, status
            )
            SELECT
                tenant, rule_id, rule_name, metric_name, condition, threshold_value,
                severity, 'sum', 'day', now(), service_name, 'resolved'
            FROM fature.alert_rule
            WHERE rule_id = %s
            RETURNING event_id
            """,
            [rule_id],
        ).fetchone()
    assert row is not None
    return int(row[0])

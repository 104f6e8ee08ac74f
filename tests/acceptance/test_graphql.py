"""GraphQL: what it answers, to whom, and what it refuses."""

import hashlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import httpx2
import pytest
from graphql import build_client_schema, build_schema, get_introspection_query, print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis_graphql import queries

from service.graphql.execution import SCHEMA
from tests.acceptance.access import caller, new_tenant, ok, with_new_key
from tests.acceptance.talk import BATCH, sample
from tests.acceptance.test_access_table import RULE
from tests.acceptance.web import signed_in, token_in, visitor
from tests.conftest import ADMIN_KEY, ROOT, DatabaseServer, Service, running_service
from tests.prometheus_statements import statements

pytestmark = pytest.mark.one_engine

PATH = "/graphql"


@pytest.fixture(scope="module")
def serving(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("graphql")
    with running_service(folder, database_of.new_database(), FATURE_ALERT_INTERVAL="0") as service:
        yield service


@pytest.fixture
def client(serving: Service) -> httpx2.Client:
    return serving.client


def post(client: httpx2.Client, *samples: dict[str, Any]) -> None:
    answer = client.post(BATCH, json={"metrics": list(samples)})
    assert answer.status_code == 201, answer.text


def ask(client: httpx2.Client, query: str | None, **more: Any) -> dict[str, Any]:
    body = {"query": query, **more} if query is not None else more
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def data(client: httpx2.Client, query: str, **variables: Any) -> dict[str, Any]:
    answer = ask(client, query, variables=variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]
    return found


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer["errors"]]


BREAKDOWN = """
query Breakdown($metric: String!, $groupBy: [String!]!, $first: Int!, $after: String,
  $orderBy: RankedBy!, $reverse: Boolean!, $compare: Comparison, $startDate: Moment) {
  breakdown(metric: $metric, groupBy: $groupBy, first: $first, after: $after, orderBy: $orderBy,
    reverse: $reverse, compare: $compare, startDate: $startDate) {
    aggregation period unit groups otherGroups pageInfo { hasNextPage endCursor }
    rows { labels { name value } unit value { value share baseline change changePercent } }
    total { value baseline } others { value }
  }
}
"""
FIGURES = """
query Figures($metric: String!, $period: Period, $aggregation: Aggregation, $groupBy: [String!],
  $filters: [Filter!], $startDate: Moment) {
  aggregate(metric: $metric, period: $period, aggregation: $aggregation, groupBy: $groupBy,
    filters: $filters, startDate: $startDate) {
    metric aggregation period timezone unit truncated omittedFrequencies materializedUntil
    series { labels { name value } unit periods starts ends values complete }
  }
}
"""


def test_figures_are_those_of_the_api_in_columns(client: httpx2.Client, metric: str) -> None:
    moments = [datetime.now(UTC) - timedelta(hours=7 * n) for n in range(20)]
    post(
        client,
        *(
            sample(metric, value=n / 7, unit="BRL", region=f"r{n % 3}", timestamp=at.isoformat())
            for n, at in enumerate(moments)
        ),
    )
    answer = client.get(
        "/api/metrics/aggregate", params={"metric_name": metric, "group_by": "region"}
    ).json()
    found = data(client, FIGURES, metric=metric, groupBy=["region"])["aggregate"]
    assert (found["metric"], found["unit"], found["timezone"]) == (metric, "BRL", "UTC")
    assert (found["aggregation"], found["period"], found["truncated"]) == ("sum", "day", False)
    assert found["materializedUntil"] == answer["materialized_until"]
    rows = [
        {
            "region": one["labels"][0]["value"],
            "unit": one["unit"],
            **dict(zip(("period", "start", "end", "value", "complete"), row, strict=True)),
        }
        for one in found["series"]
        for row in zip(
            one["periods"], one["starts"], one["ends"], one["values"], one["complete"], strict=True
        )
    ]
    expected = [{**row, "unit": "BRL"} for row in answer["data"]]
    key = "start", "region"
    assert sorted(rows, key=lambda r: [r[k] for k in key]) == sorted(
        expected, key=lambda r: [r[k] for k in key]
    )
    filters = [{"label": "region", "value": "r1"}]
    one = data(client, FIGURES, metric=metric, filters=filters, period="month")["aggregate"]
    assert all(series["labels"] == [] for series in one["series"])
    figures = "aggregate(period: day) { series { values } }"
    nested = f'{{ metric(name: "{metric}") {{ {figures} }} }}'
    of_metric = data(client, nested)["metric"]["aggregate"]["series"]
    whole = data(client, FIGURES, metric=metric)["aggregate"]["series"]
    assert of_metric == [{"values": whole[0]["values"]}]


def test_the_catalogue_is_paged(client: httpx2.Client) -> None:
    query = """
    query Page($after: String) {
      metrics(first: 10, after: $after) {
        nodes { name type unit units kind defaultAggregation frequency description dimensions
          series }
        edges { cursor node { name } }
        pageInfo { hasNextPage endCursor }
      }
    }
    """
    names, after = [], None
    while True:
        page = data(client, query, after=after)["metrics"]
        of_page = [node["name"] for node in page["nodes"]]
        assert [edge["node"]["name"] for edge in page["edges"]] == of_page
        names += of_page
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    rows = ok(client.get("/api/metrics/catalog"))
    assert names == [row["metric_name"] for row in rows]
    one = data(client, '{ metric(name: "revenue_hourly") { name unit kind } }')["metric"]
    assert one == {"name": "revenue_hourly", "unit": "BRL", "kind": "flow"}
    assert data(client, '{ metric(name: "nothing_such") { name } }')["metric"] is None
    for after in ("x", "é", "", "WyJzZXJ2aWNlcyIsIngiXQ"):
        assert codes(ask(client, query, variables={"after": after})) == ["validation_error"]


def test_rules_events_and_services(serving: Service, client: httpx2.Client) -> None:
    numbers = [
        ok(client.post("/api/alerts/rules", json=RULE | {"rule_name": secrets.token_hex(6)}))["id"]
        for _ in range(3)
    ]
    query = """
    query ($after: String) {
      rules(first: 2, after: $after) {
        nodes { id ruleName metricName condition thresholdValue severity aggregation window groupBy
          isActive notificationChannels createdAt updatedAt lastError }
        pageInfo { hasNextPage endCursor }
      }
    }
    """
    first = data(client, query)["rules"]
    second = data(client, query, after=first["pageInfo"]["endCursor"])["rules"]
    assert [one["id"] for one in first["nodes"]] == numbers[:0:-1]
    assert second["nodes"][0]["id"] == numbers[0]
    for body in ({"status": "healthy", "error_rate": 0.25}, {"status": "degraded"}):
        report = {"service_name": f"s_{body['status']}", **body}
        ok(client.post("/api/services/health", json=report))
    query = "{ services { nodes { serviceName status errorRate stale ageSeconds timestamp } } }"
    services = data(client, query)["services"]["nodes"]
    assert [one["serviceName"] for one in services] == ["s_degraded", "s_healthy"]
    assert services[1]["errorRate"] == 0.25
    query = "{ events(status: open) { nodes { id group { name value } } pageInfo { endCursor } } }"
    assert data(client, query)["events"] == {"nodes": [], "pageInfo": {"endCursor": None}}


def test_errors_have_the_codes_of_the_api(client: httpx2.Client, metric: str) -> None:
    def code(query: str) -> str:
        (found,) = codes(ask(client, query))
        return found

    figures = "{ series { values } }"
    assert code("{") == "validation_error"
    assert code("{ nothing }") == "validation_error"
    assert code(f'{{ aggregate(metric: "{metric}") {figures} }}') == "not_found"
    post(client, sample(metric, frequency="daily"))
    assert (
        code(f'{{ aggregate(metric: "{metric}", period: hour) {figures} }}') == "validation_error"
    )
    wrong = f'{{ aggregate(metric: "{metric}", limit: 0, startDate: "x") {figures} }}'
    (error,) = ask(client, wrong)["errors"]
    assert {one["field"] for one in error["extensions"]["details"]} == {"limit", "start_date"}
    assert error["path"] == ["aggregate"]
    assert (
        code(f'{{ forecast(metric: "{metric}") {{ series {{ values }} }} }}') == "validation_error"
    )
    assert code("{ rules(first: 0) { nodes { id } } }") == "validation_error"
    # What can be answered beside it is.
    both = (
        f'{{ a: aggregate(metric: "{metric}") {{ metric }} rules(first: 0) {{ nodes {{ id }} }} }}'
    )
    assert codes(ask(client, both)) == ["validation_error"]


def test_bodies_that_are_none(client: httpx2.Client) -> None:
    text = {"Content-Type": "text/plain"}
    assert client.post(PATH, content=b"{", headers=text).status_code == 415
    json_type = {"Content-Type": "application/json"}
    assert client.post(PATH, content=b"{", headers=json_type).status_code == 400
    assert client.post(PATH, json={}).status_code == 400
    assert client.post(PATH, json={"query": 1}).status_code == 422
    assert client.post(PATH, json={"query": "{ a }", "more": 1}).status_code == 422
    assert client.get(PATH).status_code == 405
    own = {"Accept": "application/graphql-response+json"}
    refused = client.post(PATH, json={"query": "{ nothing }"}, headers=own)
    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith("application/graphql-response+json")
    assert client.post(PATH, json={"query": "{ __typename }"}, headers=own).status_code == 200
    mutation = {"query": "mutation { a }"}
    assert codes(client.post(PATH, json=mutation).json()) == ["validation_error"]


def test_a_query_can_be_sent_by_its_hash(client: httpx2.Client) -> None:
    query = f"{{ __typename a{secrets.token_hex(6)}: __typename }}"
    digest = hashlib.sha256(query.encode()).hexdigest()
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    assert codes(ask(client, None, extensions=hashed)) == ["PERSISTED_QUERY_NOT_FOUND"]
    whole = ask(client, query, extensions=hashed)
    assert ask(client, None, extensions=hashed) == whole
    assert whole["data"]["__typename"] == "Query"
    other = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    assert codes(ask(client, query, extensions=other)) == ["validation_error"]
    assert codes(ask(client, query, extensions={"persistedQuery": 1})) == ["validation_error"]


def test_the_schema_is_in_the_docs_and_every_part_says_what_it_is(client: httpx2.Client) -> None:
    text = (ROOT / "docs" / "schema.graphql").read_text()
    assert text == SCHEMA.read_text(), "make docs renews it"
    introspected = data(client, get_introspection_query())
    served = build_client_schema(cast("Any", introspected))
    assert print_schema(served) == print_schema(build_schema(text))
    for field in introspected["__schema"]["types"]:
        if field["name"] == "Query":
            assert all(one["description"] for one in field["fields"])


def test_nothing_is_told_without_a_key(serving: Service) -> None:
    with caller(serving.url, None) as stranger:
        answer = stranger.post(PATH, json={"query": "{ __schema { types { name } } }"})
    assert answer.status_code == 401
    assert "Metric" not in answer.text


# Every field that reads something, and the scope that it needs.
FIELDS = {
    "metrics": ("metrics:read", "{ metrics { nodes { name } } }"),
    "metric": ("metrics:read", '{ metric(name: "revenue_hourly") { name } }'),
    "aggregate": ("metrics:read", '{ aggregate(metric: "revenue_hourly") { metric } }'),
    "breakdown": (
        "metrics:read",
        '{ breakdown(metric: "revenue_hourly", groupBy: ["region"]) { metric } }',
    ),
    "forecast": ("metrics:read", '{ forecast(metric: "revenue_hourly") { metric } }'),
    "rules": ("alerts:read", "{ rules { nodes { id } } }"),
    "events": ("alerts:read", "{ events { nodes { id } } }"),
    "services": ("metrics:read", "{ services { nodes { serviceName } } }"),
}


def test_each_field_needs_its_scope(client: httpx2.Client) -> None:
    fields = build_schema(SCHEMA.read_text()).query_type
    assert fields is not None
    assert FIELDS.keys() == fields.fields.keys()
    with ExitStack() as stack:
        callers = {
            "metrics:read": with_new_key(client, "reader", scopes=["metrics:read"]),
            "alerts:read": with_new_key(client, "reader", scopes=["alerts:read"]),
            "metrics:write": with_new_key(client, "writer"),
        }
        for one in callers.values():
            stack.enter_context(one)
        for name, (scope, query) in FIELDS.items():
            for has, one in callers.items():
                answer = ask(one, query)
                refused = "forbidden" in codes(answer) if "errors" in answer else False
                assert refused == (has != scope), (name, has, answer)


def test_who_is_signed_in_asks_on_a_page(serving: Service, metric: str) -> None:
    post(serving.client, sample(metric))
    body = {"query": f'{{ metric(name: "{metric}") {{ name }} rules {{ nodes {{ id }} }} }}'}
    with visitor(serving.url) as stranger:
        assert stranger.get("/graphiql").headers["location"] == "/sign-in?next=/graphiql"
        assert stranger.post("/graphiql", json=body).status_code == 303
    with signed_in(serving.client, "reader") as web:
        token = token_in(web.get("/account"))
        assert web.post("/graphiql", json=body).status_code == 403
        answer = web.post("/graphiql", json=body, headers={"X-CSRF-Token": token})
        assert answer.json()["data"]["metric"] == {"name": metric}
    with signed_in(serving.client, "reader", service_name="elsewhere") as web:
        token = token_in(web.get("/account"))
        answer = web.post("/graphiql", json=body, headers={"X-CSRF-Token": token})
        assert answer.json()["data"] == {"metric": None, "rules": {"nodes": []}}
    with signed_in(serving.client, "writer") as web:
        assert web.get("/graphiql").status_code == 403


def test_whose_data_each_field_shows(serving: Service, client: httpx2.Client, metric: str) -> None:
    other = new_tenant(client, f"t{secrets.token_hex(5)}")
    service = f"s{secrets.token_hex(5)}"
    bound = with_new_key(client, "reader", service_name="elsewhere")
    post(client, sample(metric, service_name=service))
    rule = RULE | {"rule_name": secrets.token_hex(6), "service_name": service}
    number = ok(client.post("/api/alerts/rules", json=rule))["id"]
    ok(client.post("/api/services/health", json={"service_name": service, "status": "healthy"}))
    query = f"""{{
      metrics(first: 500) {{ nodes {{ name series }} }}
      metric(name: "{metric}") {{ name aggregate {{ series {{ values }} }} }}
      rules(first: 500) {{ nodes {{ id }} }}
      events {{ nodes {{ id }} }}
      services {{ nodes {{ serviceName }} }}
    }}"""
    own = data(client, query)
    assert own["metric"]["aggregate"]["series"] == [{"values": [1.5]}]
    assert number in [one["id"] for one in own["rules"]["nodes"]]
    assert service in [one["serviceName"] for one in own["services"]["nodes"]]
    for stranger in (other, bound):
        with stranger:
            found = ask(stranger, query)
            assert metric not in json.dumps(found["data"])
            assert service not in json.dumps(found["data"])
            shown = found["data"]["rules"] or {"nodes": []}
            assert number not in [one["id"] for one in shown["nodes"]]
            for field in ("aggregate", "forecast"):
                figures = ask(stranger, f'{{ {field}(metric: "{metric}") {{ metric }} }}')
                assert codes(figures) == ["not_found"], field
            filters = f'filters: [{{label: "service_name", value: "{service}"}}]'
            query_of_service = f'{{ aggregate(metric: "revenue_hourly", {filters}) {{ metric }} }}'
            assert service not in json.dumps(ask(stranger, query_of_service).get("data"))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("{ metrics(first: 300) { edges { node { aggregate { metric } } } } }", "costs"),
        (
            "{" + " ".join(f'a{n}: aggregate(metric: "m") {{ metric }}' for n in range(51)) + "}",
            "figures 51 times",
        ),
        ("{" + " ".join(f"a{n}: __typename" for n in range(1001)) + "}", "1001 fields"),
        ("{ " + " ".join(["metric"] * 5000) + " }", "tokens"),
        ("{ metrics(first: 999999999) { nodes { name } } }", "costs"),
        (
            "query ($n: Int!) { metrics(first: $n) { nodes { name kind unit type series } } }",
            "costs",
        ),
        (
            "{ ...a }"
            + " ".join(
                f"fragment {x} on Query {{ ...{y} ...{y} }}" for x, y in pairwise("abcdefghijkl")
            )
            + " fragment l on Query { __typename __typename }",
            "4096 fields",
        ),
        ("{ ...a } fragment a on Query { ...a }", "spread"),
        (
            "{ __schema { types { fields { type { fields { type { fields { type { fields { name"
            " } } } } } } } } } }",
            "introspection",
        ),
    ],
)
def test_what_is_too_much_is_refused(client: httpx2.Client, query: str, says: str) -> None:
    answer = ask(client, query, variables={"n": 1000})
    assert "data" not in answer
    assert says.lower() in " ".join(error["message"] for error in answer["errors"]).lower()


@pytest.mark.parametrize(
    ("declared", "variables"),
    [("$n: Int! = 1000", {}), ("$n: Int!", {"n": 1000.0}), ("$n: Int", {"n": 1000})],
)
def test_a_list_is_as_long_as_its_variable_will_be(
    client: httpx2.Client, declared: str, variables: dict[str, float]
) -> None:
    query = f"query ({declared}) {{ metrics(first: $n) {{ nodes {{ aggregate {{ metric }} }} }} }}"
    answer = ask(client, query, variables=variables)
    assert "data" not in answer
    assert "asks for figures 1000 times" in answer["errors"][0]["message"]


def test_many_figures_are_read_together(client: httpx2.Client, metric: str) -> None:
    names = [f"{metric}_{n}" for n in range(20)]
    post(client, *(sample(name, value=n) for n, name in enumerate(names)))
    before = statements(client)
    start = (datetime.now(UTC) - timedelta(days=9)).date()
    found = data(
        client,
        "{"
        + " ".join(
            f'{name}: aggregate(metric: "{name}", startDate: "{start}") {{ series {{ values }} }}'
            for name in names
        )
        + "}",
    )
    assert [found[name]["series"] for name in names] == [[{"values": [n]}] for n in range(20)]
    after = statements(client)
    asked = {name: after[name] - before.get(name, 0) for name in after}
    assert asked["catalog_entries"] == 1
    assert asked["series_ungrouped"] == 1
    # Four queries of a tenant are read at once, as those of pages are.
    assert asked["aggregate"] <= 5


def test_a_whole_dashboard_costs_no_more_than_its_page(client: httpx2.Client, metric: str) -> None:
    names = [f"{metric}_{n}" for n in range(20)]
    post(client, *(sample(name, value=n) for n, name in enumerate(names)))
    queries = [{"metric_name": name, "period": "day"} for name in names]
    panels = [
        {"id": f"p{n}", "type": "line", "title": f"Panel {n}", "queries": [query]}
        for n, query in enumerate(queries)
    ]
    layout = [{"panel": f"p{n}", "x": 0, "y": 2 * n, "w": 6, "h": 2} for n in range(20)]
    config = {"panels": panels, "layout": layout, "time_range": {"last": "last_7_days"}}
    board = ok(client.post("/api/dashboards", json={"name": metric, "config": config}))
    start = (datetime.now(UTC) - timedelta(days=6)).date()
    fields = (
        f'{name}: aggregate(metric: "{name}", startDate: "{start}") {{ series {{ values }} }}'
        for name in names
    )
    query = f"{{ {' '.join(fields)} }}"
    with signed_in(client, "reader") as web:
        start_page, page = statements(client), web.get(f"/dashboards/{board['id']}")
        after_page = statements(client)
    assert all(f"Panel {n}" in page.text for n in range(20))
    # Nothing is shared with the page any more.
    time.sleep(1.1)
    start_query = statements(client)
    assert len(data(client, query)) == 20
    after_query = statements(client)
    # Not what tasks in the background send.
    reading = ("catalog_entries", "catalog_listed", "series_ungrouped", "aggregate", "watermarks")
    of_page = sum(after_page.get(name, 0) - start_page.get(name, 0) for name in reading)
    of_query = sum(after_query.get(name, 0) - start_query.get(name, 0) for name in reading)
    assert 0 < of_query <= of_page


def test_too_many_values_are_refused(client: httpx2.Client, metric: str) -> None:
    post(client, *(sample(metric, frequency="real_time", region=f"r{n}") for n in range(3)))
    start = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    asked = f'metric: "{metric}", period: minute, fill: zero, startDate: "{start}"'
    one = f"aggregate({asked}) {{ metric }}"
    query = "{" + " ".join(f"a{n}: {one}" for n in range(40)) + "}"
    answer = ask(client, query)
    assert set(codes(answer)) == {"validation_error"}
    assert "100000 at most" in answer["errors"][0]["message"]


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(queries(SCHEMA.read_text()))
def test_whatever_fits_the_schema_is_answered(client: httpx2.Client, query: str) -> None:
    answer = client.post(PATH, json={"query": query})
    assert answer.status_code == 200, answer.text
    if "errors" in answer.json():
        assert "internal_error" not in codes(answer.json()), (query, answer.text)


def test_the_documented_request_is_one_that_curl_sends(serving: Service) -> None:
    text = (ROOT / "docs" / "graphql.md").read_text(encoding="utf-8")
    command = text.partition("```sh\n")[2].partition("```")[0]
    command = command.replace("localhost:5000", serving.url.removeprefix("http://"))
    environment = os.environ | {"KEY": ADMIN_KEY}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert set(answer["data"]) == {"revenue", "expected", "events"}, answer


def test_a_breakdown_is_that_of_the_api(client: httpx2.Client) -> None:
    metric = f"metric_{secrets.token_hex(6)}"
    now = datetime.now(UTC)
    post(
        client,
        *(
            sample(metric, value=value, region=region, timestamp=(now - age).isoformat())
            for region, value in (("SP", 60.0), ("RJ", 30.0), ("MG", 10.0))
            for age in (timedelta(), timedelta(days=7, hours=1))
        ),
    )
    start = str((now - timedelta(days=2)).date())
    asked: dict[str, Any] = {
        "metric": metric,
        "groupBy": ["region"],
        "first": 2,
        "orderBy": "value",
        "reverse": True,
        "compare": "previous_week",
        "startDate": start,
    }
    params: dict[str, Any] = {
        "metric_name": metric,
        "group_by": "region",
        "limit": 2,
        "order": "-value",
        "compare": "previous_week",
        "start_date": start,
    }
    first = data(client, BREAKDOWN, **asked)["breakdown"]
    right = client.get("/api/metrics/breakdown", params=params).json()
    assert [one["labels"] for one in first["rows"]] == [
        [{"name": "region", "value": row["region"]}] for row in right["data"]
    ]
    assert [one["value"]["share"] for one in first["rows"]] == [0.1, 0.3]
    assert [one["value"]["baseline"] for one in first["rows"]] == [
        row["baseline"] for row in right["data"]
    ]
    assert (first["groups"], first["otherGroups"], first["total"]["value"]) == (3, 1, 100.0)
    assert first["pageInfo"]["hasNextPage"]
    after = first["pageInfo"]["endCursor"]
    rest = data(client, BREAKDOWN, **asked, after=after)["breakdown"]
    assert [one["labels"][0]["value"] for one in rest["rows"]] == ["SP"]
    assert not rest["pageInfo"]["hasNextPage"]

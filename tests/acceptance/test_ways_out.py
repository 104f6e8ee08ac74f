"""One question, every way out: JSON, CSV, GraphQL, the page, `analytics`, the exposition and remote
read give the same values.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.acceptance.access import ok
from tests.acceptance.test_exposition import scrape
from tests.acceptance.test_graphql import FIGURES, data
from tests.acceptance.test_remote_read import read
from tests.acceptance.test_web_explore import drawn
from tests.acceptance.web import signed_in
from tests.asking import AGGREGATIONS
from tests.conftest import DatabaseServer, run_refresh_jobs
from tests.places import Place, new_place, profile
from tests.random_samples import cents
from tests.reference import start_of

ZONE = ZoneInfo("America/Sao_Paulo")
DAYS = 40
LABELS = ("service_name", "affiliate_id", "region")
# What remote read is told of PromQL so that it reads groups.
OPERATORS = {"min": "min", "max": "max"}

Key = tuple[datetime, tuple[str | None, ...]]
Values = dict[Key, float]


class Asked(NamedTuple):
    """A question about the last days."""

    metric: str
    period: str
    aggregation: str
    group_by: tuple[str, ...]
    filters: Mapping[str, str]

    @property
    def since(self) -> datetime:
        return start_of(datetime.now(UTC) - timedelta(days=DAYS), "month", ZONE)

    @property
    def params(self) -> dict[str, Any]:
        """As the API takes it."""
        return {
            "metric_name": self.metric,
            "period": self.period,
            "aggregation": self.aggregation,
            "group_by": list(self.group_by),
            "start_date": self.since.date().isoformat(),
            **self.filters,
        }


bodies = st.fixed_dictionaries(
    {
        "metric_type": st.just("revenue"),
        "frequency": st.just("hourly"),
        "unit": st.just("BRL"),
        "value": cents,
        "age": st.one_of(st.integers(0, 3), st.integers(0, 24 * DAYS)),
    },
    optional={
        "service_name": st.sampled_from(["checkout", "payment-service"]),
        "affiliate_id": st.just("a-1"),
        "region": st.sampled_from(["SP", "RJ", 'São "Paulo"\\']),
    },
)
questions = st.tuples(
    st.sampled_from(["hour", "day", "week", "month"]),
    st.sampled_from(AGGREGATIONS),
    st.lists(st.sampled_from(LABELS), max_size=2, unique=True).map(tuple),
    st.fixed_dictionaries({}, optional={"region": st.sampled_from(["SP", 'São "Paulo"\\'])}),
)


@pytest.fixture
def place(database_of: DatabaseServer, tmp_path: Path) -> Iterator[Place]:
    with new_place(database_of, ZONE, tmp_path) as fresh:
        yield fresh


def test_the_same_question_has_the_same_answer_by_every_way_out(place: Place) -> None:
    with signed_in(place.client) as web:

        @settings(profile, max_examples=6)
        @given(
            st.lists(bodies, min_size=10, max_size=40),
            st.lists(questions, min_size=5, max_size=5, unique_by=repr),
            st.booleans(),
        )
        def check(made: list[dict[str, Any]], asked: list[Any], materialized: bool) -> None:
            metric = next(place.names)
            post(place.client, metric, made)
            if materialized:
                run_refresh_jobs(place.database_url)
            for one in asked:
                check_ways(place, web, Asked(metric, *one))

        check()


def post(client: httpx2.Client, metric: str, made: list[dict[str, Any]]) -> None:
    answer = client.patch(f"/api/metrics/catalog/{metric}", json={"units": ["BRL"]})
    assert answer.status_code == 200, answer.text
    now = datetime.now(UTC)
    samples = [
        {
            "metric_name": metric,
            **{name: value for name, value in body.items() if name != "age"},
            "timestamp": (now - timedelta(hours=body["age"])).isoformat(),
        }
        for body in made
    ]
    answer = client.post("/api/metrics/batch", json={"metrics": samples})
    assert answer.status_code == 201, answer.text


def check_ways(place: Place, web: httpx2.Client, asked: Asked) -> None:
    hour = start_of(datetime.now(UTC), "hour", ZONE)
    by_json = values_of(ok(place.client.get("/api/metrics/aggregate", params=asked.params)), asked)
    ways = {
        "CSV": of_csv(place.client, asked),
        "GraphQL": of_graphql(place.client, asked),
        "exposition": of_exposition(place.client, asked),
    }
    newest = {key: value for key, value in by_json.items() if key[0] in last_two(asked.period)}
    page = of_page(web, asked)
    remote, expected_of_remote = of_remote_read(place.client, asked)
    views = of_views(place, asked) if asked.aggregation != "last" else None
    if start_of(datetime.now(UTC), "hour", ZONE) != hour:
        # An hour ended under way.
        check_ways(place, web, asked)
        return
    assert ways == {"CSV": by_json, "GraphQL": by_json, "exposition": newest}, asked
    assert page == sorted((key[0], value) for key, value in by_json.items()), asked
    assert remote == expected_of_remote, asked
    if views is not None:
        assert views == {key: pytest.approx(v, rel=1e-12) for key, v in by_json.items()}, asked


def values_of(rows: list[dict[str, Any]], asked: Asked) -> Values:
    return {
        (
            datetime.fromisoformat(row["start"]).astimezone(UTC),
            tuple(row[name] or None for name in asked.group_by),
        ): float(row["value"])
        for row in rows
    }


def of_csv(client: httpx2.Client, asked: Asked) -> Values:
    text = client.get(
        "/api/metrics/aggregate", params=asked.params, headers={"Accept": "text/csv"}
    ).text
    return values_of(list(csv.DictReader(io.StringIO(text))), asked)


def of_graphql(client: httpx2.Client, asked: Asked) -> Values:
    found = data(
        client,
        FIGURES,
        metric=asked.metric,
        period=asked.period,
        aggregation=asked.aggregation,
        groupBy=list(asked.group_by),
        startDate=asked.params["start_date"],
        filters=[{"label": name, "value": value} for name, value in asked.filters.items()],
    )["aggregate"]
    return {
        (
            datetime.fromisoformat(start).astimezone(UTC),
            tuple(label["value"] for label in series["labels"]),
        ): value
        for series in found["series"]
        for start, value in zip(series["starts"], series["values"], strict=True)
    }


def of_page(web: httpx2.Client, asked: Asked) -> list[tuple[datetime, float]]:
    """What its chart draws, in order."""
    params = {name: value for name, value in asked.params.items() if name not in asked.filters}
    # As links of pages have filters.
    filters = {f"filter.{name}": value for name, value in asked.filters.items()}
    answer = web.get("/explore", params={**params, **filters})
    assert answer.status_code == 200, answer.text
    return sorted(
        (datetime.fromtimestamp(seconds, UTC), value)
        for (seconds, _), value in drawn(answer).items()
    )


def of_exposition(client: httpx2.Client, asked: Asked) -> Values:
    families = scrape(
        client,
        asked.metric,
        period=asked.period,
        aggregation=asked.aggregation,
        group_by=list(asked.group_by),
        **asked.filters,
    )
    complete, current = last_two(asked.period)
    starts = {"complete": complete, "current": current}
    # The number of samples has no unit.
    name = asked.metric if asked.aggregation == "count" else f"{asked.metric}_BRL"
    return {
        (
            starts[one.labels["state"]],
            tuple(one.labels[g] or None for g in asked.group_by),
        ): one.value
        for one in (families[name].samples if name in families else ())
    }


def of_remote_read(client: httpx2.Client, asked: Asked) -> tuple[Values, Values]:
    """What PromQL finds at the start of each period, and what the API says of the groups that are
    read: those of the question where PromQL combines them, else all.
    """
    if asked.aggregation == "avg":
        asked = asked._replace(group_by=LABELS)
        hints: dict[str, Any] = {"func": "avg", "by": True}
    else:
        hints = {"func": OPERATORS.get(asked.aggregation, "sum"), "by": True}
    rows = ok(client.get("/api/metrics/aggregate", params=asked.params))
    found = read(
        client,
        f"__name__={asked.metric}",
        f"period={asked.period}",
        f"aggregation={asked.aggregation}",
        *(f"{name}={value}" for name, value in asked.filters.items()),
        since=asked.since,
        step_ms=3600_000,
        grouping=list(asked.group_by),
        **hints,
    )
    expected = values_of(rows, asked)
    starts = {start for start, _ in expected}
    values = {
        (instant, tuple(dict(labels).get(name) for name in asked.group_by)): value
        for labels, samples in found.items()
        for value, instant in samples
        if instant in starts and value == value
    }
    return values, expected


def of_views(place: Place, asked: Asked) -> Values:
    """What an analyst makes of the views."""
    groups = sql.SQL(", ").join(map(sql.Identifier, ("bucket", *asked.group_by)))
    combined = {
        "sum": "sum(sum_value)",
        "avg": "sum(sum_value) / sum(sample_count)",
        "min": "min(min_value)",
        "max": "max(max_value)",
        "count": "sum(sample_count)::float8",
    }[asked.aggregation]
    statement = sql.SQL(
        """
        SELECT {groups}, {value} FROM {view}
        WHERE metric_name = %s AND bucket >= %s AND (%s::text IS NULL OR region = %s)
        GROUP BY {groups}
        """
    ).format(
        groups=groups,
        value=sql.SQL(combined),
        view=sql.Identifier("analytics", f"metric_{asked.period}"),
    )
    since = start_of(asked.since, asked.period, ZONE)
    region = asked.filters.get("region")
    rows = place.conn.execute(statement, [asked.metric, since, region, region]).fetchall()
    return {(row[0].astimezone(UTC), tuple(row[1:-1])): float(row[-1]) for row in rows}


def last_two(period: str) -> tuple[datetime, datetime]:
    """The starts of the last complete and the current period."""
    current = start_of(datetime.now(UTC), period, ZONE)
    complete = start_of(current - timedelta(hours=1), period, ZONE)
    return complete.astimezone(UTC), current.astimezone(UTC)

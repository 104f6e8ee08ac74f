"""Prometheus' remote read, by hand and with PromQL of Prometheus itself."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import cramjam
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.remote_read.remote_read_pb2 import (
    LabelMatcher,
    Query,
    ReadHints,
    ReadRequest,
    ReadResponse,
)
from tests.acceptance.access import caller, ok, with_new_key
from tests.acceptance.talk import BATCH, sample
from tests.conftest import ADMIN_KEY, DatabaseServer, Service, running_service
from tests.killable import until
from tests.prometheus_server import instant_values, needs_prometheus, prometheus

pytestmark = pytest.mark.one_engine

PATH = "/api/v1/read"
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)

Found = dict[tuple[tuple[str, str], ...], list[tuple[float, datetime]]]


@pytest.fixture(scope="module")
def reading(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("remote-read")
    with running_service(folder, database_of.new_database(), FATURE_ALERT_INTERVAL="0") as service:
        yield service


@pytest.fixture
def client(reading: Service) -> httpx2.Client:
    return reading.client


def post(client: httpx2.Client, *samples: dict[str, Any]) -> None:
    answer = client.post(BATCH, json={"metrics": list(samples)})
    assert answer.status_code == 201, answer.text


def matcher(text: str) -> LabelMatcher:
    """Of ``region=~SP|RJ``."""
    for sign, kind in (("!~", "NRE"), ("=~", "RE"), ("!=", "NEQ"), ("=", "EQ")):
        name, found, value = text.partition(sign)
        if found:
            return LabelMatcher(type=kind, name=name, value=value)
    raise AssertionError(text)


def milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def request(
    *matchers: str, since: datetime = TODAY - 7 * DAY, end: datetime | None = None, **hints: Any
) -> ReadRequest:
    first, last = milliseconds(since), milliseconds(end or datetime.now(UTC))
    query = Query(
        start_timestamp_ms=first, end_timestamp_ms=last, matchers=[matcher(one) for one in matchers]
    )
    if hints:
        query.hints.CopyFrom(ReadHints(start_ms=first, end_ms=last, **hints))
    return ReadRequest(queries=[query])


def ask(client: httpx2.Client, body: ReadRequest) -> httpx2.Response:
    packed = bytes(cramjam.snappy.compress_raw(body.SerializeToString()))
    return client.post(PATH, content=packed, headers=HEADERS)


def read(client: httpx2.Client, *matchers: str, **more: Any) -> Found:
    """The samples of each series, without the labels that all have."""
    answer = ask(client, request(*matchers, **more))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-encoding"] == "snappy"
    body = bytes(cramjam.snappy.decompress_raw(answer.content))
    (result,) = ReadResponse.FromString(body).results
    found: Found = {}
    for series in result.timeseries:
        names = [label.name for label in series.labels]
        assert names == sorted(set(names))
        labels = tuple(
            (one.name, one.value) for one in series.labels if (one.name, one.value) not in _COMMON
        )
        assert labels not in found
        found[labels] = [
            (one.value, datetime.fromtimestamp(one.timestamp / 1000, UTC)) for one in series.samples
        ]
    return found


_COMMON = {("job", "fature"), ("aggregation", "sum"), ("period", "hour"), ("period", "day")}


def name_of(metric: str, **labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"__name__": metric, **labels}.items()))


def values(found: Found) -> dict[str, list[float]]:
    """By region."""
    return {dict(labels).get("region", ""): [v for v, _ in s] for labels, s in found.items()}


def test_a_period_is_one_sample_of_a_range_at_its_last_millisecond(
    client: httpx2.Client, metric: str
) -> None:
    moment = datetime.now(UTC)
    this_hour = moment.replace(minute=0, second=0, microsecond=0)
    post(
        client,
        sample(metric, value=0.1, unit="BRL", timestamp=(this_hour - 2 * HOUR).isoformat()),
        sample(metric, value=0.2, unit="BRL", timestamp=(this_hour - 2 * HOUR).isoformat()),
        sample(metric, value=5, unit="BRL", region="SP", timestamp=moment.isoformat()),
    )
    end = datetime.now(UTC)
    found = read(client, f"__name__={metric}", end=end, range_ms=1000, func="sum_over_time")
    at = this_hour - HOUR - timedelta(milliseconds=1)
    # The hour under way counts as of now.
    (now,) = found[name_of(metric, region="SP", unit="BRL")]
    assert now[0] == 5.0
    assert abs(end - now[1]) < timedelta(milliseconds=2)
    assert found[name_of(metric, unit="BRL")] == [(0.3, at)]
    # What was asked of an earlier moment has nothing of a period that was under way.
    earlier = read(client, f"__name__={metric}", end=this_hour - HOUR - timedelta(minutes=2))
    assert earlier == {}


def test_matchers_select_as_promql_says(client: httpx2.Client, metric: str) -> None:
    post(client, sample(metric, metadata={"pay.by": "pix"}))
    ok(client.patch(f"/api/metrics/catalog/{metric}", json={"dimensions": ["pay.by"]}))
    post(
        client,
        *(
            sample(metric, value=n, region=r)
            for n, r in enumerate(["SP", "RJ", "Sao Paulo", "x|y"])
        ),
        sample(metric, value=9, region="RS", metadata={"pay.by": "card"}),
    )
    name = f"__name__={metric}"

    def regions(*matchers: str) -> set[str]:
        return set(values(read(client, name, *matchers, range_ms=1, func="rate")))

    assert regions() == {"", "SP", "RJ", "Sao Paulo", "x|y", "RS"}
    assert regions("region=SP") == {"SP"}
    assert regions("region=") == {""}
    assert regions("region!=SP") == {"", "RJ", "Sao Paulo", "x|y", "RS"}
    assert regions("region=~S.*") == {"SP", "Sao Paulo"}
    assert regions("region=~S") == set()
    assert regions("region=~(?i)sp|rj") == {"SP", "RJ"}
    assert regions("region!~S.+|") == {"RJ", "x|y", "RS"}
    assert regions("region=~x\\|y") == {"x|y"}
    assert regions("region=(none)") == set()
    assert regions("region=SP", "region!=SP") == set()
    assert regions("pay_by=card") == {"RS"}
    assert regions("pay_by=~card|pix", "region!=SP") == {"RS"}
    assert regions("nothing=x") == set()
    assert regions("nothing=", "job=fature", "nothing!~.+") != set()
    assert regions("job=other") == set()
    assert regions("aggregation!=sum") == set()
    assert regions("service_name=~.*", "region=~R.") == {"RJ", "RS"}
    assert regions(f"__name__=~{metric[:-1]}.") == regions()
    assert read(client, "__name__=up") == {}
    assert read(client, "region=nobodys") == {}


def test_regular_expressions_that_are_none_or_take_for_ever_are_refused(
    client: httpx2.Client, metric: str
) -> None:
    post(client, sample(metric, region="a" * 60))
    for pattern in ("(", "(a*)*\\1b", "x" * 3000, "\0"):
        answer = ask(client, request(f"__name__={metric}", f"region=~{pattern}"))
        assert answer.status_code == 422, pattern
    assert read(client, f"__name__={metric}", "region=~(a*)*b") == {}
    # A backslash, and then a digit.
    assert read(client, f"__name__={metric}", r"region=~R\\1") == {}


def test_aggregation_and_period_are_labels(client: httpx2.Client, metric: str) -> None:
    post(
        client,
        sample(metric, value=1, frequency="real_time"),
        sample(metric, value=3, frequency="real_time"),
        sample(f"{metric}_d", value=3, frequency="daily"),
    )

    name = f"__name__={metric}"
    (of_mean,) = read(client, name, "aggregation=avg", "period=minute").items()
    assert dict(of_mean[0]) == {"__name__": metric, "aggregation": "avg", "period": "minute"}
    assert [value for value, _ in of_mean[1]] in ([2.0], [1.0, 3.0])
    (labels,) = read(client, f"__name__={metric}_d")
    assert dict(labels) == {"__name__": f"{metric}_d"}
    for wrong in ("aggregation=median", "period=decade"):
        assert ask(client, request(name, wrong)).status_code == 422
    assert ask(client, request(f"__name__={metric}_d", "period=hour")).status_code == 422


def test_units_are_never_mixed(client: httpx2.Client, metric: str) -> None:
    post(client, sample(metric, value=5, unit="BRL"))
    ok(client.patch(f"/api/metrics/catalog/{metric}", json={"units": ["BRL", "USD"]}))
    post(client, sample(metric, value=1, unit="USD"))
    name = f"__name__={metric}"
    refused = ask(client, request(name))
    assert refused.status_code == 422
    assert "several units (BRL, USD)" in refused.json()["error"]["message"]
    assert set(read(client, name, "unit=USD")) == {name_of(metric, unit="USD")}
    assert len(read(client, name, "unit=~.+")) == 2


def test_groups_of_promql_are_read_as_such(client: httpx2.Client, metric: str) -> None:
    post(
        client,
        *(sample(metric, value=n, region=f"r{n % 2}", affiliate_id=f"a{n}") for n in range(6)),
    )
    name = f"__name__={metric}"
    hints = {"step_ms": 0, "func": "sum", "by": True}
    assert values(read(client, name, grouping=["region"], **hints)) == {"r0": [6.0], "r1": [9.0]}
    assert values(read(client, name, **hints)) == {"": [15.0]}
    also = read(client, name, "affiliate_id!=a0", **hints)
    assert len(also) == 5
    # Not where that is something else.
    for other in ({"func": "avg", "by": True}, {"func": "sum"}, {"func": "sum_over_time"}):
        assert len(read(client, name, grouping=["region"], **other)) == 6


def test_figures_are_where_promql_looks(client: httpx2.Client, metric: str) -> None:
    yesterday, before = TODAY - DAY, TODAY - 3 * DAY
    post(
        client,
        sample(metric, value=1, timestamp=(before + 5 * HOUR).isoformat()),
        sample(metric, value=2, timestamp=(yesterday + 5 * HOUR).isoformat()),
    )
    found = read(
        client,
        f"__name__={metric}",
        "period=day",
        since=before - timedelta(minutes=5),
        end=yesterday + 12 * HOUR,
        step_ms=12 * 3600_000,
        func="",
    )
    (samples,) = found.values()
    at = {instant: value for value, instant in samples}
    assert at[before] == at[before + 12 * HOUR] == 1.0
    assert math.isnan(at[before + DAY])
    assert at[yesterday] == at[yesterday + 12 * HOUR] == 2.0


def test_what_is_too_much_is_refused(client: httpx2.Client, metric: str) -> None:
    post(client, *(sample(metric, region=f"r{n}") for n in range(30)))
    name = f"__name__={metric}"
    much = request(name, since=NOW - 7 * DAY, step_ms=60_000, func="rate")
    answer = ask(client, much)
    assert answer.status_code == 422
    assert "narrow the range" in answer.json()["error"]["message"]
    everything = ReadRequest(queries=[Query(matchers=[matcher(name)], end_timestamp_ms=2**62)])
    everything.queries[0].start_timestamp_ms = -(2**62)
    assert ask(client, everything).status_code == 200
    assert ask(client, ReadRequest(queries=[Query()] * 21)).status_code == 413


def test_a_selector_matches_so_many_metrics(client: httpx2.Client, metric: str) -> None:
    post(client, *(sample(f"{metric}_{number}") for number in range(51)))
    answer = ask(client, request(f"__name__=~{metric}_.*", since=NOW - HOUR))
    assert answer.status_code == 422
    assert "matches 51 metrics, and may match 50" in answer.json()["error"]["message"]


def test_bounds_are_those_of_a_request(client: httpx2.Client, metric: str) -> None:
    hours = [(NOW - hour * HOUR).isoformat() for hour in range(9)]
    post(client, *(sample(metric, region=f"r{n}", timestamp=at) for n in range(30) for at in hours))
    # Some 40,000 samples.
    query = request(f"__name__={metric}", since=NOW - DAY / 3, step_ms=60_000, func="rate")
    assert ask(client, query).status_code == 200
    query.queries.extend([query.queries[0]] * 9)
    answer = ask(client, query)
    assert answer.status_code == 422
    assert "More than 250000 values" in answer.json()["error"]["message"].replace(",", "")


def test_looking_often_at_nothing_costs_nothing(client: httpx2.Client, metric: str) -> None:
    post(client, sample(metric))
    since = datetime(1970, 1, 1, tzinfo=UTC)
    end = NOW - 30 * DAY
    assert read(client, f"__name__={metric}", since=since, end=end, step_ms=2, func="") == {}


def test_bodies_that_are_none(client: httpx2.Client) -> None:
    def status(content: bytes, **headers: str) -> int:
        return client.post(PATH, content=content, headers=HEADERS | headers).status_code

    def snappy(content: bytes) -> bytes:
        return bytes(cramjam.snappy.compress_raw(content))

    assert status(b"no snappy") == 400
    assert status(snappy(b"no protobuf")) == 400
    assert status(snappy(bytes(100_000))) == 413
    assert status(snappy(b"")) == 200
    assert status(snappy(b""), **{"Content-Type": "application/json"}) == 415


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.builds(
            LabelMatcher,
            type=st.integers(0, 3),
            name=st.sampled_from(["__name__", "region", "period", "aggregation", "unit", "x", ""]),
            value=st.one_of(st.text(max_size=4), st.sampled_from(["revenue_hourly", ".*", "day"])),
        ),
        max_size=3,
    ),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.builds(
        ReadHints,
        step_ms=st.sampled_from([0, 1, 2**62, -5]),
        func=st.sampled_from(["sum", "rate", ""]),
        range_ms=st.sampled_from([0, 1, 2**62]),
        by=st.booleans(),
    ),
)
def test_whatever_comes_is_answered(
    client: httpx2.Client, matchers: list[LabelMatcher], since: int, end: int, hints: ReadHints
) -> None:
    query = Query(start_timestamp_ms=since, end_timestamp_ms=end, matchers=matchers, hints=hints)
    assert ask(client, ReadRequest(queries=[query])).status_code in (200, 422)


def test_whose_figures_are_read(reading: Service, metric: str) -> None:
    post(
        reading.client,
        sample(metric, value=1, service_name="payments"),
        sample(metric, value=2, service_name="orders"),
    )
    with with_new_key(reading.client, "reader", service_name="payments") as bound:
        (labels,) = read(bound, f"__name__={metric}")
        assert dict(labels)["service_name"] == "payments"
        assert read(bound, f"__name__={metric}", "service_name=orders") == {}
    with caller(reading.url, None) as stranger:
        assert ask(stranger, request(f"__name__={metric}")).status_code == 401


@pytest.fixture(scope="module")
def promql(reading: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Prometheus' API over the service's figures."""
    config = {
        "remote_read": [
            {
                "url": f"{reading.url}{PATH}",
                "read_recent": True,
                "authorization": {"credentials": ADMIN_KEY},
            }
        ]
    }
    with prometheus(tmp_path_factory.mktemp("prometheus"), config) as asking:
        until(lambda: instant_values(asking, "vector(1)") != {})
        yield asking


def api_rows(client: httpx2.Client, metric: str, **params: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/metrics/aggregate", params={"metric_name": metric, **params})
    rows: list[dict[str, Any]] = ok(answer)
    return rows


@needs_prometheus
def test_promql_gives_the_figures_of_the_api(
    client: httpx2.Client, promql: httpx2.Client, metric: str
) -> None:
    post(
        client,
        *(
            sample(
                metric,
                value=n / 7,
                region=f"r{n % 3}",
                affiliate_id=f"a{n % 5}",
                timestamp=(TODAY - n * 5 * HOUR).isoformat(),
            )
            for n in range(1, 60)
        ),
    )
    # Sums of a range: the hours of a day are the day.
    for ago in range(3):
        at = TODAY - ago * DAY
        asked = f"sum by (region) (sum_over_time({metric}[1d]))"
        found = instant_values(promql, asked, time=at.timestamp())
        rows = api_rows(
            client,
            metric,
            group_by="region",
            start_date=(at - DAY).isoformat(),
            end_date=(at - timedelta(microseconds=1)).isoformat(),
        )
        assert found == pytest.approx({(("region", r["region"]),): r["value"] for r in rows})
        assert found
    # Days as they are, with and without an offset, at any time of the day.
    at = TODAY - 2 * DAY
    expected = {
        (("region", row["region"]),): row["value"]
        for row in api_rows(client, metric, group_by="region")
        if row["period"] == f"{at:%Y-%m-%d}"
    }
    of_days = f'sum by (region) ({metric}{{period="day"}})'
    for hour in (0, 13, 23):
        time = at + hour * HOUR
        assert instant_values(promql, of_days, time=time.timestamp()) == expected
        offset = f'sum by (region) ({metric}{{period="day"}} offset 2d)'
        later = (time + 2 * DAY).timestamp()
        assert instant_values(promql, offset, time=later) == expected
    # A range of instants, and what PromQL makes of it.
    asked = f'sum({metric}{{period="day"}}) - sum({metric}{{period="day"}} offset 1d)'
    days = {row["period"]: row["value"] for row in api_rows(client, metric)}
    answer = promql.get(
        "/query_range",
        params={
            "query": asked,
            "start": (TODAY - 5 * DAY).timestamp(),
            "end": (TODAY - DAY).timestamp(),
            "step": "1d",
        },
    ).json()
    (series,) = answer["data"]["result"]
    for time, value in series["values"]:
        day = datetime.fromtimestamp(time, UTC)
        change = days[f"{day:%Y-%m-%d}"] - days[f"{day - DAY:%Y-%m-%d}"]
        assert float(value) == pytest.approx(change)
    assert len(series["values"]) == 5
    # Subqueries look at multiples of their step.
    asked = f'max_over_time(sum({metric}{{period="day"}})[3d:1d])'
    at = TODAY - DAY
    last = [days[f"{at - n * DAY:%Y-%m-%d}"] for n in range(3)]
    (found_max,) = instant_values(promql, asked, time=at.timestamp()).values()
    assert found_max in (max(last), max(*last, days[f"{at - 3 * DAY:%Y-%m-%d}"]))


@needs_prometheus
def test_promql_of_the_current_period(
    client: httpx2.Client, promql: httpx2.Client, metric: str
) -> None:
    post(client, sample(metric, value=40.5, region="SP"), sample(metric, value=2, region="RJ"))
    assert list(instant_values(promql, f"sum({metric})").values()) == [42.5]
    over = f"sum(sum_over_time({metric}[2h]))"
    assert list(instant_values(promql, over).values()) == [42.5]
    regions = f'count(count by (region) ({metric}{{region=~"S.|R."}}))'
    assert list(instant_values(promql, regions).values()) == [2.0]
    # Without the figures PromQL goes on, and says why.
    answer = promql.get("/query", params={"query": f'{metric}{{period="decade"}}'}).json()
    assert answer["data"]["result"] == []
    assert "Expected 'minute'" in answer["warnings"][0]

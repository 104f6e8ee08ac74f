"""InfluxDB's line protocol, with InfluxDB's own client and by hand."""

import base64
import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions

from tests.acceptance.access import issued, new_tenant, ok, with_new_key
from tests.clients import http_client
from tests.conftest import ADMIN_KEY, DatabaseServer, Service, free_port, running_service

pytestmark = pytest.mark.one_engine

# Seconds, a while ago, so that none is too new.
FIRST = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())


@pytest.fixture(scope="module")
def line_service(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("line-protocol")
    url = database_of.new_database()
    with running_service(folder, url, FATURE_ALERT_INTERVAL="0", FATURE_WORKERS="1") as service:
        yield service


@pytest.fixture
def client(line_service: Service) -> httpx2.Client:
    return line_service.client


def write(client: httpx2.Client, *lines: str, path: str = "/api/v2/write") -> httpx2.Response:
    return client.post(path, params={"precision": "s"}, content="\n".join(lines).encode())


def values(client: httpx2.Client, metric: str) -> list[float]:
    """Of the samples, in the order of their instants."""
    answer = client.get("/api/metrics/query", params={"metric_name": metric, "order": "asc"})
    return [one["value"] for one in ok(answer)]


def test_a_point_becomes_a_sample(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    line = rf"{name},service_name=payments,region=S\ P,method=pix value=149.9,note=\"x\" {FIRST}"
    assert write(client, "# a comment", "", line.replace('\\"', '"')).status_code == 204
    (found,) = ok(client.get("/api/metrics/query", params={"metric_name": name}))
    assert found["metric_type"] == "revenue"
    assert (found["value"], found["service_name"], found["region"]) == (149.9, "payments", "S P")
    assert found["metadata"] == {"method": "pix"}
    assert datetime.fromisoformat(found["timestamp"]).timestamp() == FIRST


def test_a_batch_that_is_sent_again_counts_once(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    lines = [f"{name},till={n % 3} value={n} {FIRST + n // 3}" for n in range(30)]
    assert write(client, *lines).status_code == 204
    assert write(client, *lines[10:], *lines[:20]).status_code == 204
    assert sorted(values(client, name)) == list(map(float, range(30)))


def test_points_without_an_instant_count_each(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    assert write(client, f"{name} value=1", f"{name} value=1").status_code == 204
    assert values(client, name) == [1.0, 1.0]


def test_names_that_tell_no_type_are_left_out(client: httpx2.Client, metric: str) -> None:
    assert write(client, f"cpu_{metric} usage_idle=97.5 {FIRST}").status_code == 204
    answer = client.get(
        "/api/metrics/aggregate", params={"metric_name": f"cpu_{metric}_usage_idle"}
    )
    assert answer.status_code == 404
    assert 'fature_ingest_left_out_total{reason="unmapped"}' in client.get("/metrics").text


def test_what_can_be_stored_is_and_the_rest_is_named(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    answer = write(
        client,
        f"{name} value=1 {FIRST}",
        f"{name} value=NaN {FIRST + 1}",
        f"{name} value=2 {FIRST + 2}",
        # In milliseconds, where seconds were announced.
        f"{name} value=3 {(FIRST + 3) * 1000}",
        f"{name},region={'x' * 300} value=4 {FIRST + 4}",
        f"{name} value=5 1",
    )
    assert answer.status_code == 400
    body = answer.json()
    assert body["code"] == "invalid"
    assert body["error"] == body["message"]
    assert body["message"].startswith("partial write: ")
    assert body["message"].endswith(" dropped=4")
    assert [line for line in range(1, 7) if f"line {line}: " in body["message"]] == [2, 4, 5, 6]
    assert values(client, name) == [1.0, 2.0]


@pytest.mark.parametrize(
    ("precision", "unit"), [("ns", 10**9), ("us", 10**6), ("ms", 10**3), ("s", 1)]
)
def test_precisions(client: httpx2.Client, metric: str, precision: str, unit: int) -> None:
    for path in ("/write", "/api/v2/write"):
        name = f"revenue_{metric}_{path[1:2]}"
        content = f"{name} value=1 {FIRST * unit}"
        answer = client.post(path, params={"precision": precision}, content=content)
        assert answer.status_code == 204, answer.text
        (found,) = ok(client.get("/api/metrics/query", params={"metric_name": name}))
        assert datetime.fromisoformat(found["timestamp"]).timestamp() == FIRST


def test_keys_as_clients_of_influxdb_send_them(line_service: Service, metric: str) -> None:
    key = issued(line_service.client, "writer")["key"]
    basic = base64.b64encode(f"anybody:{key}".encode()).decode()
    headers = [
        {"Authorization": f"Token {key}"},
        {"Authorization": f"Token anybody:{key}"},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"Basic {basic}"},
        {"X-API-Key": key},
    ]
    line = f"revenue_{metric} value=1 {FIRST * 10**9}"
    with http_client(line_service.url) as nobody:
        for given_headers in headers:
            for path in ("/write", "/api/v2/write"):
                assert nobody.post(path, content=line, headers=given_headers).status_code == 204
        # As InfluxDB 1 also takes it.
        params = {"db": "x", "u": "anybody", "p": key}
        assert nobody.post("/write", content=line, params=params).status_code == 204
        assert nobody.post("/write", content=line, params={"p": key[:-1]}).status_code == 401
        for wrong in ("Token", "Token x", "Basic x", "Basic eDp5", "Digest x"):
            answer = nobody.post("/write", content=line, headers={"Authorization": wrong})
            assert answer.status_code == 401
        # Elsewhere a key comes as it always did.
        for way in (headers[0], headers[3]):
            assert nobody.get("/api/metrics/catalog", headers=way).status_code == 401
    assert values(line_service.client, f"revenue_{metric}") == [1.0]


def test_a_key_of_one_service_writes_its_own(line_service: Service, metric: str) -> None:
    name = f"revenue_{metric}"
    with with_new_key(line_service.client, "writer", service_name="payments") as bound:
        assert write(bound, f"{name} value=1 {FIRST}").status_code == 204
        assert write(bound, f"{name},service=payments value=2 {FIRST + 1}").status_code == 204
        # The same series at the same instant.
        assert write(bound, f"{name},service=payments value=3 {FIRST}").status_code == 204
        refused = write(bound, f"{name},service=other value=4 {FIRST}")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    found = ok(line_service.client.get("/api/metrics/query", params={"metric_name": name}))
    assert {(one["service_name"], one["value"]) for one in found} == {
        ("payments", 1.0),
        ("payments", 2.0),
    }


def test_tenants_do_not_meet(line_service: Service, metric: str) -> None:
    name = f"revenue_{metric}"
    line = f"{name} value=1 {FIRST}"
    with new_tenant(line_service.client, f"t{metric[-8:]}") as other:
        assert write(other, line).status_code == 204
        assert write(line_service.client, line).status_code == 204
        assert write(other, line).status_code == 204
        assert values(other, name) == values(line_service.client, name) == [1.0]


def test_bodies_that_are_no_lines(client: httpx2.Client) -> None:
    packed = gzip.compress(b"revenue_x value=1")
    gzipped = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(b"\n" * 17 * 1024 * 1024)
    for content, headers, status in (
        (packed[:-5], gzipped, 400),
        (b"no gzip", gzipped, 400),
        (bomb, gzipped, 413),
        (b"x" * 5 * 1024 * 1024, {}, 413),
        # Few bytes each, and many of them.
        (gzip.compress(b"revenue_x a=1\n" * 250_000), gzipped, 413),
        (gzip.compress(b"\n".join([b"revenue_x " + FIELDS] * 60)), gzipped, 413),
        (packed, {"Content-Encoding": "br"}, 415),
        (b"\xff\xfe value=1", {}, 400),
        (b'revenue_x text="', {}, 400),
        (b"", {}, 204),
    ):
        answer = client.post("/api/v2/write", content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert status == 204 or answer.json()["message"]
    answer = client.post("/write", params={"precision": "weeks"}, content=b"")
    assert answer.status_code == 422
    labels = ",".join(f"t{n}=v" for n in range(10_000))
    assert write(client, f"revenue_x,{labels} value=1 {FIRST}").status_code == 400
    assert write(client, f"revenue_x,a=1,a=2 value=1 {FIRST}").status_code == 400


# Of one line.
FIELDS = b",".join(b"f%d=1" % number for number in range(5000))

LINE = st.one_of(
    st.binary(max_size=60),
    st.tuples(
        st.sampled_from(["revenue_wild", "revenue_wild,a=b", "revenue_wild,a=", ",a=b", "cpu"]),
        st.sampled_from(
            ["value=1", "value=1i", "value=t", 'value="x', "value=-inf", "value=", "=1"]
        ),
        st.sampled_from(["", "1", "-1", "9" * 18, "9" * 25, "x", str(FIRST * 10**9)]),
    ).map(lambda parts: " ".join(parts).encode()),
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(LINE, max_size=8), st.sampled_from(["ns", "s", "h"]))
def test_whatever_comes_is_answered(
    client: httpx2.Client, lines: list[bytes], precision: str
) -> None:
    params = {"precision": precision}
    answer = client.post("/api/v2/write", params=params, content=b"\n".join(lines))
    assert answer.status_code in (204, 400), answer.text


MAPPING = """
labels:
  service_name: [service, job]
drop: [host]
ignore: [replica]
metrics:
  - match: shop_orders_NAME
    metric: takings_NAME
    type: revenue
    unit: BRL
    scale: 0.01
    dimensions: {payment: payment_method}
  - match: shop_*_total_NAME
    metric: "*_NAME"
    type: gamification
    form: cumulative
  - match: revenue_secret_*
    take: false
"""


def test_a_mapping_decides_what_names_become(line_service: Service, metric: str) -> None:
    admin = line_service.client
    with new_tenant(admin, f"m{metric[-8:]}") as client:
        assert ok(client.get("/api/mappings"))["version"] == 0
        yaml = MAPPING.replace("NAME", metric)
        line = f"shop_orders_{metric},job=shop,host=a,payment=pix value=14990i {FIRST * 10**9}"
        trial = ok(
            client.post(
                "/api/mappings/test",
                json={"protocol": "line_protocol", "body": line + "\nx", "yaml": yaml},
            )
        )
        (point,) = trial["points"]
        assert point["becomes"]["metric_name"] == f"takings_{metric}"
        assert point["becomes"]["value"] == pytest.approx(149.9)
        assert len(trial["problems"]) == 1
        # Nothing was stored, and nothing counts yet.
        assert client.get("/api/mappings").json()["data"]["version"] == 0
        assert ok(client.put("/api/mappings", json={"yaml": yaml}))["version"] == 1
        assert ok(client.put("/api/mappings", json={"yaml": yaml}))["version"] == 1
        lines = [
            f"shop_orders_{metric},job=shop,host={host},replica={replica},payment=pix"
            f" value=100 {FIRST}"
            for host in "ab"
            for replica in "xy"
        ]
        lines += [
            f"shop_chests_total_{metric},job=shop value={value} {FIRST + n}"
            for n, value in enumerate((100, 110, 3))
        ]
        lines.append(f"revenue_secret_{metric} value=1 {FIRST}")
        assert write(client, *lines).status_code == 204
        assert values(client, f"takings_{metric}") == [1.0, 1.0]
        assert values(client, f"chests_{metric}") == [10.0, 3.0]
        rows = ok(
            client.get(
                "/api/metrics/aggregate",
                params={
                    "metric_name": f"takings_{metric}",
                    "period": "month",
                    "group_by": ["payment_method", "service_name"],
                },
            )
        )
        assert [(row["payment_method"], row["service_name"]) for row in rows] == [("pix", "shop")]
        names = {one["metric_name"] for one in ok(client.get("/api/metrics/catalog"))}
        assert not any("secret" in name for name in names)
        audit = ok(client.get("/api/audit", params={"action": "mapping.replace"}))
        assert len(audit) == 1


def test_a_wrong_mapping_is_refused_with_its_lines(client: httpx2.Client) -> None:
    yaml = "others: typed\nmetrics:\n  - match: a\n    type: money\n  - metric: b\n"
    answer = client.put("/api/mappings", json={"yaml": yaml})
    assert answer.status_code == 422
    details = answer.json()["error"]["details"]
    assert [(one["field"], one["message"].partition(":")[0]) for one in details] == [
        ("metrics.0.type", "line 4"),
        ("metrics.1.match", "line 5"),
    ]
    again = client.put("/api/mappings", json={"yaml": "others: typed\nothers: none\n"})
    assert "line 2" in again.json()["error"]["details"][0]["message"]
    assert ok(client.get("/api/mappings"))["version"] == 0


def test_the_client_of_influxdb_through_a_restart(
    database_of: DatabaseServer, tmp_path: Path, metric: str
) -> None:
    """Its batches are sent again until they are stored; each point counts once."""
    url, port, name = database_of.new_database(), free_port(), f"revenue_{metric}"
    options = WriteOptions(batch_size=20, flush_interval=100, retry_interval=200, max_retries=20)
    points = [
        Point.from_dict(
            {
                "measurement": name,
                "tags": {"till": str(n % 7)},
                "fields": {"value": n + 0.25},
                "time": (FIRST + n) * 10**9,
            }
        )
        for n in range(400)
    ]
    with running_service(tmp_path / "one", url, port=port, FATURE_ALERT_INTERVAL="0") as first:
        influx = InfluxDBClient(url=first.url, token=ADMIN_KEY, org="x", enable_gzip=True)
        with influx, influx.write_api(write_options=options) as batching:
            for point in points[:200]:
                batching.write(bucket="x", record=point)
            first.stop()
            for point in points[200:]:
                batching.write(bucket="x", record=point)
            time.sleep(0.5)
            with running_service(
                tmp_path / "two", url, port=port, FATURE_ALERT_INTERVAL="0"
            ) as second:
                batching.close()
                with influx.write_api(write_options=SYNCHRONOUS) as at_once:
                    # What a client that missed the answers would do.
                    at_once.write(bucket="x", record=points)
                total = ok(
                    second.client.get(
                        "/api/metrics/aggregate",
                        params={"metric_name": name, "period": "month", "aggregation": "sum"},
                    )
                )
    assert sum(row["value"] for row in total) == sum(n + 0.25 for n in range(400))
    with psycopg.connect(url) as conn:
        found = conn.execute("SELECT value FROM fature.sample_real_time ORDER BY ts").fetchall()
    assert [value for (value,) in found] == [n + 0.25 for n in range(400)]

"""Prometheus' remote write 1.0, by hand; with Prometheus itself: test_prometheus_writes.py."""

import base64
import math
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import cramjam
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.remote_write.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest
from tests.acceptance.access import ok, with_new_key
from tests.conftest import DatabaseServer, Service, running_service

pytestmark = pytest.mark.one_engine

PATH = "/api/v1/write"
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
# Milliseconds, a while ago, so that none is too new.
FIRST = int((datetime.now(UTC) - timedelta(hours=1)).timestamp()) * 1000
(STALE,) = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))


@pytest.fixture(scope="module")
def remote(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("remote-write")
    with running_service(folder, database_of.new_database(), FATURE_ALERT_INTERVAL="0") as service:
        yield service


@pytest.fixture
def client(remote: Service) -> httpx2.Client:
    return remote.client


def series(
    name: str | None,
    *samples: tuple[float, int],
    also: list[tuple[str, str]] | None = None,
    **tags: str,
) -> TimeSeries:
    """Samples of a series: values and seconds after `FIRST`."""
    labels = [("__name__", name)] if name is not None else []
    labels += [*tags.items(), *(also or [])]
    return TimeSeries(
        labels=[Label(name=key, value=value).SerializeToString() for key, value in sorted(labels)],
        samples=[Sample(value=value, timestamp=FIRST + second * 1000) for value, second in samples],
    )


def packed(*all_series: TimeSeries) -> bytes:
    request = WriteRequest(timeseries=[one.SerializeToString() for one in all_series])
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def write(client: httpx2.Client, *all_series: TimeSeries) -> httpx2.Response:
    return client.post(PATH, content=packed(*all_series), headers=HEADERS)


def values(client: httpx2.Client, metric: str) -> list[float]:
    """Of the samples, in the order of their instants."""
    answer = client.get("/api/metrics/query", params={"metric_name": metric, "order": "asc"})
    return [one["value"] for one in ok(answer)]


def test_a_counter_becomes_what_it_rises_by(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}_total"
    first = series(name, (100.0, 0), (149.9, 15), service="shop", instance="a:80")
    again = series(name, (149.9, 15), (151.0, 30), (2.5, 45), service="shop", instance="a:80")
    other = series(name, (5.0, 0), (6.0, 45), service="shop", instance="b:80")
    assert write(client, first, other).status_code == 204
    assert write(client, again, other).status_code == 204
    assert sorted(values(client, name)) == [1.0, 1.1, 2.5, 49.9]
    (entry,) = [one for one in ok(client.get("/api/metrics/catalog")) if one["metric_name"] == name]
    assert (entry["kind"], entry["metric_type"]) == ("flow", "revenue")
    found = ok(client.get("/api/metrics/query", params={"metric_name": name, "limit": 1}))
    assert found[0]["service_name"] == "shop"
    assert found[0]["metadata"]["instance"] in ("a:80", "b:80")


def test_a_gauge_becomes_a_level(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}_pending"
    one = series(name, (5.0, 0), (5.0, 15), (7.0, 30))
    assert write(client, one).status_code == 204
    assert write(client, one).status_code == 204
    assert values(client, name) == [5.0, 5.0, 7.0]
    # In a metric that adds up, every scrape would count.
    assert write(client, series("revenue_hourly", (5.0, 0))).status_code == 204
    assert values(client, "revenue_hourly") == []


def test_stale_markers_and_what_is_no_number_are_no_samples(
    client: httpx2.Client, metric: str
) -> None:
    name = f"revenue_{metric}_total"
    samples = [(1.0, 0), (3.0, 15), (STALE, 30), (math.nan, 45), (math.inf, 60), (4.0, 75)]
    assert write(client, series(name, *samples)).status_code == 204
    # A counter that comes back goes on where it was.
    assert values(client, name) == [2.0, 1.0]
    text = client.get("/metrics").text
    assert 'fature_ingest_left_out_total{reason="stale"}' in text
    assert 'fature_ingest_left_out_total{reason="not_finite"}' in text


def test_what_can_be_stored_is_and_the_rest_is_named(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}_level"
    week = 7 * 24 * 3600
    answer = write(
        client,
        series(name, (1.0, 0), till="1"),
        series(name, (2.0, -2 * week), till="2"),
        series(name, (3.0, 2 * week), till="3"),
        series(name, (4.0, 0), also=[("till", "4"), ("till", "5")]),
        series(None, (5.0, 0)),
        series(name, (6.0, 2**50), till="6"),
        series(name, (7.0, 15), till="1"),
        series(name, (8.0, 15), also=[(f"t{n}", "v") for n in range(10_000)]),
    )
    assert answer.status_code == 400
    details = answer.json()["error"]["details"]
    assert {one["index"] for one in details} <= {1, 2, 3, 4, 5, 7}
    assert "(6 refused, 2 stored)" in answer.json()["error"]["message"]
    assert values(client, name) == [1.0, 7.0]


def test_bodies_that_are_none(client: httpx2.Client) -> None:
    good = packed(series("revenue_x_total", (1.0, 0)))

    def status(content: bytes, **headers: str) -> int:
        given_headers = HEADERS | {name.replace("_", "-"): text for name, text in headers.items()}
        return client.post(PATH, content=content, headers=given_headers).status_code

    def snappy(content: bytes) -> bytes:
        return bytes(cramjam.snappy.compress_raw(content))

    assert status(good[:-3]) == 400
    assert status(b"no snappy") == 400
    assert status(snappy(b"no protobuf")) == 400
    assert status(snappy(b"\x0a\x02\x0a\x05")) == 400
    assert status(snappy(b"\x0a\x04\x0a\x02\x0a\x05")) == 400
    assert status(snappy(b"")) == 204
    # Bombs: of Snappy, of empty series, of empty samples.
    assert status(snappy(bytes(9 * 1024 * 1024))) == 413
    assert status(b"\xff\xff\xff\xff\x0f" + good) == 413
    assert status(snappy(b"\x0a\x00" * 4_000_000)) == 413
    many = b"\x12\x00" * 3_000_000
    assert status(snappy(b"\x0a" + _varint(len(many)) + many)) == 413
    # Of many samples in few series, each empty.
    some = b"\x12\x00" * 100_000
    named = series("revenue_x_total").SerializeToString() + some
    assert status(snappy((b"\x0a" + _varint(len(named)) + named) * 3)) == 413
    assert status(b"x" * 5 * 1024 * 1024) == 413
    version_2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    assert status(good, Content_Type=version_2) == 415
    assert status(good, Content_Type="application/json") == 415
    assert status(good, Content_Encoding="zstd") == 415
    assert status(good, Content_Type="application/x-protobuf;proto=prometheus.WriteRequest") == 204


def test_exemplars_native_histograms_and_metadata_are_passed_over(
    client: httpx2.Client, metric: str
) -> None:
    name = f"revenue_{metric}_level"
    # Field 3 of a series: an exemplar with a value; field 4: a histogram with a count.
    extra = b"\x1a\x09\x11" + bytes(8) + b"\x22\x02\x08\x05"
    body = WriteRequest(
        timeseries=[
            series(name, (1.0, 0)).SerializeToString() + extra,
            series(name, till="2").SerializeToString() + extra,
        ]
    ).SerializeToString()
    # Field 3 of the request: metadata, the kind of a metric.
    content = bytes(cramjam.snappy.compress_raw(body + b"\x1a\x02\x08\x01"))
    assert client.post(PATH, content=content, headers=HEADERS).status_code == 204
    assert values(client, name) == [1.0]


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


SERIES = st.builds(
    lambda labels, samples, junk: TimeSeries(
        labels=[*(Label(name=n, value=v).SerializeToString() for n, v in labels), *junk],
        samples=[Sample(value=value, timestamp=ts) for value, ts in samples],
    ),
    st.lists(
        st.tuples(st.sampled_from(["__name__", "a", "", "region"]), st.text(max_size=5)), max_size=4
    ),
    st.lists(
        st.tuples(st.floats(), st.sampled_from([0, FIRST, FIRST // 1000, -1, 2**63 - 1, -(2**63)])),
        max_size=3,
    ),
    st.lists(st.binary(max_size=6), max_size=1),
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(SERIES, max_size=4), st.binary(max_size=5), st.integers(0, 10))
def test_whatever_comes_is_answered(
    client: httpx2.Client, all_series: list[TimeSeries], tail: bytes, cut: int
) -> None:
    body = WriteRequest(timeseries=[one.SerializeToString() for one in all_series])
    content = bytes(cramjam.snappy.compress_raw(body.SerializeToString() + tail))
    answer = client.post(PATH, content=content[: len(content) - cut], headers=HEADERS)
    assert answer.status_code in (204, 400), answer.text


def test_a_key_of_one_service_writes_its_own(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}_level"
    with with_new_key(client, "writer", service_name="payments") as bound:
        assert write(bound, series(name, (1.0, 0))).status_code == 204
        assert write(bound, series(name, (1.0, 0), service="other")).status_code == 403
    (found,) = ok(client.get("/api/metrics/query", params={"metric_name": name}))
    assert found["service_name"] == "payments"


def test_a_body_can_be_tried(client: httpx2.Client, metric: str) -> None:
    body = base64.b64encode(packed(series(f"revenue_{metric}_total", (1.0, 0)))).decode()
    test = {"protocol": "remote_write", "body": body}
    (point,) = ok(client.post("/api/mappings/test", json=test))["points"]
    assert point["becomes"]["cumulative"] is True
    for wrong, status in (("?", 422), ("é", 422), ("AAAA", 400)):
        answer = client.post("/api/mappings/test", json=test | {"body": wrong})
        assert answer.status_code == status

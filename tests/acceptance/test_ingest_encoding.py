"""How a body may arrive: media types, gzip, sizes; and bodies that are no JSON."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.talk import BATCH, JSON, ONE, accepted, places, post, refused, sample, stored
from tests.clients import http_client
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

MIB = 1024 * 1024
LIMIT = 4 * MIB
HEALTH = "/api/services/health"
CATALOG = "/api/metrics/catalog/revenue_hourly"

# Every method and path that reads a body.
every_body = pytest.mark.parametrize(
    ("method", "path"), [("POST", ONE), ("POST", BATCH), ("POST", HEALTH), ("PATCH", CATALOG)]
)


def encoded(metric: str) -> bytes:
    return json.dumps(sample(metric)).encode()


def padded(metric: str, size: int) -> bytes:
    """A sample with spaces behind it, `size` bytes in all."""
    return encoded(metric).ljust(size)


def in_chunks(body: bytes) -> Iterator[bytes]:
    """Sent so, a request does not say how long it is."""
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


# Media types


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/json ; x=y",
        None,
    ],
)
def test_json_may_be_called_so_in_several_ways_or_not_at_all(
    api: httpx2.Client, metric: str, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    accepted(api.post(ONE, content=encoded(metric), headers=headers))
    assert len(stored(api, metric)) == 1


MEDIA_TYPES = [
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonlines",
    "application/problem+json",
    "*/*",
    "json",
]
ENCODINGS = ["br", "deflate", "zstd", "gzip, gzip", "gzip, identity", "compress", "chunked"]


@every_body
def test_another_media_type_is_refused(
    api: httpx2.Client, metric: str, method: str, path: str
) -> None:
    for media_type in MEDIA_TYPES:
        headers = {"Content-Type": media_type}
        answer = api.request(method, path, content=encoded(metric), headers=headers)
        assert media_type.partition(";")[0] in refused(answer, 415)["message"]
    assert stored(api, metric) == []


@every_body
def test_an_encoding_other_than_gzip_is_refused(
    api: httpx2.Client, metric: str, method: str, path: str
) -> None:
    for encoding in ENCODINGS:
        headers = {**JSON, "Content-Encoding": encoding}
        answer = api.request(method, path, content=encoded(metric), headers=headers)
        assert encoding in refused(answer, 415)["message"]
    assert stored(api, metric) == []


# gzip


@pytest.mark.parametrize(("name", "level"), [("gzip", 9), ("gzip", 1), ("GZIP", 0)])
def test_a_gzipped_body_is_unpacked(api: httpx2.Client, metric: str, level: int, name: str) -> None:
    packed = gzip.compress(encoded(metric), compresslevel=level)
    accepted(post(api, ONE, packed, Content_Encoding=name))
    assert len(stored(api, metric)) == 1


def test_a_gzipped_batch_of_1000_is_recorded(api: httpx2.Client, metric: str) -> None:
    metadata = {"note": "x" * 1000}
    items = [sample(metric, value=n, metadata=metadata) for n in range(1000)]
    packed = gzip.compress(json.dumps({"metrics": items}).encode())
    assert accepted(post(api, BATCH, packed, Content_Encoding="gzip"))["count"] == 1000
    assert [back["value"] for back in stored(api, metric)] == list(range(1000))


def test_identity_is_an_encoding(api: httpx2.Client, metric: str) -> None:
    accepted(post(api, ONE, encoded(metric), Content_Encoding="identity"))
    assert len(stored(api, metric)) == 1


@every_body
def test_a_truncated_gzip_body_is_malformed(
    api: httpx2.Client, metric: str, method: str, path: str
) -> None:
    packed = gzip.compress(encoded(metric))
    headers = {**JSON, "Content-Encoding": "gzip"}
    for length in (0, 1, 9, 10, 11, 40, *range(len(packed) - 9, len(packed))):
        answer = api.request(method, path, content=packed[:length], headers=headers)
        assert "gzip" in refused(answer, 400)["message"]
    assert stored(api, metric) == []


def test_what_is_no_gzip_is_malformed(api: httpx2.Client, metric: str) -> None:
    packed = gzip.compress(encoded(metric))
    flipped = packed[:-5] + bytes([packed[-5] ^ 1]) + packed[-4:]
    bodies = {
        "plain JSON": encoded(metric),
        "zlib": zlib.compress(encoded(metric)),
        "a wrong checksum": flipped,
        "something behind it": packed + b"x",
        "two members": packed + packed,
        "noise": b"\x1f\x8b" + bytes(range(256)),
    }
    for name, body in bodies.items():
        error = refused(post(api, ONE, body, Content_Encoding="gzip"), 400)
        assert "gzip" in error["message"], name
    assert stored(api, metric) == []


def test_gzipped_nonsense_is_malformed_json(api: httpx2.Client) -> None:
    for nonsense in (b"", b"x", b"\xff", gzip.compress(b"{}")):
        packed = gzip.compress(nonsense)
        error = refused(post(api, ONE, packed, Content_Encoding="gzip"), 400)
        assert "JSON" in error["message"]


def test_gzip_that_is_not_announced_is_malformed_json(api: httpx2.Client, metric: str) -> None:
    error = refused(post(api, ONE, gzip.compress(encoded(metric))), 400)
    assert "JSON" in error["message"]


# Sizes


def test_a_body_of_4_mib_is_accepted(api: httpx2.Client, metric: str) -> None:
    accepted(post(api, ONE, padded(metric, LIMIT)))
    accepted(api.post(ONE, content=in_chunks(padded(metric, LIMIT)), headers=JSON))
    packed = gzip.compress(padded(metric, LIMIT))
    accepted(post(api, ONE, packed, Content_Encoding="gzip"))
    assert len(stored(api, metric)) == 3


@every_body
def test_a_larger_body_is_refused(api: httpx2.Client, metric: str, method: str, path: str) -> None:
    for size in (LIMIT + 1, 4 * LIMIT):
        body = padded(metric, size)
        for content in (body, in_chunks(body)):
            error = refused(api.request(method, path, content=content, headers=JSON), 413)
            assert error["message"] == "The body is larger than 4 MiB"
    assert stored(api, metric) == []


@every_body
def test_a_body_that_is_larger_once_unpacked_is_refused(
    api: httpx2.Client, metric: str, method: str, path: str
) -> None:
    packed = gzip.compress(padded(metric, LIMIT + 1))
    headers = {**JSON, "Content-Encoding": "gzip"}
    error = refused(api.request(method, path, content=packed, headers=headers), 413)
    assert error["message"] == "The body is larger than 4 MiB once unpacked"
    assert stored(api, metric) == []


def test_a_gzip_bomb_is_refused_before_it_goes_off(api: httpx2.Client, service: Service) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join([*(packer.compress(bytes(MIB)) for _ in range(256)), packer.flush()])
    assert len(bomb) < MIB
    before = peak_memory(service)
    refused(post(api, BATCH, bomb, Content_Encoding="gzip"), 413)
    assert peak_memory(service) - before < 64 * MIB


def test_after_a_refusal_the_connection_serves_on(api: httpx2.Client, metric: str) -> None:
    with http_client(
        api.base_url,
        headers=api.headers,
        limits=httpx2.Limits(max_connections=1),
    ) as one:
        refused(post(one, ONE, padded(metric, 2 * LIMIT)), 413)
        refused(post(one, ONE, b"\x1f\x8b", Content_Encoding="gzip"), 400)
        accepted(post(one, ONE, encoded(metric)))


def peak_memory(service: Service) -> int:
    """The most memory the service has had so far, in bytes."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


# Bodies that are no JSON

SAMPLE = b'{"metric_name":"m","metric_type":"revenue","value":1,"frequency":"hourly"'
NO_JSON = {
    "nothing": b"",
    "spaces": b" \n\t ",
    "NUL": b"\x00",
    "a word": b"hello",
    "a form": b"metric_name=m&value=1",
    "XML": b"<metric/>",
    "Python": b"{'metric_name': 'm'}",
    "an end too early": SAMPLE,
    "an end within a text": b'{"metric_name":"m',
    "two objects": SAMPLE + b"}" + SAMPLE + b"}",
    "something behind it": SAMPLE + b"} x",
    "NUL behind it": SAMPLE + b"}\x00",
    "a comma too many": SAMPLE + b",}",
    "a comment": SAMPLE + b"} // done",
    "a byte-order mark": b"\xef\xbb\xbf" + SAMPLE + b"}",
    "UTF-16": (SAMPLE + b"}").decode().encode("utf-16"),
    "Latin-1": SAMPLE + ',"region":"São Paulo"}'.encode("latin-1"),
    "Latin-1 in a key": SAMPLE + ',"metadata":{"não":1}}'.encode("latin-1"),
    "an overlong slash": SAMPLE + b',"region":"\xc0\xaf"}',
    "a surrogate in UTF-8": SAMPLE + b',"region":"\xed\xa0\x80"}',
    "beyond Unicode": SAMPLE + b',"region":"\xf4\x90\x80\x80"}',
    "half a character": SAMPLE + b',"region":"\xf0\x9f\x98"}',
    "a lone high surrogate": SAMPLE + b',"region":"\\ud83d"}',
    "a lone low surrogate": SAMPLE + b',"region":"\\ude00"}',
    "surrogates in the wrong order": SAMPLE + b',"region":"\\ude00\\ud83d"}',
    "a lone surrogate in metadata": SAMPLE + b',"metadata":{"a":["\\ud800x"]}}',
    "a lone surrogate as a key": SAMPLE + b',"metadata":{"\\udfff":1}}',
    "a raw newline in a text": SAMPLE + b',"region":"a\nb"}',
    "a raw NUL in a text": SAMPLE + b',"region":"a\x00b"}',
    "an unknown escape": SAMPLE + b',"region":"\\x41"}',
    "NaN in metadata": SAMPLE + b',"metadata":{"a":NaN}}',
    "Infinity in metadata": SAMPLE + b',"metadata":{"a":[-Infinity]}}',
    "lists without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "deep in metadata": SAMPLE + b',"metadata":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
}


@pytest.mark.parametrize("name", NO_JSON)
def test_a_body_that_is_no_json_is_malformed(api: httpx2.Client, name: str) -> None:
    before = len(stored(api, "m"))
    for path, body in ((ONE, NO_JSON[name]), (BATCH, b'{"metrics":[%b]}' % NO_JSON[name])):
        if name in ("nothing", "spaces") and path == BATCH:
            continue
        error = refused(post(api, path, body), 400)
        assert error["message"].startswith("The body is not valid JSON: ")
        assert error["details"] == []
    assert len(stored(api, "m")) == before


@pytest.mark.parametrize("name", NO_JSON)
def test_it_is_malformed_even_where_a_field_before_was_wrong(api: httpx2.Client, name: str) -> None:
    """An error in a field ends the fast way through a body; the rest must be looked at still."""
    for start in (b'{"colour":1,"metrics":[{"value":"x"}],"value":"x","rest":', b'[1,"x",'):
        for path in (ONE, BATCH):
            refused(post(api, path, start + NO_JSON[name]), 400)


@pytest.mark.parametrize("name", NO_JSON)
def test_elsewhere_a_body_that_is_no_json_is_malformed_too(api: httpx2.Client, name: str) -> None:
    for method, path in (("POST", HEALTH), ("PATCH", CATALOG)):
        answer = api.request(method, path, content=NO_JSON[name], headers=JSON)
        assert refused(answer, 400)["message"].startswith("The body is not valid JSON: ")


def test_a_lone_surrogate_or_bad_byte_says_what_it_is(api: httpx2.Client) -> None:
    error = refused(post(api, ONE, NO_JSON["Latin-1"]), 400)
    assert error["message"] == "The body is not valid JSON: it is not UTF-8"
    error = refused(post(api, ONE, NO_JSON["deep in metadata"]), 400)
    assert error["message"] == "The body is not valid JSON: it is nested too deeply"


SURROGATES = [name for name in NO_JSON if "surrogate" in name and "UTF-8" not in name]


@pytest.mark.parametrize(
    "body", [*(NO_JSON[name] for name in SURROGATES), b'{"metric_name":"\\ud800"}', b'"\\ud800"']
)
def test_a_lone_surrogate_is_called_so_wherever_it_is(api: httpx2.Client, body: bytes) -> None:
    words = "it holds a lone surrogate (\\ud800 to \\udfff), which is not Unicode"
    for path in (ONE, BATCH, HEALTH):
        error = refused(post(api, path, body), 400)
        assert error["message"] == f"The body is not valid JSON: {words}", path


@pytest.mark.parametrize("body", [b'{"a":"\\ud800', b'{"a":"\\ud800",}', b'["\\ud800",NaN]'])
def test_where_more_is_wrong_than_a_surrogate_that_is_told(api: httpx2.Client, body: bytes) -> None:
    assert "lone" not in refused(post(api, HEALTH, body), 400)["message"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('{"rule_name": "x", "recovery_threshold": 2e308}', ["recovery_threshold"]),
        ('{"a": [{"b": 2e308}], "c": 1e308, "d": -1e999}', ["a", "d"]),
        ("[2e308]", [None]),
        ("2e308", [None]),
    ],
)
def test_a_number_that_no_double_is_is_valid_json_with_a_wrong_field(
    api: httpx2.Client, body: str, fields: list[str | None]
) -> None:
    error = refused(post(api, "/api/alerts/rules", body.encode()), 422)
    assert places(error) == [(None, field) for field in fields]
    assert {detail["message"] for detail in error["details"]} == {"Number out of range"}


@pytest.mark.parametrize("body", ['{"a": 2e308', '{"a": 2e308} x', '{"a": 2e308, "b": tru}'])
def test_what_is_no_json_behind_such_a_number_is_malformed(api: httpx2.Client, body: str) -> None:
    refused(post(api, "/api/alerts/rules", body.encode()), 400)


def test_any_whitespace_and_order_of_json_is_fine(api: httpx2.Client, metric: str) -> None:
    pretty = json.dumps(dict(reversed(sample(metric).items())), indent="\t").encode()
    accepted(post(api, ONE, b" \r\n\t" + pretty + b"\n\n"))
    assert len(stored(api, metric)) == 1


# What a connection may offer


@pytest.mark.parametrize("offer", ["h2c", "websocket", "TLS/1.0, HTTP/3"])
def test_the_offer_of_another_protocol_is_passed_over(
    api: httpx2.Client, metric: str, offer: str
) -> None:
    headers = {
        "Content-Type": "application/json",
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": offer,
        "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    }
    for number in range(1, 4):  # also on a connection that was used before
        body = json.dumps(sample(metric, value=number, metadata={"note": "Upgrade: h2c"}))
        accepted(api.post(ONE, content=body, headers=headers))
    assert [row["value"] for row in stored(api, metric)] == [1, 2, 3]

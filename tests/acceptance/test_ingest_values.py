"""Values and metadata come back as they were sent, to the bit, or are refused."""

import json
import math
import secrets
import struct
from typing import Any

import httpx2
import pytest

from tests.acceptance.talk import (
    AWKWARD_TEXTS,
    BATCH,
    EMOJI,
    JSON,
    ONE,
    accepted,
    places,
    post,
    refused,
    refused_items,
    sample,
    sample_with,
    stored,
)

pytestmark = pytest.mark.one_engine

# Values

# As JSON, and as the double that it is.
VALUES = [
    (b"0", 0.0),
    (b"-0.0", -0.0),
    (b"0.1", 0.1),
    (b"-149.90", -149.9),
    (b"1e5", 1e5),
    (b"1E+5", 1e5),
    (b"123456789.123456789", 123456789.123456789),
    (b"0.30000000000000004", 0.30000000000000004),
    (b"5e-324", 5e-324),
    (b"-5e-324", -5e-324),
    (b"2.2250738585072014e-308", 2.2250738585072014e-308),
    (b"2.225073858507201e-308", 2.225073858507201e-308),
    (b"1.7976931348623157e308", 1.7976931348623157e308),
    (b"-1.7976931348623157e308", -1.7976931348623157e308),
    (b"9007199254740993", 9007199254740992.0),
    (b"9223372036854775807", 2.0**63),
    (b"18446744073709551616", 2.0**64),
    (b"9" * 30, 1e30),
    (b"1" + b"0" * 308, 1e308),
]


def bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def test_finite_numbers_come_back_bit_for_bit(api: httpx2.Client, metric: str) -> None:
    for number, (text, _) in enumerate(VALUES):
        body = sample_with(metric, "value", b'%b,"region":"%03d"' % (text, number))
        accepted(post(api, ONE, body))
    expected = [bits(value) for _, value in VALUES]
    assert [bits(row["value"]) for row in stored(api, metric)] == expected
    params = {"metric_name": metric, "aggregation": "max", "group_by": "region"}
    groups = api.get("/api/metrics/aggregate", params=params).json()["data"]
    figures = [row["value"] for row in sorted(groups, key=lambda row: str(row["region"]))]
    assert figures == [value for _, value in VALUES]


def test_finite_numbers_in_a_batch_come_back_bit_for_bit(api: httpx2.Client, metric: str) -> None:
    items = b",".join(sample_with(metric, "value", text) for text, _ in VALUES)
    accepted(post(api, BATCH, b'{"metrics":[%b]}' % items))
    assert [bits(row["value"]) for row in stored(api, metric)] == [bits(v) for _, v in VALUES]


def test_random_doubles_come_back_bit_for_bit(api: httpx2.Client, metric: str) -> None:
    doubles = (struct.unpack(">d", secrets.token_bytes(8))[0] for _ in range(600))
    values = [value for value in doubles if math.isfinite(value)]
    accepted(api.post(BATCH, json={"metrics": [sample(metric, value=v) for v in values]}))
    assert [bits(back["value"]) for back in stored(api, metric)] == [bits(v) for v in values]


NO_VALUES = [
    *(b"true", b"false", b'"1.5"', b'""', b"null", b"[]", b"[1]", b"{}", b'"NaN"'),
    *(b"1e400", b"-1e400", b"1.7976931348623159e308", b"1e99999", b"9" * 400, b"9" * 5000),
]


def test_what_is_no_number_or_beyond_a_double_is_no_value(api: httpx2.Client, metric: str) -> None:
    bodies = [sample_with(metric, "value", raw) for raw in NO_VALUES]
    for body in bodies:
        assert places(refused(post(api, ONE, body), 422)) == [(None, "value")]
    error = refused(post(api, BATCH, b'{"metrics":[%b]}' % b",".join(bodies)), 422)
    assert places(error) == [(n, "value") for n in range(len(NO_VALUES))]
    assert [detail["message"] for detail in error["details"]][-6:-2] == ["Number out of range"] * 4
    assert stored(api, metric) == []


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"-Infinity", b"nan", b"01", b"1.", b"0x1"])
def test_what_json_has_no_number_for_is_malformed(
    api: httpx2.Client, metric: str, raw: bytes
) -> None:
    refused(post(api, ONE, sample_with(metric, "value", raw)), 400)
    assert stored(api, metric) == []


# Metadata


def test_metadata_is_an_object(api: httpx2.Client, metric: str) -> None:
    wrong: list[object] = ["x", "", 5, True, [], [{}], "{}"]
    items = [sample(metric, metadata=value) for value in wrong]
    assert refused_items(api, items) == [(n, "metadata") for n in range(len(wrong))]


def test_text_in_metadata_comes_back_identical(api: httpx2.Client, metric: str) -> None:
    texts = [*AWKWARD_TEXTS, "tab\t lf\n cr\r esc\x1b del\x7f", "\\u0000", "\\\\u0000", ""]
    texts += [chr(n) for n in range(1, 0xA0)]
    sent = [{text: text, "list": [text, {text: [text]}], "next": 1} for text in texts]
    accepted(api.post(BATCH, json={"metrics": [sample(metric, metadata=m) for m in sent]}))
    assert [row["metadata"] for row in stored(api, metric)] == sent


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"a": None, "b": True, "c": False, "d": [], "e": {}},
        {"int": 9007199254740993, "big": 2**64, "small": -(2**63) - 1, "huge": 10**300},
        {"pi": 3.141592653589793, "tiny": 5e-324, "e": 1e-7, "one": 1.0},
        {"A": 1, "a": 2, " a": 3},
    ],
)
def test_metadata_of_every_json_type_comes_back_identical(
    api: httpx2.Client, metric: str, metadata: dict[str, Any]
) -> None:
    accepted(api.post(ONE, json=sample(metric, metadata=metadata)))
    assert [back["metadata"] for back in stored(api, metric)] == [metadata]


@pytest.mark.parametrize("letter", ["x", "é", EMOJI, "\\", '"', "\n"])
def test_metadata_of_8_kib_is_accepted_and_one_byte_more_is_not(
    api: httpx2.Client, metric: str, letter: str
) -> None:
    def text_of(metadata: object) -> bytes:
        return json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode()

    size = len(text_of(letter)) - 2
    count, rest = divmod(8192 - len(text_of({"a": ""})), size)
    metadata = {"a": letter * count + "x" * rest}
    assert len(text_of(metadata)) == 8192
    spaced = json.dumps(sample(metric, metadata=metadata), indent=8).encode()
    accepted(post(api, ONE, spaced))
    assert [back["metadata"] for back in stored(api, metric)] == [metadata]

    metadata["a"] += "x"
    error = refused(api.post(ONE, json=sample(metric, metadata=metadata)), 422)
    assert error["details"] == [{"field": "metadata", "message": "At most 8 KiB as JSON"}]
    assert len(stored(api, metric)) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": "\x00"},
        {"\x00": "a"},
        {"a": {"b\x00": 1}},
        {"a": [["x", {"b": "c\x00d"}]]},
        {"a": "\\\x00"},
        {"ok": "\\u0000", "not": "\x00"},
    ],
)
def test_nul_anywhere_in_metadata_is_refused(
    api: httpx2.Client, metric: str, metadata: dict[str, Any]
) -> None:
    error = refused(api.post(ONE, json=sample(metric, metadata=metadata)), 422)
    message = "The character NUL cannot be stored"
    assert error["details"] == [{"field": "metadata", "message": message}]
    assert stored(api, metric) == []


@pytest.mark.parametrize(
    "raw", [b'{"a":1e400}', b'{"a":[{"b":-1e999}]}', b'{"a":%b}' % (b"9" * 5000)]
)
def test_a_number_out_of_range_in_metadata_is_refused(
    api: httpx2.Client, metric: str, raw: bytes
) -> None:
    error = refused(post(api, ONE, sample_with(metric, "metadata", raw)), 422)
    assert places(error) == [(None, "metadata")]
    assert stored(api, metric) == []


def nested(levels: int, *, lists: bool, inside: bytes = b"") -> bytes:
    """Metadata that many levels deep."""
    if lists:
        return b'{"a":' + b"[" * (levels - 1) + inside + b"]" * (levels - 1) + b"}"
    return b'{"a":' * levels + (inside or b"1") + b"}" * levels


@pytest.mark.parametrize("lists", [True, False])
def test_metadata_of_100_levels_is_accepted_and_one_more_is_not(
    api: httpx2.Client, metric: str, lists: bool
) -> None:
    raw = nested(100, lists=lists)
    accepted(post(api, ONE, sample_with(metric, "metadata", raw)))
    assert [back["metadata"] for back in stored(api, metric)] == [json.loads(raw)]

    deeper = post(api, ONE, sample_with(metric, "metadata", nested(101, lists=lists)))
    message = "Nested more than 100 levels deep"
    assert refused(deeper, 422)["details"] == [{"field": "metadata", "message": message}]
    assert len(stored(api, metric)) == 1


def test_wide_metadata_is_not_deep_metadata(api: httpx2.Client, metric: str) -> None:
    metadata = {"text": "[{" * 200, "lists": [[]] * 200, "objects": [{}] * 200}
    accepted(api.post(ONE, json=sample(metric, metadata=metadata)))
    assert [back["metadata"] for back in stored(api, metric)] == [metadata]


# Around 1000 is where Python's recursion ends, which differs between reading and writing.
@pytest.mark.parametrize("inside", [b"", b'"\\u0000"'])
@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("levels", [300, *range(920, 980, 10), 1300, 100_000])
def test_nested_too_deep_is_refused_however_deep(
    api: httpx2.Client, metric: str, levels: int, lists: bool, inside: bytes
) -> None:
    raw = nested(levels, lists=lists, inside=inside)
    answer = post(api, ONE, sample_with(metric, "metadata", raw))
    error = refused(answer, 422 if answer.status_code == 422 else 400)
    assert any(word in error["message"] for word in ("Nested", "nested", "8 KiB"))
    assert stored(api, metric) == []


# What JSON leaves open


REPEATED = [
    (b'1,"region":"SP","value":2', "value"),
    (b'1,"region":"SP","region":"SP"', "region"),
    (b'1,"\\u0072egion":"SP","region":"RJ"', "region"),
    (b'1,"region":null,"region":null', "region"),
    (b'1,"metadata":{"a":1,"b":2,"a":{"c":3}}', "metadata.a"),
    (b'1,"metadata":{"b":[0,{"c":1,"c":1}]}', "metadata.b.1.c"),
    # As many colons as without the repetition, and one in a text that is written as an escape.
    (b'1,"region":"a\\u003Ab","region":"c"', "region"),
    (b'1,"region" : "SP" , "region" : "RJ"', "region"),
]


@pytest.mark.parametrize(("raw", "field"), REPEATED)
def test_a_key_given_twice_is_refused_by_its_name(
    api: httpx2.Client, metric: str, raw: bytes, field: str
) -> None:
    body = sample_with(metric, "value", raw)
    message = f"The key {field.rpartition('.')[2]} is given twice"
    error = refused(post(api, ONE, body), 422)
    assert error["details"] == [{"field": field, "message": message}]
    good = sample_with(metric, "value", b"1")
    error = refused(post(api, BATCH, b'{"metrics":[%b,%b,%b]}' % (good, body, good)), 422)
    assert error["details"] == [{"index": 1, "field": field, "message": message}]
    assert stored(api, metric) == []


def test_a_batch_with_two_lists_is_refused(api: httpx2.Client, metric: str) -> None:
    item = sample_with(metric, "value", b"1")
    error = refused(post(api, BATCH, b'{"metrics":[%b],"metrics":[]}' % item), 422)
    assert places(error) == [(None, "metrics")]
    assert stored(api, metric) == []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/services/health"), ("POST", "/api/alerts/rules")]
)
def test_a_key_given_twice_is_refused_elsewhere_too(
    api: httpx2.Client, method: str, path: str
) -> None:
    error = refused(
        api.request(method, path, content=b'{"a":1,"b":{"c":1,"c":2}}', headers=JSON), 422
    )
    assert error["details"] == [{"field": "b.c", "message": "The key c is given twice"}]


def test_a_repeated_field_that_is_wrong_is_refused(api: httpx2.Client, metric: str) -> None:
    good = sample_with(metric, "value", b"1")
    for raw in (b'"x","value":1', b'1,"value":"x"'):
        error = refused(post(api, ONE, sample_with(metric, "value", raw)), 422)
        assert "value" in error["message"]
        item = sample_with(metric, "value", raw)
        error = refused(post(api, BATCH, b'{"metrics":[%b,%b]}' % (good, item)), 422)
        assert [index for index, _ in places(error)] == [1]
        assert "value" in error["message"]
    assert stored(api, metric) == []


def test_escapes_mean_the_characters_they_stand_for(api: httpx2.Client, metric: str) -> None:
    accepted(post(api, ONE, sample_with(metric, "region", b'"\\ud83d\\ude00\\u00e9\\/\\""')))
    assert [back["region"] for back in stored(api, metric)] == [f'{EMOJI}é/"']

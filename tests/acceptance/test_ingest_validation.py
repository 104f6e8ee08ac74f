"""Every rule for what is submitted: a sample that keeps it comes back as it was, one that breaks
it is refused with its field and index, and nothing is stored.
"""

import json
import math
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.acceptance.talk import (
    BATCH,
    ONE,
    accepted,
    places,
    post,
    refused,
    sample,
    sample_with,
    stored,
)

TYPES = [
    "revenue",
    "commission",
    "user_activity",
    "conversion",
    "performance",
    "gamification",
    "validation",
]
FREQUENCIES = ["real_time", "hourly", "daily", "monthly"]
LABELS = ["unit", "service_name", "affiliate_id", "region"]
REQUIRED = ["metric_name", "metric_type", "value", "frequency"]
TEXTS = ["metric_name", "metric_type", "frequency", *LABELS, "timestamp"]
EMOJI = "\N{GRINNING FACE}"
SQL = "'; DROP TABLE fature.series; --"

AWKWARD_TEXTS = [
    SQL,
    '" OR 1=1 --',
    "$1 %s %(tenant)s {relation}",
    "\\N",
    "\\.",
    "back\\slash \\t \\n \\x41 \\101",
    "quote ' double \" tick `",
    "{a,b} [1] (c)",
    "<script>alert(1)</script>",
    "a\u2028b\u2029c",
    "e\u0301 is not \u00e9",
    "\u202egnirts",
    "çãõ ßø ЖД 日本語",
    f"{EMOJI}\N{ZERO WIDTH JOINER}\U0010ffff",
    " leading and trailing ",
    "null",
    "NaN",
    "true",
]


# One sample


@pytest.mark.parametrize("frequency", FREQUENCIES)
@pytest.mark.parametrize("metric_type", TYPES)
def test_every_type_and_frequency_is_accepted(
    api: httpx2.Client, metric: str, metric_type: str, frequency: str
) -> None:
    sent = sample(metric, metric_type=metric_type, frequency=frequency)
    answer = accepted(api.post(ONE, json=sent))
    assert answer["message"] == "Metric recorded successfully"
    (back,) = stored(api, metric)
    assert back["id"] == answer["metric_id"]
    assert (back["metric_type"], back["frequency"]) == (metric_type, frequency)


def test_every_field_comes_back_as_it_was_sent(api: httpx2.Client, metric: str) -> None:
    sent = sample(
        metric,
        value=149.9,
        unit="BRL",
        service_name="payment-service",
        affiliate_id="a-17",
        region="SP",
        metadata={"payment_method": "pix", "items": [1, {"sku": None}], "ok": True},
        timestamp=(datetime.now(UTC) - timedelta(hours=3)).isoformat().replace("+00:00", "Z"),
    )
    answer = accepted(api.post(ONE, json=sent))
    assert stored(api, metric) == [{**sent, "id": answer["metric_id"]}]


def test_without_a_timestamp_it_is_now(api: httpx2.Client, metric: str) -> None:
    before = datetime.now(UTC)
    accepted(api.post(ONE, json=sample(metric)))
    after = datetime.now(UTC)
    (back,) = stored(api, metric)
    assert before <= datetime.fromisoformat(back["timestamp"]) <= after


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_field_is_named(api: httpx2.Client, metric: str, field: str) -> None:
    body = sample(metric)
    del body[field]
    error = refused(api.post(ONE, json=body), 422)
    assert error["details"] == [{"field": field, "message": "Required"}]
    assert error["message"] == f"{field}: Required"


@pytest.mark.parametrize("field", REQUIRED)
def test_null_is_no_value_for_a_required_field(api: httpx2.Client, metric: str, field: str) -> None:
    assert places(refused(api.post(ONE, json=sample(metric, **{field: None})), 422)) == [
        (None, field)
    ]
    assert stored(api, metric) == []


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize("field", LABELS)
def test_an_empty_or_null_label_is_no_label(
    api: httpx2.Client, metric: str, field: str, empty: str | None
) -> None:
    accepted(api.post(ONE, json=sample(metric)))
    accepted(api.post(ONE, json=sample(metric, **{field: empty})))
    assert [back[field] for back in stored(api, metric)] == [None, None]
    (entry,) = [e for e in catalog(api) if e["metric_name"] == metric]
    assert entry["series"] == 1


@pytest.mark.parametrize("field", ["metadata", "timestamp"])
def test_null_metadata_and_timestamp_are_as_if_absent(
    api: httpx2.Client, metric: str, field: str
) -> None:
    accepted(api.post(ONE, json=sample(metric, **{field: None})))
    (back,) = stored(api, metric)
    assert back["metadata"] is None
    assert back["timestamp"] is not None


@pytest.mark.parametrize("wrong", [True, 5, 1.5, [], {}, ["x"]])
@pytest.mark.parametrize("field", TEXTS)
def test_what_is_no_text_is_no_text(
    api: httpx2.Client, metric: str, field: str, wrong: object
) -> None:
    error = refused(api.post(ONE, json=sample(metric, **{field: wrong})), 422)
    assert places(error) == [(None, field)]
    assert stored(api, metric) == []


@pytest.mark.parametrize("wrong", ["", "Revenue", "revenue ", "turnover", "revenue\n"])
def test_an_unknown_type_is_refused(api: httpx2.Client, metric: str, wrong: str) -> None:
    error = refused(api.post(ONE, json=sample(metric, metric_type=wrong)), 422)
    assert places(error) == [(None, "metric_type")]


@pytest.mark.parametrize("wrong", ["", "Hourly", "weekly", "hourly\x00"])
def test_an_unknown_frequency_is_refused(api: httpx2.Client, metric: str, wrong: str) -> None:
    error = refused(api.post(ONE, json=sample(metric, frequency=wrong)), 422)
    assert places(error) == [(None, "frequency")]


@pytest.mark.parametrize("field", ["valeu", "id", "tenant", "Value", "metric-name", "", "\x00"])
def test_an_unknown_field_is_refused(api: httpx2.Client, metric: str, field: str) -> None:
    error = refused(api.post(ONE, json=sample(metric, **{field: 1})), 422)
    assert error["details"] == [{"field": field, "message": "Unknown field"}]
    assert stored(api, metric) == []


def test_everything_wrong_with_a_sample_is_named_at_once(api: httpx2.Client) -> None:
    wrong = {"metric_name": "a b", "value": "1", "frequency": "weekly", "region": 5, "colour": 1}
    error = refused(api.post(ONE, json=wrong), 422)
    assert sorted(places(error)) == [
        (None, field)
        for field in ("colour", "frequency", "metric_name", "metric_type", "region", "value")
    ]
    assert error["message"].endswith("(and 5 more)")


# Names and labels


@pytest.mark.parametrize("name", ["m", "0", "A.b:c-d_e", "x" * 200, "...", "-"])
def test_a_metric_name_of_allowed_characters_is_accepted(api: httpx2.Client, name: str) -> None:
    before = len(stored(api, name))
    accepted(api.post(ONE, json=sample(name)))
    assert len(stored(api, name)) == before + 1


@pytest.mark.parametrize(
    "name",
    ["", "x" * 201, "a b", "a\n", "\na", "a\r\n", "a\x00", "a/b", "receita_mês", EMOJI, SQL, "a'"],
)
def test_a_metric_name_with_anything_else_is_refused(api: httpx2.Client, name: str) -> None:
    error = refused(api.post(ONE, json=sample(name)), 422)
    assert places(error) == [(None, "metric_name")]


@pytest.mark.parametrize("letter", ["x", "é", "語", EMOJI])
def test_labels_have_up_to_200_characters_however_many_bytes(
    api: httpx2.Client, metric: str, letter: str
) -> None:
    labels = dict.fromkeys(LABELS, letter * 200)
    accepted(api.post(ONE, json=sample(metric, **labels)))
    (back,) = stored(api, metric)
    assert {field: back[field] for field in LABELS} == labels


@pytest.mark.parametrize("letter", ["x", EMOJI])
@pytest.mark.parametrize("field", LABELS)
def test_a_label_of_201_characters_is_refused(
    api: httpx2.Client, metric: str, field: str, letter: str
) -> None:
    error = refused(api.post(ONE, json=sample(metric, **{field: letter * 201})), 422)
    assert places(error) == [(None, field)]
    assert stored(api, metric) == []


@pytest.mark.parametrize("character", ["\x00", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\x9f"])
@pytest.mark.parametrize("field", LABELS)
def test_a_control_character_in_a_label_is_refused(
    api: httpx2.Client, metric: str, field: str, character: str
) -> None:
    accepted(api.post(ONE, json=sample(metric, **{field: "ab"})))
    for text in (f"a{character}b", f"ab{character}", character):
        error = refused(api.post(ONE, json=sample(metric, **{field: text})), 422)
        message = "Control characters are not allowed"
        assert error["details"] == [{"field": field, "message": message}]
    assert len(stored(api, metric)) == 1


@pytest.mark.parametrize("text", AWKWARD_TEXTS)
def test_awkward_text_in_labels_comes_back_as_text(
    api: httpx2.Client, metric: str, text: str
) -> None:
    labels = dict.fromkeys(LABELS, text)
    accepted(api.post(ONE, json=sample(metric, **labels)))
    (back,) = stored(api, metric)
    assert {field: back[field] for field in LABELS} == labels
    params = {"metric_name": metric, **labels}
    found = api.get("/api/metrics/query", params=params).json()
    assert [row["id"] for row in found["data"]] == [back["id"]]


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


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_finite_number_comes_back_bit_for_bit(
    api: httpx2.Client, metric: str, text: bytes, value: float
) -> None:
    accepted(post(api, ONE, sample_with(metric, "value", text)))
    (back,) = stored(api, metric)
    assert bits(float(back["value"])) == bits(value)
    answer = api.get("/api/metrics/aggregate", params={"metric_name": metric, "aggregation": "max"})
    assert [row["value"] for row in answer.json()["data"]] == [value]


def test_random_doubles_come_back_bit_for_bit(api: httpx2.Client, metric: str) -> None:
    doubles = (struct.unpack(">d", secrets.token_bytes(8))[0] for _ in range(600))
    values = [value for value in doubles if math.isfinite(value)]
    accepted(api.post(BATCH, json={"metrics": [sample(metric, value=v) for v in values]}))
    assert [bits(back["value"]) for back in stored(api, metric)] == [bits(v) for v in values]


@pytest.mark.parametrize(
    "raw",
    [b"true", b"false", b'"1.5"', b'""', b"null", b"[]", b"[1]", b"{}", b'"NaN"', b'"Infinity"'],
)
def test_what_is_no_number_is_no_value(api: httpx2.Client, metric: str, raw: bytes) -> None:
    error = refused(post(api, ONE, sample_with(metric, "value", raw)), 422)
    assert places(error) == [(None, "value")]
    assert stored(api, metric) == []


@pytest.mark.parametrize(
    "raw", [b"1e400", b"-1e400", b"1.7976931348623159e308", b"9" * 400, b"9" * 5000, b"1e99999"]
)
def test_a_number_beyond_a_double_is_refused(api: httpx2.Client, metric: str, raw: bytes) -> None:
    error = refused(post(api, ONE, sample_with(metric, "value", raw)), 422)
    assert places(error) == [(None, "value")]
    assert "range" in error["message"]
    assert stored(api, metric) == []


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"-Infinity", b"nan", b"01", b"1.", b"0x1"])
def test_what_json_has_no_number_for_is_malformed(
    api: httpx2.Client, metric: str, raw: bytes
) -> None:
    refused(post(api, ONE, sample_with(metric, "value", raw)), 400)
    assert stored(api, metric) == []


# Metadata


@pytest.mark.parametrize("wrong", ["x", 5, True, [], [{}], ""])
def test_metadata_is_an_object(api: httpx2.Client, metric: str, wrong: object) -> None:
    error = refused(api.post(ONE, json=sample(metric, metadata=wrong)), 422)
    assert places(error) == [(None, "metadata")]


@pytest.mark.parametrize("text", [*AWKWARD_TEXTS, "tab\t lf\n cr\r esc\x1b del\x7f", "\\u0000", ""])
def test_text_in_metadata_comes_back_identical(api: httpx2.Client, metric: str, text: str) -> None:
    metadata = {text: text, "list": [text, {text: [text]}], "next": 1}
    accepted(api.post(ONE, json=sample(metric, metadata=metadata)))
    assert [back["metadata"] for back in stored(api, metric)] == [metadata]


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
@pytest.mark.parametrize("levels", [300, *range(900, 1000, 10), 1300, 4000, 100_000])
def test_nested_too_deep_is_refused_however_deep(
    api: httpx2.Client, metric: str, levels: int, lists: bool, inside: bytes
) -> None:
    raw = nested(levels, lists=lists, inside=inside)
    answer = post(api, ONE, sample_with(metric, "metadata", raw))
    error = refused(answer, 422 if answer.status_code == 422 else 400)
    assert any(word in error["message"] for word in ("Nested", "nested", "8 KiB"))
    assert stored(api, metric) == []


# What JSON leaves open


def test_of_a_repeated_field_the_last_counts(api: httpx2.Client, metric: str) -> None:
    body = sample_with(metric, "value", b'1,"region":"SP","value":2,"region":"RJ"')
    accepted(post(api, ONE, body))
    assert [(back["value"], back["region"]) for back in stored(api, metric)] == [(2.0, "RJ")]


def test_of_a_repeated_metadata_key_the_last_counts(api: httpx2.Client, metric: str) -> None:
    accepted(post(api, ONE, sample_with(metric, "metadata", b'{"a":1,"b":2,"a":{"c":3}}')))
    assert [back["metadata"] for back in stored(api, metric)] == [{"a": {"c": 3}, "b": 2}]


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


# Timestamps


def moment(**ago: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**ago)


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S+00:00",
        "%Y-%m-%dT%H:%M:%S-00:00",
        "%Y-%m-%dT%H:%M:%S+0000",
        "%Y-%m-%dT%H:%M:%S+00",
        "%Y-%m-%d %H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.0Z",
        "%Y-%m-%dT%H:%M:%S.000000000Z",
        "%Y-%m-%dT%H:%M:%S,000Z",
        "%Y%m%dT%H%M%SZ",
        "%G-W%V-%uT%H:%M:%SZ",
    ],
)
def test_the_forms_of_iso_8601_are_understood(api: httpx2.Client, metric: str, form: str) -> None:
    ts = moment(hours=2)
    accepted(api.post(ONE, json=sample(metric, timestamp=ts.strftime(form))))
    (back,) = stored(api, metric)
    assert datetime.fromisoformat(back["timestamp"]) == ts


@pytest.mark.parametrize("offset", ["+14:00", "-12:00", "-03:00", "+05:30", "+00:01", "-23:59"])
def test_an_offset_says_which_instant_is_meant(
    api: httpx2.Client, metric: str, offset: str
) -> None:
    local = datetime.fromisoformat(moment(days=2).strftime("%Y-%m-%dT%H:%M:%S") + offset)
    accepted(api.post(ONE, json=sample(metric, timestamp=local.isoformat())))
    (back,) = stored(api, metric)
    assert back["timestamp"] == local.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("microsecond", [1, 100_000, 123_456, 999_999])
def test_microseconds_are_kept(api: httpx2.Client, metric: str, microsecond: int) -> None:
    ts = moment(hours=1).replace(microsecond=microsecond)
    accepted(api.post(ONE, json=sample(metric, timestamp=ts.isoformat())))
    (back,) = stored(api, metric)
    assert datetime.fromisoformat(back["timestamp"]) == ts


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "yesterday",
        "infinity",
        "1750000000",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00",
        "2026-01-31T12:00:00 America/Sao_Paulo",
        "2026-02-30T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-31T24:00:01Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+99:99",
        "2026-01-31T12:00:00Z\n",
        "2026-01-31T12:00:00Z\x00",
        "2026-01-31T12:00:00ZZ",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-2026-01-31T12:00:00Z",
        "\uff12\uff10\uff12\uff16-01-31T12:00:00Z",
        # Instants before the year 1 and after the year 9999, once in UTC.
        "0001-01-01T00:00:00+00:01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999-00:01",
        "9999-12-31T23:59:59-14:00",
        "2" * 100_000,
        SQL,
    ],
)
def test_what_is_no_instant_is_refused(api: httpx2.Client, metric: str, text: str) -> None:
    error = refused(api.post(ONE, json=sample(metric, timestamp=text)), 422)
    message = "Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z"
    assert error["details"] == [{"field": "timestamp", "message": message}]
    assert stored(api, metric) == []


# Batches


def test_a_batch_is_recorded_in_its_order(api: httpx2.Client, metric: str) -> None:
    items = [sample(metric, value=n, frequency=FREQUENCIES[n % 4]) for n in range(50)]
    answer = accepted(api.post(BATCH, json={"metrics": items}))
    assert answer["count"] == 50
    assert answer["message"] == "50 metrics recorded successfully"
    back = {row["id"]: row for row in stored(api, metric)}
    assert list(back) == sorted(answer["metric_ids"])
    values = [back[sample_id]["value"] for sample_id in answer["metric_ids"]]
    assert values == [item["value"] for item in items]


def test_a_batch_of_one_is_a_batch(api: httpx2.Client, metric: str) -> None:
    answer = accepted(api.post(BATCH, json={"metrics": [sample(metric)]}))
    (back,) = stored(api, metric)
    assert (answer["count"], answer["metric_ids"]) == (1, [back["id"]])
    assert answer["message"] == "1 metric recorded successfully"


def test_a_batch_has_up_to_1000_items(api: httpx2.Client, metric: str) -> None:
    items = [sample(metric, value=n) for n in range(1001)]
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    message = "A batch has 1 to 1000 items, not 1001"
    assert error["details"] == [{"field": "metrics", "message": message}]
    assert stored(api, metric) == []

    answer = accepted(api.post(BATCH, json={"metrics": items[:1000]}))
    assert len(set(answer["metric_ids"])) == answer["count"] == 1000
    assert [back["value"] for back in stored(api, metric)] == list(range(1000))


def test_a_batch_has_at_least_one_item(api: httpx2.Client) -> None:
    error = refused(api.post(BATCH, json={"metrics": []}), 422)
    message = "A batch has 1 to 1000 items, not 0"
    assert error["details"] == [{"field": "metrics", "message": message}]


@pytest.mark.parametrize("wrong", [None, "x", 1, {}, {"0": {}}])
def test_the_metrics_of_a_batch_are_a_list(api: httpx2.Client, wrong: object) -> None:
    assert places(refused(api.post(BATCH, json={"metrics": wrong}), 422)) == [(None, "metrics")]


@pytest.mark.parametrize("item", [None, 1, "x", [], [1], True])
def test_an_item_that_is_no_object_is_named(api: httpx2.Client, metric: str, item: object) -> None:
    error = refused(api.post(BATCH, json={"metrics": [sample(metric), item]}), 422)
    assert error["details"] == [{"index": 1, "message": "Expected an object"}]
    assert stored(api, metric) == []


@pytest.mark.parametrize("path", [ONE, BATCH])
@pytest.mark.parametrize("body", ["null", "[]", "[[]]", '"x"', "1", "true", "[{}]"])
def test_a_body_that_is_no_object_is_refused(api: httpx2.Client, path: str, body: str) -> None:
    assert "object" in refused(post(api, path, body.encode()), 422)["message"]


def test_a_batch_without_metrics_and_with_something_else_says_both(api: httpx2.Client) -> None:
    error = refused(api.post(BATCH, json={"metric": [], "tenant": "other"}), 422)
    assert places(error) == [(None, "metric"), (None, "tenant"), (None, "metrics")]


def test_a_single_sample_is_no_batch_and_a_batch_no_sample(api: httpx2.Client, metric: str) -> None:
    assert (None, "metrics") in places(refused(api.post(BATCH, json=sample(metric)), 422))
    single = refused(api.post(ONE, json={"metrics": [sample(metric)]}), 422)
    assert (None, "metrics") in places(single)
    assert stored(api, metric) == []


def test_every_malformed_item_of_a_batch_is_named_and_nothing_is_stored(
    api: httpx2.Client, metric: str
) -> None:
    items: list[Any] = [sample(metric, value=n) for n in range(1000)]
    items[0]["value"] = "12"
    items[17]["metric_name"] = "a b"
    items[17]["region"] = "x" * 201
    items[500]["colour"] = "red"
    del items[731]["frequency"]
    items[999] = None
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    assert places(error) == [
        (0, "value"),
        (17, "metric_name"),
        (17, "region"),
        (500, "colour"),
        (731, "frequency"),
        (999, None),
    ]
    assert error["message"] == "item 0: value: Expected `float`, got `str` (and 5 more)"
    assert stored(api, metric) == []


def test_every_item_of_a_batch_that_cannot_be_stored_is_named_and_nothing_is_stored(
    api: httpx2.Client, metric: str
) -> None:
    items = [sample(metric, value=n) for n in range(1000)]
    items[3]["timestamp"] = "2026-01-31T12:00:00"
    items[4]["timestamp"] = "2001-01-01T00:00:00Z"
    items[4]["region"] = "a\x00"
    items[5]["timestamp"] = "9998-01-01T00:00:00Z"
    items[998]["metadata"] = {"a": "\x00"}
    items[999]["metadata"] = {"a": "x" * 8192}
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    assert places(error) == [
        (3, "timestamp"),
        (4, "timestamp"),
        (4, "region"),
        (5, "timestamp"),
        (998, "metadata"),
        (999, "metadata"),
    ]
    assert stored(api, metric) == []


def test_all_bad_items_are_named_whatever_is_wrong_with_them(
    api: httpx2.Client, metric: str
) -> None:
    items = [sample(metric) for _ in range(6)]
    items[1]["value"] = "12"
    items[2]["timestamp"] = "2001-01-01T00:00:00Z"
    items[3]["metadata"] = {"a": "\x00"}
    items[5]["region"] = "\x07"
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    assert places(error) == [(1, "value"), (2, "timestamp"), (3, "metadata"), (5, "region")]
    assert stored(api, metric) == []


def test_equal_items_of_a_batch_all_count(api: httpx2.Client, metric: str) -> None:
    item = sample(metric, timestamp=moment(hours=1).isoformat(), metadata={"a": 1})
    accepted(api.post(BATCH, json={"metrics": [item] * 10}))
    assert len({back["id"] for back in stored(api, metric)}) == 10


def catalog(api: httpx2.Client) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = api.get("/api/metrics/catalog").json()["data"]
    return entries

"""Every rule for what is submitted: a sample that keeps it comes back as it was, one that breaks
it is refused with its field and index, and nothing is stored.
"""

import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import httpx2
import pytest

from tests.acceptance.talk import (
    AWKWARD_TEXTS,
    BATCH,
    EMOJI,
    ONE,
    SQL,
    accepted,
    places,
    post,
    refused,
    refused_items,
    sample,
    stored,
)

pytestmark = pytest.mark.one_engine

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

# One sample


def test_every_type_and_frequency_is_accepted(api: httpx2.Client, metric: str) -> None:
    for metric_type, frequency in product(TYPES, FREQUENCIES):
        sent = sample(f"{metric}.{metric_type}", metric_type=metric_type, frequency=frequency)
        assert accepted(api.post(ONE, json=sent))["message"] == "Metric recorded successfully"
    for metric_type in TYPES:
        back = stored(api, f"{metric}.{metric_type}")
        assert {row["metric_type"] for row in back} == {metric_type}
        assert sorted(row["frequency"] for row in back) == sorted(FREQUENCIES)


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


@pytest.mark.parametrize("field", TEXTS)
def test_what_is_no_text_is_no_text(api: httpx2.Client, metric: str, field: str) -> None:
    wrong: list[object] = [True, 5, 1.5, [], {}, ["x"]]
    items = [sample(metric, **{field: value}) for value in wrong]
    assert refused_items(api, items) == [(n, field) for n in range(len(wrong))]
    assert places(refused(api.post(ONE, json=items[0]), 422)) == [(None, field)]
    assert stored(api, metric) == []


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("metric_type", ["", "Revenue", "revenue ", "turnover", "revenue\n", "revenue\x00"]),
        ("frequency", ["", "Hourly", "weekly", "hourly\n", "hourly\x00", SQL]),
    ],
)
def test_an_unknown_type_or_frequency_is_refused(
    api: httpx2.Client, metric: str, field: str, wrong: list[str]
) -> None:
    items = [sample(metric, **{field: text}) for text in wrong]
    assert refused_items(api, items) == [(n, field) for n in range(len(wrong))]


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


def test_a_metric_name_with_anything_else_is_refused(api: httpx2.Client) -> None:
    wrong = ["", "x" * 201, "a b", "a\n", "\na", "a\r\n", "a\x00", "\x00", "a/b", "a'", "a\\"]
    wrong += ["receita_mês", "\uff41", "\u0661", EMOJI, SQL]
    items = [sample(name) for name in wrong]
    assert refused_items(api, items) == [(n, "metric_name") for n in range(len(wrong))]
    for item in items[:4]:
        assert places(refused(api.post(ONE, json=item), 422)) == [(None, "metric_name")]


@pytest.mark.parametrize("letter", ["x", "é", "語", EMOJI])
def test_labels_have_up_to_200_characters_however_many_bytes(
    api: httpx2.Client, metric: str, letter: str
) -> None:
    labels = dict.fromkeys(LABELS, letter * 200)
    accepted(api.post(ONE, json=sample(metric, **labels)))
    (back,) = stored(api, metric)
    assert {field: back[field] for field in LABELS} == labels


@pytest.mark.parametrize("field", LABELS)
def test_a_label_of_201_characters_is_refused(api: httpx2.Client, metric: str, field: str) -> None:
    items = [sample(metric, **{field: letter * 201}) for letter in ("x", "é", EMOJI)]
    assert refused_items(api, items) == [(n, field) for n in range(3)]
    assert stored(api, metric) == []


@pytest.mark.parametrize("field", LABELS)
def test_a_control_character_in_a_label_is_refused(
    api: httpx2.Client, metric: str, field: str
) -> None:
    accepted(api.post(ONE, json=sample(metric, **{field: "ab"})))
    controls = [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))]
    texts = [text for c in controls for text in (f"a{c}b", f"ab{c}", c)]
    error = refused(
        api.post(BATCH, json={"metrics": [sample(metric, **{field: text}) for text in texts]}), 422
    )
    message = "Control characters are not allowed"
    assert error["details"] == [
        {"index": n, "field": field, "message": message} for n in range(len(texts))
    ]
    assert len(stored(api, metric)) == 1


@pytest.mark.parametrize("field", LABELS)
def test_a_label_that_filters_take_for_none_is_refused(
    api: httpx2.Client, metric: str, field: str
) -> None:
    items = [sample(metric), sample(metric, **{field: "(none)"}), sample(metric, **{field: ""})]
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    message = f"(none) stands for no {field}: leave it out"
    assert error["details"] == [{"index": 1, "field": field, "message": message}]
    accepted(api.post(ONE, json=sample(metric, **{field: "None"})))
    assert len(stored(api, metric)) == 1


def test_awkward_text_in_labels_comes_back_as_text(api: httpx2.Client, metric: str) -> None:
    """In NFC and without blanks around it."""
    for number, text in enumerate(AWKWARD_TEXTS):
        name, labels = f"{metric}.{number}", dict.fromkeys(LABELS, text)
        accepted(api.post(ONE, json=sample(name, **labels)))
        (back,) = stored(api, name)
        normal = unicodedata.normalize("NFC", text).strip()
        assert {field: back[field] for field in LABELS} == dict.fromkeys(LABELS, normal)
        params = {"metric_name": name, **dict.fromkeys(LABELS, normal)}
        assert api.get("/api/metrics/query", params=params).json()["data"] == [back]


@pytest.mark.parametrize("field", ["service_name", "affiliate_id", "region", "unit"])
def test_labels_that_look_alike_are_one(api: httpx2.Client, metric: str, field: str) -> None:
    ways = [
        "São Paulo",
        "Sa\u0303o Paulo",
        " São Paulo",
        "São Paulo\u00a0",
        "\u3000Sa\u0303o Paulo ",
    ]
    items = [sample(metric, **{field: text}) for text in ways]
    accepted(api.post(BATCH, json={"metrics": items}))
    accepted(api.post(BATCH, json={"metrics": items[::-1]}))
    assert [back[field] for back in stored(api, metric)] == ["São Paulo"] * 10
    (entry,) = [e for e in catalog(api) if e["metric_name"] == metric]
    assert entry["series"] == 1


def test_a_label_of_blanks_is_none(api: httpx2.Client, metric: str) -> None:
    labels = dict.fromkeys(LABELS, " \u2003 ")
    accepted(api.post(ONE, json=sample(metric, **labels)))
    (back,) = stored(api, metric)
    assert {field: back[field] for field in LABELS} == dict.fromkeys(LABELS)


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
    assert error["message"] == "item 0: value: Expected a number, got text (and 5 more)"
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
    item = sample(metric, timestamp=datetime.now(UTC).isoformat(), metadata={"a": 1})
    accepted(api.post(BATCH, json={"metrics": [item] * 10}))
    assert len({back["id"] for back in stored(api, metric)}) == 10


def catalog(api: httpx2.Client) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = api.get("/api/metrics/catalog").json()["data"]
    return entries

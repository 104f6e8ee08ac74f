"""Keys that a JSON object has twice, wherever they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.decoding import decode_json, repeated_key
from service.http.errors import ApiError
from sql.errors import Invalid


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": 1, "a": 1}', ("a",)),
        ('{"a": 1, "b": 2, "b": {}, "a": 3}', ("b",)),
        ('{"a": 1, "\\u0061": 2}', ("a",)),
        ('{"": 1, "": 2}', ("",)),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', ("a", "b")),
        ('{"a": [0, [{"b.c": 1}, {"b.c": 1, "b.c": 2}]]}', ("a", "1", "1", "b.c")),
        ('[[], {"x": [{"y": 1e999, "y": 1}]}]', ("1", "x", "0", "y")),
        # An outer object's first.
        ('{"a": {"b": 1, "b": 2}, "c": 1, "c": 2}', ("c",)),
        ('{"a": {"b": 1, "b": 2}, "a": 1}', ("a",)),
    ],
)
def test_the_way_to_a_key_given_twice(text: str, path: tuple[str, ...]) -> None:
    assert repeated_key(text.encode()) == path


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_what_python_writes_has_no_key_twice(value: object) -> None:
    assert repeated_key(json.dumps(value).encode()) is None


@pytest.mark.parametrize(
    "text", ["1" * 5000, "[" * 900 + "]" * 900, '{"a":' * 300 + "1" + "}" * 300]
)
def test_long_numbers_and_deep_nesting_are_no_trouble(text: str) -> None:
    assert repeated_key(text.encode()) is None


def test_a_body_with_a_key_twice_is_refused_by_its_name() -> None:
    with pytest.raises(Invalid) as refused:
        decode_json(b'{"name": "a", "config": {"layout": 1, "layout": 2}}')
    (problem,) = refused.value.problems
    assert (problem.field, str(problem.message)) == (
        "config.layout",
        "The key layout is given twice",
    )


def test_a_byte_order_mark_is_named() -> None:
    with pytest.raises(ApiError, match="byte-order mark; send UTF-8 without one") as refused:
        decode_json(b'\xef\xbb\xbf{"a": 1}')
    assert refused.value.status == 400

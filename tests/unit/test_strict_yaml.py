"""YAML of people: what could be meant in two ways is refused with its line."""

import pytest

from alerts.rules_file import BadRulesFile, parsed
from sql.strict_yaml import BadYaml, read

RULE = b"""
rules:
- rule_name: Low
  metric_name: revenue_hourly
  condition: <
  threshold_value: %s
  severity: low
  for: %s
"""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: 1\nb: caf\xe9\n", "line 2: the byte 0xE9 is not UTF-8: save the file as UTF-8"),
        (b"\xff\xfea\x00", "line 1: the byte 0xFF is not UTF-8"),
        (b"\x7fELF\x02\x01", r"line 1: the character U\+007F is not text"),
        (b"a: 1\n\x00", r"line 2: the character U\+0000 is not text"),
        (b"a: 1\nb: 2\na: 3\n", "line 3: a is there already, in line 1"),
        (b"x:\n- {b: 1, b: 2}\n", "line 2: b is there already, in line 2"),
        (b"a:\n  b: 010\n", "line 2: 010 begins with a zero: write it without, or '010' as text"),
        (b"a: -007.5", "line 1: -007.5 begins with a zero"),
        (b"a: [1, 2\nb: 3", "line 2: this is no YAML"),
        (b"a: 1\n b: 2", "line 2: this is no YAML"),
        (b"a: 1\n---\nb: 2\n", "this is no YAML"),
        (b"a: !!python/object:os.system x", "line 1: the tag .* is not understood"),
        (b"a: !!binary aGVsbG8=", "line 1: the tag .* is not understood"),
        (b"a: !ours 1", "line 1: the tag !ours is not understood"),
        (b"? [1, 2]\n: 3", "line 1: a key must be one word or text"),
        (b"a: &a\n- *a\n", "line 2: this contains itself|line 1: this contains itself"),
        (b"[" * 5000, "nested too deeply"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_or_only_in_two_ways_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(BadYaml, match=words):
        read(data)


def test_only_true_false_null_and_decimal_numbers_are_no_text() -> None:
    text = b"""\xef\xbb\xbf
number: [0, 12, -3, 2.5, .5, 1e3, +4]
word: [true, False, null, ~, ]
text: [yes, on, 1:30, 22:00, 2026-01-31, 0x1F, 1_000, '010', "12", 1.2.3, e5, n]
"""
    content = read(text).content
    assert content["number"] == [0, 12, -3, 2.5, 0.5, 1000.0, 4]
    assert content["word"] == [True, False, None, None]
    assert content["text"] == [
        *("yes", "on", "1:30", "22:00", "2026-01-31", "0x1F", "1_000", "010", "12"),
        *("1.2.3", "e5", "n"),
    ]
    assert read(b"").content is None


def test_a_wrong_value_of_a_rule_is_named_with_its_line() -> None:
    with pytest.raises(BadRulesFile, match=r"^line 8: Low: for: '1:30' is not a duration"):
        parsed(RULE % (b"5", b"1:30"))
    with pytest.raises(BadRulesFile, match=r"^line 6: 0800 begins with a zero"):
        parsed(RULE % (b"0800", b"5m"))
    with pytest.raises(BadRulesFile, match=r"^line 3: Low: severity: "):
        parsed((RULE % (b"5", b"5m")).replace(b"  severity: low\n", b""))
    (rule,) = parsed(RULE % (b"800", b"5m"))
    assert rule.threshold_value == 800

"""Lines of InfluxDB's line protocol as points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_protocol_parser import LineFormatError, parse_line  # type: ignore[import-untyped]

from service.line_protocol.decode import MAX_LINE, decode
from service.metrics.ingest.sample import UNIX_EPOCH
from service.metrics.mapping.point import Point


def decoded(line: bytes) -> list[Point]:
    """Of a line whose series is known by then."""
    decode(line, 1000)
    return list(decode(line, 1000).points)


SERIES = st.sampled_from(
    [b"a", b"a,b=c", b"a,b=c,d=\xc3\xa9", b"a,b=", rb"a\ b,c=d", b"#a", b"a,b"]
)
FIELD = st.sampled_from([b"value", b"v", rb"v\ w", b"", b"v,w"])
VALUE = st.one_of(
    st.floats().map(lambda value: repr(value).encode()),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: b"%di" % value),
    st.integers(-(10**17), 10**17).map(lambda value: b"%d" % value),
    st.sampled_from(
        [b"1.5i", b"1_0", b"1.", b".5", b"-", b"+1", b"1e3", b"0x1", b"t", b"007", b"5u"]
    ),
)
TIME = st.one_of(
    st.integers(-(10**15), 10**15).map(lambda value: b" %d" % value),
    st.integers(2**63 - 2, 2**63 + 2).map(lambda value: b" %d" % value),
    st.sampled_from([b"", b" ", b" 1.5", b" 1_0", b" x", b" 1 2"]),
)


@given(SERIES, FIELD, VALUE, TIME)
def test_a_line_that_is_known_is_read_as_the_parser_reads_it(
    series: bytes, field: bytes, value: bytes, time: bytes
) -> None:
    line = series + b" " + field + b"=" + value + time
    try:
        parsed = {} if line.startswith(b"#") else parse_line(line.decode())
    except LineFormatError:
        parsed = {}
    # Too far away to be shown.
    if parsed and (parsed["time"] or 0) > 2**58:
        parsed = {}
    expected = [
        (
            parsed["measurement"] if name == "value" else f"{parsed['measurement']}_{name}",
            tuple(sorted(parsed["tags"].items())),
            repr(float(number)),
            None if parsed["time"] is None else parsed["time"] + UNIX_EPOCH,
        )
        for name, number in parsed.get("fields", {}).items()
    ]
    found = [(one.series.name, one.series.tags, repr(one.value), one.ts) for one in decoded(line)]
    assert found == expected


def test_what_looks_like_a_line_within_a_text_is_none() -> None:
    decode(b"a value=1 5", 1)
    body = b'b note="\na value=1 5\n",value=2 6\na value=3 7'
    assert [one.value for one in decode(body, 1000).points] == [2.0, 3.0]


def test_a_line_that_is_too_long_is_refused_though_its_series_is_known() -> None:
    assert decoded(b"a value=1 5")
    body = b"a value=" + b"0" * MAX_LINE + b"1 5"
    (problem,) = decode(body, 1000).problems
    assert "longer than" in str(problem.message)


@pytest.mark.parametrize(("unit", "ts"), [(1, 5), (1000, 5000), (10**9, 5 * 10**9)])
def test_a_known_series_is_read_in_every_precision(unit: int, ts: int) -> None:
    for _ in range(2):
        (found,) = decode(b"a value=1 5000", unit).points
        assert found.ts == UNIX_EPOCH + ts


def test_points_of_a_series_share_it() -> None:
    first, second = decode(b"a,b=c value=1 5\na,b=c value=2 6", 1).points
    assert decode(b"a,b=c value=1 5", 1).points[0].series is second.series
    assert first.series == second.series

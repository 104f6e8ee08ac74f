"""Rows of CSV as samples: a row like one before is the sample that it would be alone."""

import gc
import tracemalloc
from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.imports.decode import CsvDecoder
from service.ingest.decode import decode_lines
from service.metrics.ingest.sample import Decoded

pytestmark = pytest.mark.one_engine

FIELDS = b"metric_name,metric_type,frequency,value,timestamp,region,"
HEADERS = [FIELDS + b"metadata.note,metadata.where", FIELDS + b"metadata,unit"]
AT = "2025-03-01T12:00:00-03:00"
LABELS = st.sampled_from(["m", "n", "", " m", "x" * 300, "é"])
CELLS = st.one_of(
    st.sampled_from(
        ["1", "-1.5", " 2 ", "1e3", "1e999", "1_0", "nan", "inf", "٣", "", "+.5", "5.", "0x1"]
    ),
    st.floats().map(str),
)
TIMES = st.sampled_from([AT, "2025-03-01T15:00:00Z", "2025-03-01", "", "soon", "1e3"])
NOTES = st.sampled_from(["", "", "", "a", '"b,c"', '"d\ne"', 'f"g', "\r", "\x00"])
TYPES = st.sampled_from(["revenue", "revenue", "revenues"])
ROWS = st.builds(
    lambda *cells: ",".join(cells).encode(),
    LABELS,
    TYPES,
    st.just("hourly"),
    CELLS,
    TIMES,
    LABELS,
    NOTES,
    NOTES,
)


GOOD = b'{"metric_name":"m","metric_type":"revenue","frequency":"hourly","value":1,"region":"SP"%b}'
LINES = [
    GOOD % b"",
    GOOD % b',"timestamp":"2025-03-01T00:00:00Z"',
    GOOD % b',"metadata":{"a":":","b":{"c":1}}',
    GOOD.replace(b"SP", b"RJ") % b',"region":"MG"',
    GOOD.replace(b"SP", b"RJ") % b',"metadata":{"a\\u003a":1,"a":2,"a":3}',
    GOOD.replace(b"SP", b"RJ") % b',"timestamp":"soon"',
    b"{no json",
]


def told(decoded: Decoded) -> tuple[list[object], list[object], list[object]]:
    """Samples with their lines, and problems in the order of theirs."""
    return list(decoded.samples), list[object](decoded.places or ()), list(decoded.problems)


@settings(derandomize=True, deadline=None)
@given(st.sampled_from(HEADERS), st.lists(st.one_of(ROWS, st.binary(max_size=20)), max_size=12))
def test_rows_together_are_what_each_is_alone(header: bytes, rows: Sequence[bytes]) -> None:
    together = CsvDecoder(header)
    numbered = [(line, row) for line, row in enumerate(rows, 2) if row]
    alone = [CsvDecoder(header).decode([one]) for one in numbered]
    expected = tuple([*chain(*parts)] for parts in zip(*map(told, alone), strict=True))
    for _ in range(2):
        # The second time every set of labels is known.
        found = told(together.decode(numbered))
        assert found == (expected or ([], [], []))


@settings(derandomize=True, deadline=None)
@given(st.permutations(LINES))
def test_lines_together_are_what_each_is_alone(lines: Sequence[bytes]) -> None:
    numbered = list(enumerate(lines, 5))
    for some in (numbered, [one for one in numbered if b'"region":"SP"' in one[1]]):
        alone = [decode_lines([one]) for one in some]
        expected = tuple([*chain(*parts)] for parts in zip(*map(told, alone), strict=True))
        assert told(decode_lines(some)) == expected


def test_a_row_of_known_labels_has_its_own_value_and_instant() -> None:
    decoder = CsvDecoder(b"metric_name,metric_type,frequency,value,timestamp,region")
    rows = [f"m,revenue,hourly,{n},2025-03-0{n}T00:00:00Z,SP".encode() for n in (1, 2)]
    first, second = decoder.decode(list(enumerate(rows))).samples
    assert (first.value, second.value) == (1.0, 2.0)
    assert first.ts is not None
    assert second.ts == first.ts + 86_400_000_000
    assert second.region == "SP"


def test_of_rows_that_are_remembered_the_metadata_is_not_kept() -> None:
    decoder = CsvDecoder(FIELDS + b"metadata")
    row = b'm,revenue,hourly,1,%b,region %d,"{""note"":""%b""}"'
    rows = [(line, row % (AT.encode(), line, b"x" * 4000)) for line in range(2, 302)]
    decoder.decode(rows[:1])
    tracemalloc.start()
    try:
        assert len(decoder.decode(rows).samples) == 300
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 300 * 2000

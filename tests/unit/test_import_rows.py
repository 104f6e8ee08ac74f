"""Rows of a stream: divided at the ends of lines, those with quotes over many of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.imports.rows import MAX_LINE, Rows
from sql.errors import Invalid

pytestmark = pytest.mark.one_engine


def rows_of(*parts: bytes) -> list[tuple[int, bytes]]:
    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def read() -> list[tuple[int, bytes]]:
        pages = Rows(stream(), has_header=True, quoted=True).pages()
        return [row async for page in pages for row in page.rows]

    return asyncio.run(read())


def test_a_row_with_quotes_goes_over_lines_and_has_the_number_of_its_first() -> None:
    parts = (b'a,b\r\n1,"x\r', b'\n\r\n""y"\r\n', b"\r\n2,z")
    assert rows_of(*parts) == [(2, b'1,"x\n\n""y"'), (6, b"2,z")]


def test_a_row_may_be_as_long_over_many_lines_as_in_one() -> None:
    longest = b'"' + b"\n" * (MAX_LINE - 2) + b'"'
    assert rows_of(b"a\n" + longest + b"\n1\n") == [(2, longest), (MAX_LINE + 1, b"1")]
    with pytest.raises(Invalid, match="Line 2 is longer than 64 KiB"):
        rows_of(b'a\n"' + b"\n" * MAX_LINE + b'"\n')


def test_a_quote_that_never_ends_is_named_by_its_line() -> None:
    with pytest.raises(Invalid, match="Line 3: the quote never ends"):
        rows_of(b'a\n1\n"2\n3\n')

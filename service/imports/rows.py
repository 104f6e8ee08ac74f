"""Rows of a stream: unpacked, divided at the ends of lines, in pages; constant memory."""

import hashlib
import zlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from service.http.errors import ApiError
from sql.errors import Invalid, Problem
from sql.messages import Message

# A sample has at most some 10 KiB; what is longer is none.
MAX_LINE = 64 * 1024
_PAGE_ROWS = 4000
_PAGE_BYTES = 512 * 1024
_UNPACKED = 256 * 1024


class Page(NamedTuple):
    """Rows that follow each other, each with the number of its first line; how many there were up
    to their end, and the digest of all of these.
    """

    rows: list[tuple[int, bytes]]
    row_count: int
    digest: bytes


async def unpacked(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A gzip stream as it was; of several members all.

    Raises:
        ApiError: 400 it is none, or ends early.
    """
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    is_begun = False
    async for packed in stream:
        while packed:
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            is_begun = True
            try:
                yield unpacker.decompress(packed, _UNPACKED)
            except zlib.error as error:
                raise ApiError(400, "The body is not valid gzip") from error
            packed = unpacker.unconsumed_tail or unpacker.unused_data
    if is_begun and not unpacker.eof:
        raise ApiError(400, "The gzip stream ended early; what came before counts, send it again")


class Rows:
    """Divides a stream into rows, `header` apart (None: there is none). With `quoted` a row ends
    at the end of a line outside of quotes.
    """

    def __init__(self, stream: AsyncIterator[bytes], *, has_header: bool, quoted: bool) -> None:
        self._stream = stream
        self._has_header = has_header
        self._quoted = quoted
        self._digest = hashlib.sha256()
        self._line = 1
        self._count = 0
        self.header: bytes | None = None

    async def pages(self, at: int = 0) -> AsyncIterator[Page]:
        """Pages of rows; one ends at the row numbered so.

        Raises:
            Invalid: a line is too long, or a quote never ends.
        """
        rows: list[tuple[int, bytes]] = []
        size = 0
        async for line, row in self._rows():
            if self._has_header and self.header is None:
                self.header = row.removeprefix(b"\xef\xbb\xbf")
                self._digest.update(row + b"\n")
                continue
            self._digest.update(row + b"\n")
            self._count += 1
            rows.append((line, row))
            size += len(row)
            if len(rows) == _PAGE_ROWS or size > _PAGE_BYTES or self._count == at:
                yield Page(rows, self._count, self._digest.digest())
                rows, size = [], 0
        if rows:
            yield Page(rows, self._count, self._digest.digest())

    async def _rows(self) -> AsyncIterator[tuple[int, bytes]]:
        """Each with its line; empty ones are left out."""
        lines: list[bytes] = []
        size = quotes = 0
        async for line in self._lines():
            size += len(line) + bool(lines)
            lines.append(line)
            self._line += 1
            first = self._line - len(lines)
            if size > MAX_LINE:
                raise _too_long(first)
            quotes += line.count(b'"') if self._quoted else 0
            if quotes % 2:
                continue
            row = b"\n".join(lines)
            if row.strip():
                yield first, row
            lines, size, quotes = [], 0, 0
        if lines:
            message = Message(
                "Line {line}: the quote never ends", {"line": self._line - len(lines)}
            )
            raise Invalid(Problem(message, "file"))

    async def _lines(self) -> AsyncIterator[bytes]:
        rest = b""
        async for part in self._stream:
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r")
            if len(rest) > MAX_LINE:
                raise _too_long(self._line)
        if rest:
            yield rest.removesuffix(b"\r")


def _too_long(line: int) -> Invalid:
    message = Message(
        "Line {line} is longer than {most} KiB: it is no sample",
        {"line": line, "most": MAX_LINE // 1024},
    )
    return Invalid(Problem(message, "file"))

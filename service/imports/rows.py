"""Rows of a stream: unpacked, divided at the ends of lines, in pages; constant memory."""

import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import NamedTuple

from service.http.errors import ApiError
from sql.errors import Invalid, Problem
from sql.messages import Message

# A sample has at most some 10 KiB; what is longer is none.
MAX_LINE = 64 * 1024
# The first pages of a stream, and the largest: each is a transaction.
_PAGE_ROWS, _MOST_ROWS = 4000, 16_000
_PAGE_BYTES = 2 * 1024 * 1024
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
        # The lines so far of a row whose quote is still open.
        self._open: list[bytes] = []
        self._open_size = 0
        self.header: bytes | None = None

    async def pages(self, at: int = 0) -> AsyncIterator[Page]:
        """Pages of rows; one ends at the row numbered so.

        Raises:
            Invalid: a line is too long, or a quote never ends.
        """
        rows: list[tuple[int, bytes]] = []
        size, most = 0, _PAGE_ROWS
        async for lines in self._lines():
            for line, row in self._rows(lines):
                if self._has_header and self.header is None:
                    self.header = row.removeprefix(b"\xef\xbb\xbf")
                    self._digest.update(row + b"\n")
                    continue
                self._count += 1
                rows.append((line, row))
                size += len(row)
                if len(rows) == most or size > _PAGE_BYTES or self._count == at:
                    yield self._page(rows)
                    rows, size, most = [], 0, min(max(self._count, _PAGE_ROWS), _MOST_ROWS)
        self._check_whole()
        if rows:
            yield self._page(rows)

    def _page(self, rows: list[tuple[int, bytes]]) -> Page:
        """Rows that follow those before, which the digest is of so far."""
        self._digest.update(b"".join([row + b"\n" for _, row in rows]))
        return Page(rows, self._count, self._digest.digest())

    def _rows(self, lines: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
        """Each with its line; empty ones are left out. A quoted one may go on with later lines."""
        for line in lines:
            self._line += 1
            if self._open or len(line) > MAX_LINE or (self._quoted and line.count(b'"') % 2):
                yield from self._continued(line)
            elif line and not line.isspace():
                yield self._line - 1, line

    def _continued(self, line: bytes) -> Iterator[tuple[int, bytes]]:
        """The row that begins with that line or ends with it, where it does."""
        self._open_size += len(line) + bool(self._open)
        self._open.append(line)
        first = self._line - len(self._open)
        if self._open_size > MAX_LINE:
            raise _too_long(first)
        if line.count(b'"') % 2 == (len(self._open) > 1):
            yield first, b"\n".join(self._open)
            self._open, self._open_size = [], 0

    def _check_whole(self) -> None:
        if self._open:
            values = {"line": self._line - len(self._open)}
            raise Invalid(Problem(Message("Line {line}: the quote never ends", values), "file"))

    async def _lines(self) -> AsyncIterator[list[bytes]]:
        """Those that end in each part of the stream."""
        rest = b""
        async for part in self._stream:
            *lines, rest = (rest + part).split(b"\n")
            yield [line.removesuffix(b"\r") for line in lines]
            if len(rest) > MAX_LINE:
                raise _too_long(self._line)
        if rest:
            yield [rest.removesuffix(b"\r")]


def _too_long(line: int) -> Invalid:
    message = Message(
        "Line {line} is longer than {most} KiB: it is no sample",
        {"line": line, "most": MAX_LINE // 1024},
    )
    return Invalid(Problem(message, "file"))

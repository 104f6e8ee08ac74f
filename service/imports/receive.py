"""Receiving a stream: what is read of it is decoded while the rows before are stored."""

import asyncio
from collections.abc import Callable, Sequence

from service.access.caller import Caller
from service.imports.decode import CsvDecoder
from service.imports.rows import Page, Rows
from service.ingest.decode import decode_lines
from service.metrics.imports.receiving import MAX_REJECTED, Chunk
from service.metrics.imports.store import Begun, Format, begin, complete, leave
from service.metrics.ingest.sample import Decoded
from service.runtime.resources import Resources
from sql.errors import Conflict, Invalid, Problem
from sql.messages import Message

# So many rows of which none is a sample are no import.
_HOPELESS = 1000
_NAMED = 20

Decode = Callable[[Sequence[tuple[int, bytes]]], Decoded]


async def receive(
    resources: Resources, caller: Caller, import_key: str, form: Format, rows: Rows
) -> int:
    """Take the rows of a stream into the import of that key, from where it stands; its number.

    Raises:
        Conflict: it began with other rows, or another request goes on with it.
        Invalid: this is no file of samples, or too much of it is none.
        Busy, DatabaseError: as `Writer.submit` says.
    """
    begun = await begin(resources.pool, caller, import_key, form)
    stream = _Stream(resources, caller, begun, rows)
    try:
        count = await stream.take(form)
        if begun.batch_id is not None:
            await complete(resources.pool, caller, begun, count)
    except BaseException:
        # Whatever the reason, also where the client is gone: what was accepted counts.
        if begun.batch_id is not None:
            await asyncio.shield(stream.leave())
        raise
    return begun.import_id


class _Stream:
    """The rows of a request, behind those that were read before."""

    def __init__(self, resources: Resources, caller: Caller, begun: Begun, rows: Rows) -> None:
        self._resources = resources
        self._scope = caller.principal.scope
        self._begun = begun
        self._rows = rows
        self._rejected = 0
        self._storing: asyncio.Task[None] | None = None

    async def take(self, form: Format) -> int:
        """Every row; how many there are."""
        begun, count = self._begun, 0
        decode: Decode | None = None if form == "csv" else decode_lines
        async for page in self._rows.pages(begun.row_count):
            count = page.row_count
            if count <= begun.row_count:
                _check_same(page, begun)
                continue
            if begun.batch_id is None:
                raise _other_rows()
            if decode is None:
                decode = CsvDecoder(self._rows.header or b"").decode
            decoded = await asyncio.to_thread(decode, page.rows)
            _check_hope(decoded, page)
            if self._storing is not None:
                await self._storing
            chunk = Chunk(decoded, count - len(page.rows), count, page.digest)
            self._storing = asyncio.create_task(self._store(chunk))
        if self._storing is not None:
            await self._storing
        if count < begun.row_count:
            raise _other_rows()
        return count

    async def leave(self) -> None:
        """End early, behind the rows that are still being stored; whatever comes of these."""
        if self._storing is not None:
            await asyncio.gather(self._storing, return_exceptions=True)
        await leave(self._resources.pool, self._begun)

    async def _store(self, chunk: Chunk) -> None:
        receiver = self._resources.receiver
        self._rejected += await receiver.take(self._begun, chunk, self._scope)
        if self._rejected > MAX_REJECTED:
            values = {"most": MAX_REJECTED, "rows": chunk.row_count}
            message = Message("More than {most} rows were rejected; read up to row {rows}", values)
            raise Invalid(Problem(message, "file"))


def _check_same(page: Page, begun: Begun) -> None:
    if page.row_count == begun.row_count and page.digest != begun.digest:
        raise _other_rows()


def _check_hope(decoded: Decoded, page: Page) -> None:
    """Refuse a file of which the first rows are all none."""
    if page.row_count == len(page.rows) >= _HOPELESS and not decoded.samples:
        first = Problem(
            Message("None of the first {rows} rows is a sample", {"rows": page.row_count}), "file"
        )
        raise Invalid(first, *decoded.problems[:_NAMED])


def _other_rows() -> Conflict:
    return Conflict(Message("This X-Import-Id was used before with other rows"))

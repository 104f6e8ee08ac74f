"""Imports as they are kept: begun, found, listed, ended."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from psycopg.rows import DictRow

from service.access.caller import Caller
from sql.connections import Connection
from sql.database import Connections, Pool, connection, fetch_all, run
from sql.errors import Conflict, missing
from sql.messages import Message
from sql.scope import Scope

Format = Literal["ndjson", "csv"]
# Above every number of an import.
_FIRST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Begun:
    """An import, and the batch that a request brings to it; None where it was read to its end
    before. `row_count` rows with that `digest` were read by then.
    """

    import_id: int
    batch_id: int | None
    row_count: int
    digest: bytes | None


class ImportPage(NamedTuple):
    """Imports, newest first, and the number of the last where more follow."""

    rows: list[DictRow]
    next: int | None


class RejectedRow(NamedTuple):
    """Where the next page of rejections begins."""

    line: int
    place: int


async def begin(pool: Pool, caller: Caller, import_key: str, form: Format) -> Begun:
    """The import of that key, which is new or goes on; what another request still brings to it is
    not taken any more.

    Raises:
        Conflict: it began in another format.
    """
    scope = caller.principal.scope
    made = {
        "tenant": scope.tenant,
        "service_name": scope.service_name,
        "import_key": import_key,
        "actor": caller.principal.id,
        "format": form,
    }
    async with connection(pool) as conn, conn.transaction():
        if new := await run(conn, "insert_import", made):
            after = {"key": import_key, "format": form}
            await caller.record(conn, "import.begin", f"import:{new[0]['import_id']}", after=after)
        (locked,) = await run(conn, "lock_import", made)
        (found,) = await _imports(conn, scope, locked["import_id"])
        if found["format"] != form:
            raise Conflict(Message("This X-Import-Id was used before for another format"))
        return await _open(conn, found)


async def _open(conn: Connection, found: DictRow) -> Begun:
    batch_id = None
    if found["status"] in ("receiving", "interrupted"):
        await run(conn, "close_batches", found)
        (batch,) = await run(conn, "insert_batch", found)
        batch_id = batch["batch_id"]
    return Begun(found["import_id"], batch_id, found["row_count"], found["digest"])


async def complete(pool: Pool, caller: Caller, begun: Begun, row_count: int) -> None:
    """Every row was read: what is left are the figures.

    Raises:
        Conflict: another request goes on with it.
    """
    params = {"import_id": begun.import_id, "row_count": row_count}
    async with connection(pool) as conn, conn.transaction():
        await run(conn, "close_batches", params)
        rows = await run(conn, "complete_import", params)
        if not rows:
            raise taken_over()
        await caller.record(conn, "import.end", f"import:{begun.import_id}", after=rows[0])


async def leave(pool: Pool, begun: Begun) -> None:
    """The request ended early: what it brought counts, and another may go on. An import of which
    nothing was taken never was.
    """
    params = {"import_id": begun.import_id}
    async with connection(pool) as conn, conn.transaction():
        await run(conn, "close_batch", {"batch_id": begun.batch_id})
        await run(conn, "discard_import", params)


async def find_import(reads: Connections, scope: Scope, import_id: int) -> DictRow:
    """That import.

    Raises:
        NotFound: there is none in scope.
    """
    rows = await fetch_all(reads, "imports", _params(scope, import_id))
    if not rows:
        raise missing("import", import_id)
    return rows[0]


async def list_imports(
    reads: Connections, scope: Scope, *, before: int | None = None, limit: int = 100
) -> ImportPage:
    """Up to `limit` imports in scope, newest first, that began before the one numbered so."""
    params = _params(scope, None) | {"before": before or _FIRST, "limit": limit + 1}
    rows = await fetch_all(reads, "imports", params)
    page = rows[:limit]
    return ImportPage(page, page[-1]["import_id"] if len(rows) > len(page) else None)


async def rejections(
    reads: Connections, import_id: int, after: RejectedRow, limit: int
) -> list[DictRow]:
    """What was rejected of an import and why, from the start of the file on."""
    params = {"import_id": import_id, **after._asdict(), "limit": limit}
    return await fetch_all(reads, "rejections", params)


def taken_over() -> Conflict:
    """Of a request whose import another one goes on with."""
    return Conflict(Message("Another request goes on with this import"))


async def _imports(conn: Connection, scope: Scope, import_id: int) -> list[DictRow]:
    return await run(conn, "imports", _params(scope, import_id))


def _params(scope: Scope, import_id: int | None) -> dict[str, object]:
    return {
        "tenant": scope.tenant,
        "only_service": scope.service_name,
        "import_id": import_id,
        "before": _FIRST,
        "limit": 1,
    }

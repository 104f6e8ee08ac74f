"""Names for the values of labels: kept in the database, in memory as they are now."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.access.tenants import no_such_tenant
from sql.database import Pool, connection, fetch_all, run
from sql.errors import Invalid, NotFound, Problem, on_violation
from sql.messages import Message
from sql.scope import Scope
from sql.snapshot import Snapshot
from sql.vocabulary import LABELS

# By label and value.
Names = Mapping[tuple[str, str], str]


class _Known(NamedTuple):
    """Names by tenant, and the state of the table that they are of."""

    state: DictRow | None
    names: Mapping[str, Names]


class LabelNames:
    """Reads and changes names, for whoever runs `reload` every few seconds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known = Snapshot(self._read, _Known(None, {}))

    async def reload(self) -> None:
        """Read them as they are now, changed here or in another process."""
        await self._known.reload()

    def of(self, tenant: str) -> Names:
        """A tenant's, as they were read last."""
        return self._known.value.names.get(tenant, {})

    async def rows(
        self, scope: Scope, label: str, limit: int, after: str | None = None
    ) -> Sequence[DictRow]:
        """Those of a label in the order of their values, from behind one on."""
        params = {**scope.params, "label": label, "limit": limit, "after": after}
        return await fetch_all(self._pool, "label_names", params)

    async def put(self, caller: Caller, label: str, value: str, name: str) -> DictRow:
        """Name a value, whether there are samples of it or not. It is shown so at once here,
        elsewhere within seconds; the audit log notes it.

        Raises:
            Invalid: the label is none of any metric.
        """
        values = _values(caller, label, value) | {"name": name, "author": caller.principal.id}
        async with connection(self._pool) as conn, conn.transaction():
            (dimension,) = await run(conn, "is_dimension", values)
            if label not in LABELS and not dimension["found"]:
                message = Message("'{name}' is no label and no dimension", {"name": label})
                raise Invalid(Problem(message, "label"))
            before = await run(conn, "label_name", values)
            with on_violation("label_name_tenant_fkey", no_such_tenant(caller.tenant)):
                (row,) = await run(conn, "put_label_name", values)
            target, after = _target(label, value), _noted([row])
            await caller.record(conn, "label.name", target, before=_noted(before), after=after)
        await self.reload()
        return row

    async def remove(self, caller: Caller, label: str, value: str) -> DictRow:
        """The name that a value had until now.

        Raises:
            NotFound: it has none.
        """
        async with connection(self._pool) as conn, conn.transaction():
            rows = await run(conn, "delete_label_name", _values(caller, label, value))
            if not rows:
                raise NotFound(Message("{value} has no name", {"value": value}))
            await caller.record(
                conn, "label.unname", _target(label, value), before=_noted(rows), after=None
            )
        await self.reload()
        return rows[0]

    async def _read(self) -> _Known:
        (state,) = await fetch_all(self._pool, "label_names_state")
        if state == self._known.value.state:
            return self._known.value
        found: dict[str, dict[tuple[str, str], str]] = {}
        for row in await fetch_all(self._pool, "every_label_name"):
            found.setdefault(row["tenant"], {})[row["label"], row["value"]] = row["name"]
        return _Known(state, found)


def _values(caller: Caller, label: str, value: str) -> dict[str, Any]:
    return {"tenant": caller.tenant, "label": label, "value": value}


def _target(label: str, value: str) -> str:
    return f"label:{label}:{value}"


def _noted(rows: Sequence[DictRow]) -> dict[str, Any] | None:
    return {"name": rows[0]["name"]} if rows else None

"""Keeping dashboards, each checked whole. Each call is one transaction."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from service.access.caller import Caller
from service.dashboards.layout import free_id, with_panel
from service.dashboards.models import DashboardIn
from service.http.validation import problems_of
from service.panels.config import DashboardConfig, Panel
from sql.database import Pool, connection, fetch_all, run
from sql.errors import Conflict, Invalid, Problem, missing, on_violation
from sql.messages import Message

# The columns that are edited and audited.
_EDITED = ("name", "description", "config")

# The columns that change, given what they are while nobody else can change them.
Edit = Callable[[Mapping[str, Any]], Mapping[str, Any]]


async def list_dashboards(pool: Pool, tenant: str) -> list[DictRow]:
    """Every dashboard of the tenant, newest first."""
    return await fetch_all(pool, "list_dashboards", {"tenant": tenant})


async def find_dashboard(pool: Pool, tenant: str, number: int) -> DictRow:
    """One dashboard.

    Raises:
        NotFound: the tenant has none of that id.
    """
    rows = await fetch_all(pool, "dashboard", {"tenant": tenant, "dashboard_id": number})
    if not rows:
        raise missing("dashboard", number)
    return rows[0]


async def create_dashboard(pool: Pool, caller: Caller, values: Mapping[str, Any]) -> DictRow:
    """The new row; `values` are name, description and config.

    Raises:
        Invalid: they are no dashboard.
        Conflict: another one has the name.
    """
    checked = _checked(values)
    params = _params(checked) | {"tenant": caller.tenant, "actor": caller.principal.id}
    async with connection(pool) as conn, conn.transaction():
        with _name_taken(checked):
            (row,) = await run(conn, "insert_dashboard", params)
        await caller.record(conn, "dashboard.create", _target(row), after=_edited(row))
        return row


async def change_dashboard(pool: Pool, caller: Caller, number: int, edit: Edit) -> DictRow:
    """The row as `edit` changes it; what `edit` raises changes nothing.

    Raises:
        NotFound: there is none of that id.
        Invalid, Conflict: as `create_dashboard`.
    """
    one = {"tenant": caller.tenant, "dashboard_id": number}
    async with connection(pool) as conn, conn.transaction():
        found = await run(conn, "dashboard_for_update", one)
        if not found:
            raise missing("dashboard", number)
        before = _edited(found[0])
        changes = edit(before)
        checked = _checked({**before, **changes})
        params = _params({**before, **{name: checked[name] for name in changes}})
        with _name_taken(checked):
            (row,) = await run(
                conn, "update_dashboard", params | one | {"actor": caller.principal.id}
            )
        target, after = _target(row), _edited(row)
        await caller.record(conn, "dashboard.update", target, before=before, after=after)
        return row


async def delete_dashboard(pool: Pool, caller: Caller, number: int) -> DictRow:
    """The row that is gone; links to it end.

    Raises:
        NotFound: there was none.
    """
    one = {"tenant": caller.tenant, "dashboard_id": number}
    async with connection(pool) as conn, conn.transaction():
        rows = await run(conn, "delete_dashboard", one)
        if not rows:
            raise missing("dashboard", number)
        target, before = _target(rows[0]), _edited(rows[0])
        await caller.record(conn, "dashboard.delete", target, before=before)
        return rows[0]


async def add_panel(pool: Pool, caller: Caller, number: int, panel: Panel) -> DictRow:
    """The dashboard with another panel, whose id is made one that no other has.

    Raises:
        NotFound, Invalid: as `change_dashboard`.
    """

    def edit(before: Mapping[str, Any]) -> Mapping[str, Any]:
        config = DashboardConfig.model_validate(before["config"])
        added = panel.model_copy(update={"id": free_id(config, panel.id)})
        return {"config": with_panel(config, added).model_dump(mode="json")}

    return await change_dashboard(pool, caller, number, edit)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return DashboardIn.model_validate(values).model_dump(mode="json")
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error


def _params(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "config": Jsonb(values["config"])}


def _target(row: DictRow) -> str:
    return f"dashboard:{row['dashboard_id']}"


def _edited(row: DictRow) -> dict[str, Any]:
    return {name: row[name] for name in _EDITED}


def _name_taken(values: Mapping[str, Any]) -> AbstractContextManager[None]:
    message = Message("There is another dashboard named {name}", {"name": values["name"]})
    taken = Conflict(message, [Problem(message, "name")])
    return on_violation("dashboard_tenant_name_key", taken)

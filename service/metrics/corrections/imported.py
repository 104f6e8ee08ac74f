"""Corrections of imported samples, whose figures are not computed from samples by a refresh."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from alerts.changes import Change, note_changes
from sql.connections import Connection
from sql.database import run
from sql.statements import imported_of, query
from sql.vocabulary import Frequency


async def imported_age(conn: Connection, frequency: Frequency, now: datetime) -> timedelta:
    """How old an imported sample may be at most to be corrected: all finer figures of its month
    are kept.
    """
    (row,) = await run(conn, "imported_since", {"frequency": frequency})
    since: datetime | None = row["since"]
    return timedelta.max if since is None else now - since


async def keep_base(conn: Connection, frequency: Frequency, params: Mapping[str, object]) -> None:
    """To be called before imported samples of `series` from `since` to `until` are voided: keeps
    aside what figures have beside them.
    """
    await run(conn, "keep_imported_base", {"frequency": frequency, **params})


async def count_voided(
    conn: Connection, frequency: Frequency, params: Mapping[str, object]
) -> None:
    """Compute figures again where imported samples were voided: from `since` to `until`, of
    `series` at `instants`.
    """
    await run(conn, "count_voided", {"frequency": frequency, **params})


async def note_voided(
    conn: Connection, params: Mapping[str, object], row: Mapping[str, datetime]
) -> None:
    """Note that samples of the `metric_name` of a `tenant` were voided from `since` to `until`."""
    tenant, name = str(params["tenant"]), str(params["metric_name"])
    await note_changes(conn, [Change(tenant, name, row["since"], row["until"])])


async def void_imported(
    conn: Connection, frequency: Frequency, params: Mapping[str, object]
) -> int:
    """Void the imported samples of `series`, which are of the `metric_name` of a `tenant`, from
    `since` to before `before`; how many they were.
    """
    extent = query("extent_of_imported").format(samples=imported_of(frequency))
    (found,) = await run(conn, extent, params)
    if found["since"] is None:
        return 0
    await keep_base(conn, frequency, {**params, **found})
    statement = query("void_imported").format(samples=imported_of(frequency))
    (row,) = await run(conn, statement, params)
    await count_voided(conn, frequency, row)
    await run(conn, "await_refresh", {"frequency": frequency, **row})
    await note_voided(conn, params, row)
    return int(row["number"])

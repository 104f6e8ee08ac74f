"""Keeping targets of metrics that are known, with filters that they have."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.metrics.query.selection import select
from service.metrics.targets import store
from service.runtime.resources import Resources
from sql.scope import Scope


async def create(resources: Resources, caller: Caller, values: Mapping[str, Any]) -> DictRow:
    """The new row.

    Raises:
        NotFound: there is no such metric.
        Invalid: it has no such dimension.
        Conflict: another target has the name.
    """
    await _check(resources, caller.principal.scope, values["metric_name"], values["filters"])
    return await store.create_target(resources.pool, caller, values)


async def change(
    resources: Resources, caller: Caller, number: int, changes: Mapping[str, Any]
) -> DictRow:
    """The row as it is changed.

    Raises:
        NotFound: there is no such target, or metric.
        Invalid, Conflict: as `create`.
    """
    scope = caller.principal.scope
    values = await store.find_target(resources.pool, scope, number) | dict(changes)
    await _check(resources, scope, values["metric_name"], values["filters"])
    return await store.change_target(resources.pool, caller, number, changes)


async def remove(resources: Resources, caller: Caller, number: int) -> DictRow:
    """The row that is gone.

    Raises:
        NotFound: there was none.
    """
    return await store.delete_target(resources.pool, caller, number)


async def _check(
    resources: Resources, scope: Scope, metric_name: str, filters: Mapping[str, str]
) -> None:
    metric = await resources.catalog.entry(scope, metric_name)
    await resources.catalog.check_known(scope, metric)
    select(scope, metric, dict(filters))

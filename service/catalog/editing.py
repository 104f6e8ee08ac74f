"""Editing the catalogue, with what this process keeps in memory of it."""

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.metrics.catalog import CatalogChange
from service.metrics.derived.defining import Definition, define_metric
from service.runtime.resources import Resources


async def define_derived(
    resources: Resources, caller: Caller, metric_name: str, definition: Definition
) -> DictRow:
    """The entry of a derived metric, which counts at once.

    Raises:
        Invalid, Conflict, Forbidden: as `define_metric`.
    """
    row = await define_metric(resources.pool, caller, metric_name, definition)
    await _renew(resources, caller, metric_name)
    return row


async def change_metric(
    resources: Resources, caller: Caller, metric_name: str, change: CatalogChange
) -> DictRow:
    """The entry as it is after a change, which counts at once.

    Raises:
        NotFound: there is no such metric in scope.
    """
    row = await resources.catalog.change(caller, metric_name, change)
    await _renew(resources, caller, metric_name)
    return row


async def _renew(resources: Resources, caller: Caller, metric_name: str) -> None:
    metric = caller.tenant, metric_name
    resources.catalog.forget([metric])
    await resources.series.reload()
    resources.aggregates.forget([metric])

"""Editing the catalogue, with what this process keeps in memory of it."""

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.metrics.catalog import CatalogChange
from service.runtime.resources import Resources


async def change_metric(
    resources: Resources, caller: Caller, metric_name: str, change: CatalogChange
) -> DictRow:
    """The entry as it is after a change, which counts at once.

    Raises:
        NotFound: there is no such metric in scope.
    """
    row = await resources.catalog.change(caller, metric_name, change)
    await resources.series.reload()
    resources.aggregates.forget([(caller.tenant, metric_name)])
    return row

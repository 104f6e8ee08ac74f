"""The values that filters can have."""

from collections.abc import Sequence

from sql.database import Pool, fetch_all
from sql.scope import Scope


async def label_values(
    pool: Pool, scope: Scope, metrics: Sequence[str], names: Sequence[str]
) -> dict[str, list[str]]:
    """By name of a label or dimension, its values among the series of those metrics; up to
    500 of each.
    """
    params = {
        "tenant": scope.tenant,
        "only_service": scope.service_name,
        "metrics": list(metrics),
        "names": list(names),
    }
    found: dict[str, list[str]] = {name: [] for name in names}
    for row in await fetch_all(pool, "label_values", params):
        found[row["name"]].append(row["value"])
    return found

"""The values that filters can have."""

import re
from collections.abc import Sequence

from sql.database import Pool, fetch_all
from sql.scope import Scope

# As the query has it.
MOST_VALUES = 500
_SPECIAL = re.compile(r"[\\%_]")


async def label_values(
    pool: Pool, scope: Scope, metrics: Sequence[str], names: Sequence[str], search: str = ""
) -> dict[str, list[str]]:
    """By name of a label or dimension, its values among the series of those metrics that contain a
    text; in alphabetical order the first `MOST_VALUES` of each.
    """
    params = {
        "tenant": scope.tenant,
        "only_service": scope.service_name,
        "metrics": list(metrics),
        "names": list(names),
        "pattern": f"%{_SPECIAL.sub(_escaped, search)}%",
    }
    found: dict[str, list[str]] = {name: [] for name in names}
    for row in await fetch_all(pool, "label_values", params):
        found[row["name"]].append(row["value"])
    return found


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"

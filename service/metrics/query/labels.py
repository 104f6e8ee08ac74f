"""The values that filters can have."""

import re
from collections.abc import Iterable, Mapping, Sequence

from sql.database import Pool, fetch_all
from sql.scope import Scope

# As the query has it.
MOST_VALUES = 500
_SPECIAL = re.compile(r"[\\%_]")


async def label_values(
    pool: Pool,
    scope: Scope,
    metrics: Sequence[str],
    names: Sequence[str],
    search: str = "",
    also: Sequence[str] = (),
) -> dict[str, list[str]]:
    """By name of a label or dimension, its values among the series of those metrics that contain a
    text or are among `also`; in alphabetical order the first `MOST_VALUES` of each.
    """
    params = {**scope.params, "metrics": list(metrics), "names": list(names), "also": list(also)}
    rows = await fetch_all(pool, "label_values", params | {"pattern": pattern_of(search)})
    return by_name(rows, names)


def pattern_of(search: str) -> str:
    """What texts that contain that one are like."""
    return f"%{_SPECIAL.sub(_escaped, search)}%"


def by_name(rows: Iterable[Mapping[str, str]], names: Sequence[str]) -> dict[str, list[str]]:
    """The values of each name."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        found[row["name"]].append(row["value"])
    return found


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"

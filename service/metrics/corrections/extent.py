"""The extent of some series: how many samples they have, and since when there are figures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from psycopg import sql
from psycopg.rows import DictRow

from service.metrics.ingest.closed import Late
from sql.connections import Connection
from sql.database import run
from sql.statements import array_of, query, samples_of
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency, Level

# Of rollups that outlive all others.
_LENGTHS: Mapping[Level, str] = {"day": "1 day", "month": "1 month"}


async def number_of_samples(conn: Connection, series: Iterable[DictRow]) -> int:
    """How many samples are kept; rows have `series_id` and `frequency`."""
    number = 0
    for frequency, ids in _by_frequency(series).items():
        statement = query("count_samples_of").format(samples=samples_of(frequency))
        number += (await run(conn, statement, {"series": array_of(ids)}))[0]["number"]
    return number


async def oldest_figures(conn: Connection, tenant: str, series: Sequence[DictRow]) -> list[Late]:
    """The oldest figures of each type of metric of which any period is closed; rows have
    `metric_type`, too.
    """
    closed = await run(conn, "closes", {"tenant": tenant})
    late = []
    for metric_type in {row["metric_type"] for row in closed}:
        of_type = [row for row in series if row["metric_type"] == metric_type]
        instants = [
            instant
            for frequency, ids in _by_frequency(of_type).items()
            for instant in await _first_instants(conn, frequency, array_of(ids))
        ]
        if instants:
            late.append(Late(tenant, metric_type, min(instants)))
    return late


async def _first_instants(conn: Connection, frequency: Frequency, series: str) -> list[datetime]:
    """Of samples, and of rollups, which outlive them."""
    statements = [query("oldest_sample_of").format(samples=samples_of(frequency))]
    for level in LEVELS[frequency]:
        if level in _LENGTHS:
            rollup = sql.Identifier("fature", f"rollup_{frequency}_{level}")
            length = sql.Literal(_LENGTHS[level])
            statements.append(query("oldest_bucket_of").format(rollup=rollup, length=length))
    found = [(await run(conn, one, {"series": series}))[0]["oldest"] for one in statements]
    return [instant for instant in found if instant is not None]


def _by_frequency(rows: Iterable[DictRow]) -> dict[Frequency, list[int]]:
    rows = list(rows)
    found: dict[Frequency, list[int]] = {
        frequency: [row["series_id"] for row in rows if row["frequency"] == frequency]
        for frequency in FREQUENCIES
    }
    return {frequency: series for frequency, series in found.items() if series}

"""Sources in the database: how far each is counted, decided and noted in the transaction that
stores the samples.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from service.metrics.ingest.prepare import Submission, copy_row
from service.metrics.ingest.readings import Progress, Reading, by_source, settle
from service.metrics.ingest.sample import instant_of
from sql.connections import Connection
from sql.database import run
from sql.statements import query, samples_of
from sql.vocabulary import FREQUENCIES, Frequency

_STORED_BEFORE = {
    frequency: query("stored_before").format(relation=samples_of(frequency))
    for frequency in FREQUENCIES
}


async def count_readings(
    conn: Connection, submissions: Sequence[Submission]
) -> dict[str, list[bytes]]:
    """Rows for COPY of the readings that count, by frequency. Their sources are locked until the
    transaction ends, so that no other process counts the same ones meanwhile.
    """
    readings = by_source(chain.from_iterable(one.readings for one in submissions))
    if not readings:
        return {}
    await run(conn, "set_lock_timeout")
    settled = settle(readings, await _locked(conn, list(readings)))
    counted = settled.counted + [(one, one.value) for one in await _new(conn, settled.doubtful)]
    if settled.progress:
        await run(conn, "update_sources", _columns(settled.progress))
    rows: dict[str, list[bytes]] = {}
    for one, value in counted:
        row = copy_row(one.ts, one.id, one.series_id, value, one.metadata)
        if one.frequency in rows:
            rows[one.frequency].append(row)
        else:
            rows[one.frequency] = [row]
    return rows


async def _locked(conn: Connection, sources: Sequence[str]) -> dict[str, Progress]:
    """How far each was counted, where any of it was; nobody else counts them now."""
    found = await _lock(conn, sources)
    if missing := [source for source in sources if source not in found]:
        await run(conn, "insert_sources", {"sources": missing})
        # Another process may have made them, and gone on.
        found |= await _lock(conn, missing)
    return {source: progress for source, progress in found.items() if progress is not None}


async def _lock(conn: Connection, sources: Sequence[str]) -> dict[str, Progress | None]:
    rows = await run(conn, "lock_sources", {"sources": list(sources)})
    return {
        sources[row["place"] - 1]: None
        if row["newest"] is None
        else Progress(row["newest"], row["value"], row["started"])
        for row in rows
    }


async def _new(conn: Connection, readings: Sequence[Reading]) -> list[Reading]:
    """Those that are not stored yet."""
    by_frequency: dict[Frequency, list[Reading]] = {}
    for reading in readings:
        by_frequency.setdefault(reading.frequency, []).append(reading)
    new: list[Reading] = []
    for frequency, some in by_frequency.items():
        instants = [instant_of(one.ts) for one in some]
        params = {
            "series_id": [one.series_id for one in some],
            "ts": instants,
            "metadata": [one.metadata[1:].decode() if one.metadata else None for one in some],
            "first": min(instants),
            "last": max(instants),
        }
        rows = await run(conn, _STORED_BEFORE[frequency], params)
        stored = {row["place"] - 1 for row in rows}
        new += [one for place, one in enumerate(some) if place not in stored]
    return new


def _columns(progress: Mapping[str, Progress]) -> dict[str, list[object]]:
    states = progress.values()
    return {
        "sources": list(progress),
        "newest": [one.newest for one in states],
        "value": [one.value for one in states],
        "started": [one.started for one in states],
    }

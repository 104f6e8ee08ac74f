"""Changes of figures that alert events may have been decided by: noted in the transaction that
makes them, so that the leader decides again whatever happens in between.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sql.database import Connection, run

_EVER = "-infinity", "infinity"


class Change(NamedTuple):
    """Figures of a metric from one instant to another, both in it; None reaches without end."""

    tenant: str
    metric_name: str
    since: datetime | None = None
    until: datetime | None = None


async def note_changes(conn: Connection, changes: Sequence[Change]) -> None:
    """To be called in the transaction that changes figures."""
    if not changes:
        return
    params = {
        "tenants": [one.tenant for one in changes],
        "metric_names": [one.metric_name for one in changes],
        "since": [_text(one.since, _EVER[0]) for one in changes],
        "until": [_text(one.until, _EVER[1]) for one in changes],
    }
    await run(conn, "note_figure_changes", params)


def _text(instant: datetime | None, otherwise: str) -> str:
    return otherwise if instant is None else instant.astimezone(UTC).isoformat()

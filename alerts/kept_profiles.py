"""Profiles and what was expected, kept in the database: every process and replica has the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.expectation.sensitivity import SENSITIVITIES
from sql.calendar import LongPeriod
from sql.connections import Connection
from sql.database import run
from sql.vocabulary import Aggregation


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What something is expected of: the values of a selection by period of `zone`. `filters` are
    labels, `dimensions` those of the metric; special days are those of `country`.
    """

    tenant: str
    metric_name: str
    aggregation: Aggregation
    period: LongPeriod
    zone: str
    filters: Mapping[str, str]
    dimensions: Mapping[str, str]
    country: str = ""

    @property
    def key(self) -> str:
        """The same for equal ones."""
        parts = [getattr(self, name) for name in _PLAIN]
        parts += [sorted(self.filters.items()), sorted(self.dimensions.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


_PLAIN = ("tenant", "metric_name", "aggregation", "period", "zone", "country")


@dataclass(frozen=True, slots=True)
class Kept:
    """A profile as JSON, which holds from `valid_from` on; the unit of its values."""

    expectation_id: int
    profile: Mapping[str, Any]
    valid_from: datetime
    fitted_at: datetime
    asked_at: datetime
    unit: str | None


@dataclass(frozen=True, slots=True)
class Rows:
    """What is expected by period, in columns; edges by sensitivity (low, medium, high)."""

    starts: Sequence[datetime]
    expected: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    below: Sequence[Sequence[float | None]]
    above: Sequence[Sequence[float | None]]


async def kept_profiles(conn: Connection, keys: Iterable[str]) -> dict[str, Kept]:
    """Those that are kept, by the key of their subject."""
    rows = await run(conn, "kept_expectations", {"keys": list(keys)})
    return {
        row["selection_key"]: Kept(**{n: row[n] for n in row if n != "selection_key"})
        for row in rows
    }


async def keep(
    conn: Connection,
    subject: Subject,
    profile: Mapping[str, Any],
    unit: str | None,
    valid_from: datetime,
    rows: Rows,
    since: datetime,
    now: datetime,
) -> None:
    """Keep a profile and what was expected before it; rows of periods before `since` stay as they
    are where there are any.
    """
    params = {
        **{name: getattr(subject, name) for name in _PLAIN},
        "selection_key": subject.key,
        "filters": json.dumps(dict(subject.filters)),
        "dimensions": json.dumps(dict(subject.dimensions)),
        "unit": unit,
        "profile": json.dumps(profile),
        "valid_from": valid_from,
        "now": now,
    }
    async with conn.transaction():
        (kept,) = await run(conn, "keep_expectation", params)
        columns = {
            "buckets": rows.starts,
            **{name: getattr(rows, name) for name in ("expected", "lower", "upper")},
            **{
                f"{side}_{name}": [edges[number] for edges in getattr(rows, side)]
                for side in ("below", "above")
                for number, name in enumerate(SENSITIVITIES)
            },
        }
        ids = {"expectation_id": kept["expectation_id"], "since": since}
        await run(conn, "keep_expected", {**columns, **ids})

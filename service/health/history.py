"""Health reports of services: the newest, those of a range, and availability."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow

from service.metrics.metadata import metadata_json
from sql.database import Connections, Pool, fetch_all
from sql.errors import Forbidden
from sql.messages import Message
from sql.scope import Scope

STALE_AFTER = timedelta(minutes=5)
STATUSES = ("healthy", "degraded", "unhealthy")


@dataclass(frozen=True, slots=True)
class Range:
    """The reports of one service of a tenant (None: of all of them) from `since` to before
    `before`.
    """

    tenant: str
    service_name: str | None
    since: datetime
    before: datetime

    @property
    def params(self) -> dict[str, Any]:
        """As parameters of queries."""
        names = ("tenant", "service_name", "since", "before")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time and the seconds that a service was in each status."""

    start: datetime
    seconds: Mapping[str, float]

    @property
    def ratio(self) -> float | None:
        """Healthy and degraded over what is known; None where nothing is."""
        return ratio_of(self.seconds)

    @property
    def status(self) -> str | None:
        """The worst that was reported; None where nothing was."""
        return next((status for status in reversed(STATUSES) if self.seconds.get(status)), None)


async def record(
    pool: Pool, scope: Scope, report: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Store a report of a service; the report and its `timestamp`.

    Raises:
        Forbidden: of another service than the scope's.
        Invalid: metadata that cannot be stored.
    """
    own = scope.service_name
    if own not in (None, report["service_name"]):
        raise Forbidden(Message("This key reports for {service} only", {"service": own or ""}))
    metadata = report["metadata"]
    stored = {"metadata": None if metadata is None else metadata_json(metadata).decode()}
    params = {**report, **stored, "ts": now, "tenant": scope.tenant}
    await fetch_all(pool, "insert_health_report", params)
    return {**report, "timestamp": now}


async def latest(connections: Connections, scope: Scope, now: datetime) -> list[dict[str, Any]]:
    """The newest report of every service in scope, its age in seconds and whether it is
    stale: older than five minutes.
    """
    params = {"tenant": scope.tenant, "only_service": scope.service_name}
    rows = await fetch_all(connections, "latest_health_reports", params)
    return [_with_age(row, now) for row in rows]


async def reports(
    connections: Connections, within: Range, cursor: datetime | None, limit: int
) -> list[DictRow]:
    """Reports before `cursor`, newest first, up to one more than `limit`."""
    page = {"cursor": cursor or "infinity", "limit": limit + 1}
    return await fetch_all(connections, "health_history", within.params | page)


async def summary(connections: Connections, within: Range) -> dict[str, float | None]:
    """Seconds by status in a range; `ratio` as of a `Segment`."""
    rows = await fetch_all(connections, "health_seconds", within.params)
    seconds = {row["status"]: row["seconds"] for row in rows}
    ratio, known = ratio_of(seconds), sum(seconds.values())
    span = (within.before - within.since).total_seconds()
    return {
        "ratio": None if ratio is None else round(ratio, 6),
        **{f"{status}_seconds": round(seconds.get(status, 0.0), 3) for status in STATUSES},
        "unknown_seconds": round(max(span - known, 0.0), 3),
    }


async def segments(
    connections: Connections, within: Range, width: timedelta
) -> dict[str, list[Segment]]:
    """By service, every stretch of `width` of the range, oldest first."""
    rows = await fetch_all(connections, "health_segments", within.params | {"width": width})
    found: dict[str, dict[datetime, dict[str, float]]] = {}
    for row in rows:
        of_service = found.setdefault(row["service_name"], {})
        of_service.setdefault(row["start"], {})[row["status"]] = row["seconds"]
    starts = _starts(within, width)
    return {
        name: [Segment(start, by_start.get(start, {})) for start in starts]
        for name, by_start in found.items()
    }


async def figures(
    connections: Connections, within: Range, width: timedelta
) -> list[dict[str, Any]]:
    """Means of response time (ms), error rate, CPU and memory (0 to 1) of every stretch of
    `width`, oldest first; None where nothing was reported.
    """
    rows = await fetch_all(connections, "health_figures", within.params | {"width": width})
    known = {row["start"]: row for row in rows}
    nothing = dict.fromkeys(("response_time_ms", "error_rate", "cpu_usage", "memory_usage"))
    return [{"start": start, **known.get(start, nothing)} for start in _starts(within, width)]


def availability(of_service: Iterable[Segment]) -> float | None:
    """Healthy and degraded over what is known of several segments; None where nothing is."""
    total: dict[str, float] = {}
    for segment in of_service:
        for status, seconds in segment.seconds.items():
            total[status] = total.get(status, 0.0) + seconds
    return ratio_of(total)


def ratio_of(seconds: Mapping[str, float]) -> float | None:
    """Seconds healthy or degraded over all that are known."""
    known = sum(seconds.values())
    return (known - seconds.get("unhealthy", 0.0)) / known if known else None


def _starts(within: Range, width: timedelta) -> Sequence[datetime]:
    count = -(-(within.before - within.since) // width)
    return [within.since + number * width for number in range(count)]


def _with_age(row: DictRow, now: datetime) -> dict[str, Any]:
    age = now - row["timestamp"]
    seconds = round(age.total_seconds(), 3)
    return {**row, "age_seconds": seconds, "stale": age > STALE_AFTER}

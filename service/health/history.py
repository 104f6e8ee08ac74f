"""Health reports of services: the newest, those of a range, and availability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class Course:
    """How a service was in a range, stretch by stretch, oldest first. It is expected to report
    from `since` on: the start of the range, or its first report ever.
    """

    segments: Sequence[Segment]
    since: datetime

    @property
    def seconds(self) -> dict[str, float]:
        """Those in each status."""
        return {
            status: sum(segment.seconds.get(status, 0.0) for segment in self.segments)
            for status in STATUSES
        }

    @property
    def availability(self) -> float | None:
        """Healthy and degraded over what is known; None where nothing is."""
        return ratio_of(self.seconds)

    def unknown(self, until: datetime) -> float:
        """The share of the time up to then, since it is expected to report, that it was silent."""
        expected = (until - self.since).total_seconds()
        return max(1 - sum(self.seconds.values()) / expected, 0.0) if expected > 0 else 0.0


SILENT = Course((), datetime.min.replace(tzinfo=UTC))


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


async def courses(
    connections: Connections, within: Range, width: timedelta | None = None
) -> dict[str, Course]:
    """By service, how each that reported was, in stretches of `width` or in one."""
    width = width or within.before - within.since
    if width <= timedelta():
        return {}
    rows = await fetch_all(connections, "health_segments", within.params | {"width": width})
    found: dict[str, dict[datetime, dict[str, float]]] = {}
    since: dict[str, datetime] = {}
    for row in rows:
        of_service = found.setdefault(row["service_name"], {})
        of_service.setdefault(row["start"], {})[row["status"]] = row["seconds"]
        since[row["service_name"]] = row["first"]
    known = await fetch_all(connections, "services_before", within.params | {"names": list(found)})
    since |= {row["name"]: within.since for row in known}
    starts = _starts(within, width)
    return {
        name: Course([Segment(start, by_start.get(start, {})) for start in starts], since[name])
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

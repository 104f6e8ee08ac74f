"""Alert events beside figures."""

from collections.abc import Sequence

from psycopg.rows import DictRow

from alerts.events import Status, list_events
from alerts.registry import Reach
from service.query.ranges import Span
from service.resources import Resources
from service.scope import Scope

MAX_MARKS = 100


async def events_of(
    resources: Resources, scope: Scope, metric_name: str, span: Span
) -> Sequence[DictRow]:
    """The events of a metric that were opened in a range, newest first."""
    return await _events(resources, scope, MAX_MARKS, metric_name=metric_name, span=span)


async def latest_events(
    resources: Resources, scope: Scope, status: Status | None, limit: int
) -> Sequence[DictRow]:
    """The newest events, those that are open first where no status is given."""
    if status:
        return await _events(resources, scope, limit, status=status)
    rows = list(await _events(resources, scope, limit, status="open"))
    if len(rows) < limit:
        known = {row["event_id"] for row in rows}
        newest = await _events(resources, scope, limit)
        rows += [row for row in newest if row["event_id"] not in known]
    return rows[:limit]


async def _events(
    resources: Resources,
    scope: Scope,
    limit: int,
    *,
    status: Status | None = None,
    metric_name: str | None = None,
    span: Span | None = None,
) -> Sequence[DictRow]:
    filters = {
        "status": status,
        "severity": None,
        "rule_id": None,
        "metric_name": metric_name,
        "since": span.since if span else "-infinity",
        "before": span.before if span else "infinity",
    }
    reach = Reach(scope.tenant, scope.service_name)
    rows = await list_events(resources.read_pool, reach, filters, None, limit)
    return rows[:limit]

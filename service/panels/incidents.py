"""Alert events and annotations beside figures."""

from collections.abc import Collection, Sequence

from psycopg.rows import DictRow

from alerts.events import Filters, list_events
from service.metrics.annotations import AnnotationFilters, list_annotations
from service.metrics.query.ranges import Span
from service.runtime.resources import Resources
from sql.scope import Scope
from sql.vocabulary import EventStatus

# Of each page.
MAX_MARKS = 500


async def events_of(
    resources: Resources, scope: Scope, metrics: Collection[str], span: Span
) -> list[DictRow]:
    """The events of metrics that were opened in a range, newest first."""
    filters = Filters(metric_names=sorted(metrics), since=span.since, before=span.before)
    return await list_events(resources.read_pool, scope, filters, MAX_MARKS)


async def annotations_of(
    resources: Resources, scope: Scope, metrics: Collection[str], span: Span
) -> list[DictRow]:
    """What happened in a range and is about any of some metrics, newest first."""
    filters = AnnotationFilters(span.since, span.before, metrics)
    return await list_annotations(resources.read_pool, scope, filters, MAX_MARKS)


async def latest_events(
    resources: Resources, scope: Scope, status: EventStatus | None, limit: int
) -> Sequence[DictRow]:
    """The newest events, those that are open first where no status is given."""
    pool = resources.read_pool
    rows = await list_events(pool, scope, Filters(status or "open"), limit)
    if status is None and len(rows) < limit:
        known = {row["event_id"] for row in rows}
        newest = await list_events(pool, scope, Filters(), limit)
        rows += [row for row in newest if row["event_id"] not in known]
    return rows[:limit]

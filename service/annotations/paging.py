"""Pages of annotations, and the cursors between them."""

from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from service.annotations.models import AnnotationParams
from service.http.pagination import cursor_of, position_of
from service.metrics.annotations import AnnotationFilters, list_annotations
from sql.database import Pool
from sql.scope import Scope

_LISTING = "annotations"


async def read_page(
    pool: Pool, scope: Scope, params: AnnotationParams, zone: ZoneInfo
) -> tuple[list[DictRow], str | None]:
    """A page of annotations, newest first, and the cursor of the next one.

    Raises:
        Invalid: the cursor is not from here, or the range ends before it starts.
    """
    params.check(zone)
    filters = AnnotationFilters(
        params.since(zone),
        params.before(zone),
        params.metric_name and [params.metric_name],
        params.service_name,
        params.tag,
        None if params.cursor is None else position_of(_LISTING, params.cursor),
    )
    rows = await list_annotations(pool, scope, filters, params.limit + 1)
    page = rows[: params.limit]
    more = len(rows) > len(page)
    return page, cursor_of(_LISTING, page[-1]["since"], page[-1]["annotation_id"]) if more else None

"""What handlers work with, made once at start-up and carried in the lifespan state."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from service.ingest.prepare import Preparer
from service.ingest.series import SeriesCache
from service.ingest.writer import Writer
from service.query.aggregate import Aggregates
from service.query.catalog import Catalog
from service.settings import Settings
from sql.database import Pool
from sql.engine import Engine


@dataclass(frozen=True, slots=True)
class Resources:
    """`pool` writes; `read_pool` answers queries and may be a replica's."""

    settings: Settings
    engine: Engine
    started_at: datetime
    pool: Pool
    read_pool: Pool
    series: SeriesCache
    preparer: Preparer
    writer: Writer
    catalog: Catalog
    aggregates: Aggregates


def resources_of(request: Request) -> Resources:
    """The resources of the app that answers this request."""
    resources: Resources = request.state.resources
    return resources

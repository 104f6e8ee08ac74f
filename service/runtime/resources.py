"""Resources: what handlers work with, made once at start-up and carried in the lifespan state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request

from alerts.backtest import Backtests
from alerts.context import MessageContext
from service.access.key_table import KeyTable
from service.access.keys import Keys
from service.access.sessions import Sessions
from service.access.shares import Shares
from service.access.tenants import Tenants
from service.access.users import Users
from service.metrics.breakdowns import Breakdowns
from service.metrics.corrections.closes import Closes
from service.metrics.corrections.jobs import VoidJobs
from service.metrics.corrections.relabels import MergedSeries, Relabelling
from service.metrics.corrections.removals import Removals
from service.metrics.corrections.selections import SelectionVoids
from service.metrics.corrections.voids import Corrections
from service.metrics.expected.completeness import Reporters
from service.metrics.expected.expectations import Expectations
from service.metrics.expected.impacts import Impacts
from service.metrics.explanations import Explanations
from service.metrics.federation.catalog import FederatedCatalog
from service.metrics.federation.labels import LabelValues
from service.metrics.federation.members import Members
from service.metrics.forecasts import Forecasts
from service.metrics.imports.counting import ImportCounting
from service.metrics.imports.receiving import Receiver
from service.metrics.ingest.recorder import Recorder
from service.metrics.ingest.series import SeriesCache
from service.metrics.ingest.writer import Writer
from service.metrics.label_names import LabelNames
from service.metrics.mapping.door import Door
from service.metrics.mapping.mappings import Mappings
from service.metrics.newest import NewestValues
from service.metrics.query.aggregate import Aggregates
from service.metrics.targets.progress import Progresses
from service.runtime.settings import Settings
from service.runtime.stopping import Stopping
from sql.database import Pool
from sql.engine import Engine
from sql.replica import Reads
from sql.vocabulary import Frequency


@dataclass(frozen=True, slots=True)
class Resources:
    """`pool` writes and `read_pool` reads what must be as it is now, both on the primary, at
    `url`; `reads` answers questions about figures and may be a replica's.
    """

    settings: Settings
    engine: Engine
    url: str
    stopping: Stopping
    started_at: datetime
    accept: Mapping[Frequency, timedelta]
    pool: Pool
    read_pool: Pool
    reads: Reads
    pools: Mapping[str, Pool]
    series: SeriesCache
    writer: Writer
    recorder: Recorder
    mappings: Mappings
    label_names: LabelNames
    door: Door
    corrections: Corrections
    selection_voids: SelectionVoids
    void_jobs: VoidJobs
    closes: Closes
    relabelling: Relabelling
    removals: Removals
    merged_series: MergedSeries
    catalog: FederatedCatalog
    receiver: Receiver
    import_counting: ImportCounting
    aggregates: Aggregates
    members: Members
    labels: LabelValues
    breakdowns: Breakdowns
    explanations: Explanations
    forecasts: Forecasts
    expectations: Expectations
    impacts: Impacts
    reporters: Reporters
    progresses: Progresses
    newest: NewestValues
    backtests: Backtests
    message_context: MessageContext
    key_table: KeyTable
    keys: Keys
    users: Users
    tenants: Tenants
    sessions: Sessions
    shares: Shares


def resources_of(request: Request) -> Resources:
    """The resources of the app that answers this request."""
    resources: Resources = request.state.resources
    return resources

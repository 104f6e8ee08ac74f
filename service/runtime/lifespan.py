"""The lifespan of a process that serves: pools, resources and tasks from start to stop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial

from alerts.backtest import Backtests
from alerts.delivery import Details
from alerts.keeping import Keeping
from alerts.loop import run_alerts
from retention.apply import accept_windows
from service.access.credentials import KeyHasher
from service.access.key_table import KeyTable
from service.access.keys import Keys
from service.access.passwords import Passwords
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
from service.metrics.corrections.stale import StaleRollups
from service.metrics.corrections.voids import Corrections
from service.metrics.derived.aggregates import DerivedAggregates
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
from service.metrics.imports.windows import Windows
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import Preparer
from service.metrics.ingest.recorder import Recorder
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.series import SeriesCache
from service.metrics.ingest.writer import Writer
from service.metrics.label_names import LabelNames
from service.metrics.mapping.door import Door
from service.metrics.mapping.mappings import Mappings
from service.metrics.newest import NewestValues
from service.metrics.query.source import OwnSource
from service.metrics.targets.progress import Progresses
from service.runtime.background import end_overlong_reading, every_night, repeat
from service.runtime.following import Following
from service.runtime.notifications import delivering, drawn_once, message_context_of
from service.runtime.pools import Pools, open_pools
from service.runtime.resources import Resources
from service.runtime.secrets import signing_secret
from service.runtime.settings import Settings
from service.runtime.stopping import Stopping, end_tasks
from service.runtime.telemetry.pools import note_pools
from sql.engine import Engine
from sql.roles import administers
from sql.vocabulary import Frequency

WRITER_SECONDS = 15
# A key revoked or a user changed on another replica is seen here after this long.
ACCESS_SECONDS = 2.0
CATALOGUE_SECONDS = 5.0
TELEMETRY_SECONDS = 5.0
REPLICA_SECONDS = 1.0
READERS_SECONDS = 15.0
JOBS_SECONDS = 2.0
MERGED_SECONDS = 600.0
FITS_SECONDS = 60.0
IMPACTS_SECONDS = 15.0
# Each takes a core for up to 5 s, and whoever reads metrics may ask for one.
BACKTESTS_AT_ONCE = 2
# The chart of an event in a language, as PNG.
EventPicture = Callable[[Resources, int, str], Awaitable[bytes | None]]


@asynccontextmanager
async def running_resources(
    settings: Settings, engine: Engine, stopping: Stopping, picture: EventPicture | None = None
) -> AsyncIterator[Resources]:
    """The resources with their pools open and their tasks running; at the end the writer
    commits what waits before the pools close. `picture` draws events for notifications.
    """
    async with open_pools(settings) as pools:
        now = datetime.now(UTC)
        accept = await asyncio.to_thread(accept_windows, pools.url, settings.keep, now)
        stale = StaleRollups(await asyncio.to_thread(_owner_url, settings, engine))
        resources = _resources(settings, engine, stopping, pools, accept, stale)
        await resources.key_table.reload()
        await resources.sessions.versions.reload()
        await resources.members.reload()
        writer = asyncio.create_task(resources.writer.run())
        background = [asyncio.create_task(task) for task in _tasks(resources)]
        try:
            async with _delivering(resources, picture):
                yield resources
        finally:
            resources.writer.close()
            # By now every request was answered or given up.
            await asyncio.wait([writer], timeout=WRITER_SECONDS)
            await end_tasks(writer, *background)
            await stale.close()
            await resources.members.close()


def _delivering(
    resources: Resources, picture: EventPicture | None
) -> AbstractAsyncContextManager[None]:
    """Not here where loops of their own judge: they may have settings that this has not."""
    settings = resources.settings
    if not settings.alert_interval:
        return nullcontext()

    async def drawn(event_id: int, language: str) -> bytes | None:
        if picture is None:
            return None
        return await picture(resources, event_id, language or settings.language)

    details = drawn_once(Details(resources.impacts.current, drawn))
    return delivering(resources.pool, settings, details)


def _owner_url(settings: Settings, engine: Engine) -> str | None:
    """Where to refresh rollups, which only their owner may; None where nobody here can."""
    url = settings.database_url
    return url if engine == "timescale" and url and administers(url) else None


def _tasks(resources: Resources) -> Iterator[Coroutine[None, None, None]]:
    """The background tasks of a process, which run without end."""
    settings, sessions = resources.settings, resources.sessions
    yield repeat(ACCESS_SECONDS, resources.key_table.refresh)
    yield repeat(ACCESS_SECONDS, sessions.versions.reload)
    yield repeat(CATALOGUE_SECONDS, resources.series.reload)
    yield repeat(CATALOGUE_SECONDS, resources.mappings.reload)
    yield repeat(CATALOGUE_SECONDS, resources.members.reload)
    yield repeat(CATALOGUE_SECONDS, resources.label_names.reload)
    yield repeat(TELEMETRY_SECONDS, partial(_note_pools, resources))
    yield repeat(READERS_SECONDS, partial(end_overlong_reading, resources.pool))
    yield repeat(JOBS_SECONDS, resources.void_jobs.work)
    yield repeat(JOBS_SECONDS, resources.removals.work)
    yield repeat(CATALOGUE_SECONDS, partial(resources.merged_series.move_late, "2 minutes"))
    yield repeat(MERGED_SECONDS, partial(resources.merged_series.move_late, "1 day"))
    yield repeat(FITS_SECONDS, resources.expectations.fit_stale)
    yield repeat(IMPACTS_SECONDS, resources.impacts.work)
    yield repeat(JOBS_SECONDS, resources.import_counting.work)
    yield every_night(settings, resources.engine)
    if settings.alert_interval:
        context, interval = resources.message_context, settings.alert_interval
        keeping = Keeping(settings.keep, resources.engine == "timescale")
        yield run_alerts(resources.url, settings.zone, context, interval, keeping=keeping)
    if settings.database_read_url:
        yield repeat(REPLICA_SECONDS, resources.reads.watch)


async def _note_pools(resources: Resources) -> None:
    note_pools(resources.pools)


def _resources(
    settings: Settings,
    engine: Engine,
    stopping: Stopping,
    pools: Pools,
    accept: Mapping[Frequency, timedelta],
    stale: StaleRollups,
) -> Resources:
    pool = pools.write
    most = SeriesLimits(settings.max_series_per_tenant, settings.max_series_per_service)
    series = SeriesCache(pool, most)
    secret = signing_secret(settings.secret, settings.data_dir)
    hasher = KeyHasher(secret)
    writer = Writer(pool)
    own = OwnSource(pools.reads, pools.figures)
    minutes_kept = settings.keep["minute"]
    members = Members(pool, pools.url, pools.reads, minutes_kept)
    closed_before = series.closed.closed_before
    aggregates = DerivedAggregates(
        pools.reads, own, settings.zone, minutes_kept, closed_before, members
    )
    forecasts = Forecasts(aggregates)
    label_names = LabelNames(pool)
    breakdowns = Breakdowns(aggregates, pools.figures, settings.zone, label_names.of)
    catalog = FederatedCatalog(pool, pools.read, pools.reads, members)
    expectations = Expectations(aggregates, pool, pools.read, settings.holidays)
    ids = SampleIds(pool)
    recorder = Recorder(Preparer(series, ids, accept), writer, aggregates.forget)
    following = Following(stale, series, catalog, aggregates, breakdowns)
    windows = Windows(accept, settings.keep["day"], settings.zone)
    mappings = Mappings(pool)
    passwords = Passwords(memory=settings.password_memory)
    key_table, sessions = KeyTable(pool, hasher), Sessions(pool, secret, passwords)
    return Resources(
        settings=settings,
        engine=engine,
        url=pools.url,
        stopping=stopping,
        started_at=datetime.now(UTC),
        accept=accept,
        pool=pool,
        read_pool=pools.read,
        reads=pools.reads,
        pools=pools.by_name,
        series=series,
        writer=writer,
        recorder=recorder,
        mappings=mappings,
        label_names=label_names,
        door=Door(mappings, series.metrics, recorder),
        corrections=Corrections(pool, ids, accept, following.corrected),
        selection_voids=SelectionVoids(pools.url, pools.read, accept, following.corrected),
        relabelling=Relabelling(pools.url, following.relabelled),
        removals=Removals(pools.url, pool, following.removed),
        merged_series=MergedSeries(pools.url, following.corrected),
        closes=Closes(pool, settings.zone, following.closed),
        void_jobs=VoidJobs(pools.url, pool, following.corrected),
        receiver=Receiver(series, ids, writer, windows, aggregates.forget),
        import_counting=ImportCounting(pools.url, pool, windows, following.corrected),
        catalog=catalog,
        aggregates=aggregates,
        breakdowns=breakdowns,
        explanations=Explanations(breakdowns),
        members=members,
        labels=LabelValues(pools.read, members),
        expectations=expectations,
        impacts=Impacts(catalog, aggregates, expectations, pool, settings.zone),
        reporters=Reporters(aggregates, pools.read),
        forecasts=forecasts,
        progresses=Progresses(aggregates, forecasts, settings.zone),
        newest=NewestValues(catalog, aggregates, settings.zone),
        backtests=Backtests(pools.read, settings.zone, BACKTESTS_AT_ONCE, settings.holidays),
        message_context=message_context_of(settings),
        key_table=key_table,
        keys=Keys(pool, hasher, key_table),
        users=Users(pool, sessions.passwords, sessions.versions),
        tenants=Tenants(pool, key_table.reload, series.reload),
        sessions=sessions,
        shares=Shares(pool, secret),
    )

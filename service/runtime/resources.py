"""What handlers work with: made once at start-up and carried in the lifespan state."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from starlette.requests import Request

from alerts.backtest import Backtests
from alerts.context import MessageContext
from alerts.loop import run_alerts
from retention.apply import accept_windows, delete_expired, reconcile
from retention.plan import next_night
from service.access.credentials import KeyHasher
from service.access.key_table import KeyTable
from service.access.sessions import Sessions
from service.access.shares import Shares
from service.metrics.catalog import Catalog
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import Preparer
from service.metrics.ingest.recorder import Recorder
from service.metrics.ingest.series import SeriesCache, SeriesLimits
from service.metrics.ingest.writer import Writer
from service.metrics.query.aggregate import Aggregates
from service.runtime.notifications import delivering
from service.runtime.pools import POOL_SIZE, Pools, open_pools
from service.runtime.secrets import signing_secret
from service.runtime.settings import Settings
from service.runtime.stopping import Stopping, end_tasks
from service.runtime.telemetry.pools import note_pools
from sql.database import Pool, create_pool
from sql.engine import Engine
from sql.errors import DatabaseError
from sql.replica import Reads
from sql.roles import administers, serving_url
from sql.vocabulary import Frequency

WRITER_SECONDS = 15
# A key revoked or a user changed on another replica is seen here after this long.
ACCESS_SECONDS = 2.0
REPLICA_SECONDS = 1.0
# Each takes a core for up to 5 s, and whoever reads metrics may ask for one.
BACKTESTS_AT_ONCE = 2

_log = structlog.get_logger()


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
    catalog: Catalog
    aggregates: Aggregates
    backtests: Backtests
    message_context: MessageContext
    key_hasher: KeyHasher
    keys: KeyTable
    sessions: Sessions
    shares: Shares


def resources_of(request: Request) -> Resources:
    """The resources of the app that answers this request."""
    resources: Resources = request.state.resources
    return resources


@asynccontextmanager
async def running_resources(
    settings: Settings, engine: Engine, stopping: Stopping
) -> AsyncIterator[Resources]:
    """The resources with their pools open and their tasks running; at the end the writer
    commits what waits before the pools close.
    """
    async with (
        open_pools(settings) as pools,
        # Not here where loops of their own judge: they may have settings that this has not.
        delivering(pools.write, settings) if settings.alert_interval else nullcontext(),
    ):
        now = datetime.now(UTC)
        accept = await asyncio.to_thread(accept_windows, pools.url, settings.keep, now)
        resources = _wire(settings, engine, stopping, pools, accept)
        await resources.keys.reload()
        await resources.sessions.versions.reload()
        writer = asyncio.create_task(resources.writer.run())
        background = [
            asyncio.create_task(_repeat(ACCESS_SECONDS, resources.keys.keep_up)),
            asyncio.create_task(_repeat(ACCESS_SECONDS, resources.sessions.versions.reload)),
            asyncio.create_task(_repeat(5.0, resources.series.reload_promoted)),
            asyncio.create_task(_repeat(5.0, partial(_note_pools, resources))),
            asyncio.create_task(_every_night(settings, engine)),
        ]
        if settings.alert_interval:
            context, interval = resources.message_context, settings.alert_interval
            loop = run_alerts(pools.url, settings.zone, context, interval)
            background.append(asyncio.create_task(loop))
        if settings.database_read_url:
            background.append(asyncio.create_task(_repeat(REPLICA_SECONDS, pools.reads.watch)))
        try:
            yield resources
        finally:
            resources.writer.close()
            # By now every request was answered or given up.
            await asyncio.wait([writer], timeout=WRITER_SECONDS)
            await end_tasks(writer, *background)


def _wire(
    settings: Settings,
    engine: Engine,
    stopping: Stopping,
    pools: Pools,
    accept: Mapping[Frequency, timedelta],
) -> Resources:
    pool = pools.write
    most = SeriesLimits(settings.max_series_per_tenant, settings.max_series_per_service)
    series = SeriesCache(pool, most)
    secret = signing_secret(settings.secret, settings.data_dir)
    hasher = KeyHasher(secret)
    writer = Writer(pool)
    aggregates = Aggregates(pools.reads, pools.figures, settings.zone)
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
        recorder=Recorder(Preparer(series, SampleIds(pool), accept), writer, aggregates.forget),
        catalog=Catalog(pool, pools.read, pools.reads),
        aggregates=aggregates,
        backtests=Backtests(pools.read, settings.zone, BACKTESTS_AT_ONCE),
        message_context=message_context_of(settings),
        key_hasher=hasher,
        keys=KeyTable(pool, hasher),
        sessions=Sessions(pool, secret),
        shares=Shares(pool, secret),
    )


def message_context_of(settings: Settings) -> MessageContext:
    """Notifications are in the business time zone, with links to this service."""
    return MessageContext(settings.timezone, settings.links)


async def alerts_alone(settings: Settings, url: str, interval: float) -> None:
    """Judge alert rules and deliver what follows, without serving, until cancelled."""
    url = await asyncio.to_thread(serving_url, url)
    async with create_pool(url, size=POOL_SIZE) as pool, delivering(pool, settings):
        await run_alerts(url, settings.zone, message_context_of(settings), interval)


async def _note_pools(resources: Resources) -> None:
    note_pools(resources.pools)


async def _repeat(interval: float, step: Callable[[], Awaitable[None]]) -> None:
    """Run `step` now and every `interval` seconds; a failure is logged and not the last try."""
    while True:
        try:
            await step()
        except DatabaseError as error:
            _log.warning("background_step_failed", reason=str(error))
        # Whatever it is, a task that ended of it would not be missed by anybody.
        except Exception as error:
            _log.error("background_step_failed", exc_info=error)
        await asyncio.sleep(interval)


async def _every_night(settings: Settings, engine: Engine) -> None:
    """At 02:00, business time: renew the policies, whose windows may grow from day to day,
    and delete what none of them drops. Policies are the owner's: one who serves with another
    role leaves them to `make retention-apply`.
    """
    url, keep, zone = settings.database_url, settings.keep, settings.zone
    assert url is not None
    while True:
        now = datetime.now(UTC)
        await asyncio.sleep((next_night(now, zone) - now).total_seconds())
        now = datetime.now(UTC)
        try:
            if await asyncio.to_thread(administers, url):
                await asyncio.to_thread(reconcile, url, engine, keep, zone, now)
            await asyncio.to_thread(delete_expired, url, engine, keep, now)
        except DatabaseError as error:
            _log.error("retention_failed", reason=str(error))
        except Exception as error:
            _log.error("retention_failed", exc_info=error)

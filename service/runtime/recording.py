"""Recording in a process that does not serve: its pool, writer and tables."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from retention.apply import accept_windows
from service.access.credentials import KeyHasher
from service.access.key_table import KeyTable
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import Preparer
from service.metrics.ingest.recorder import Recorder
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.series import SeriesCache
from service.metrics.ingest.writer import Writer
from service.runtime.background import repeat
from service.runtime.lifespan import (
    ACCESS_SECONDS,
    CATALOGUE_SECONDS,
    TELEMETRY_SECONDS,
    WRITER_SECONDS,
)
from service.runtime.secrets import signing_secret
from service.runtime.settings import Settings
from service.runtime.stopping import end_tasks
from service.runtime.telemetry.pools import note_pools
from sql.database import Pool, create_pool

_POOL_SIZE = 4


@dataclass(frozen=True, slots=True)
class Recording:
    """The door for samples, and the keys of those who may use it."""

    pool: Pool
    recorder: Recorder
    keys: KeyTable


@asynccontextmanager
async def recording(settings: Settings, url: str) -> AsyncIterator[Recording]:
    """Record meanwhile; at the end what waits is committed."""
    accept = await asyncio.to_thread(accept_windows, url, settings.keep, datetime.now(UTC))
    async with create_pool(url, size=_POOL_SIZE) as pool:
        most = SeriesLimits(settings.max_series_per_tenant, settings.max_series_per_service)
        series = SeriesCache(pool, most)
        writer = Writer(pool)
        hasher = KeyHasher(signing_secret(settings.secret, settings.data_dir))
        keys = KeyTable(pool, hasher)
        recorder = Recorder(Preparer(series, SampleIds(pool), accept), writer, lambda _: None)
        writing = asyncio.create_task(writer.run())
        background = [
            asyncio.create_task(repeat(seconds, step))
            for seconds, step in (
                (ACCESS_SECONDS, keys.refresh),
                (CATALOGUE_SECONDS, series.reload),
                (TELEMETRY_SECONDS, partial(_note_pool, pool)),
            )
        ]
        try:
            yield Recording(pool, recorder, keys)
        finally:
            writer.close()
            await asyncio.wait([writing], timeout=WRITER_SECONDS)
            await end_tasks(writing, *background)


async def _note_pool(pool: Pool) -> None:
    note_pools({"write": pool})

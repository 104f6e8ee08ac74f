"""Tasks beside the answers: steps that are repeated, and what is done every night."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from retention.apply import delete_expired, reconcile
from retention.plan import next_night
from service.runtime.settings import Settings
from sql.database import Pool, fetch_all
from sql.engine import Engine
from sql.errors import DatabaseError
from sql.roles import administers

_log = structlog.get_logger()


async def repeat(interval: float, step: Callable[[], Awaitable[None]]) -> None:
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


async def end_overlong_reading(pool: Pool) -> None:
    """End sessions of analysts that go on for too long, whatever limit they gave themselves."""
    (found,) = await fetch_all(pool, "end_overlong_reading")
    if found["ended"]:
        _log.warning("overlong_reading_ended", sessions=found["ended"])


async def every_night(settings: Settings, engine: Engine) -> None:
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

"""``GET /api/health`` and ``GET /api/ready``: liveness and readiness of this service."""

from datetime import UTC, datetime

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service import __version__
from service.http.endpoint import Endpoint
from service.http.errors import error_response
from service.http.responses import json_response
from service.runtime.resources import Resources, resources_of
from sql.database import fetch_all, within
from sql.errors import DatabaseError, DiskFull
from sql.migration_files import migrations_for

READY_SECONDS = 2.0
# A flush takes milliseconds.
OLD_SECONDS = 3.0


class AcceptWindow(BaseModel):
    """How old a sample may be when it is submitted."""

    max_age_seconds: float


class Health(BaseModel):
    """The version, settings and uptime of this process."""

    success: bool = True
    status: str
    version: str
    engine: str
    timezone: str
    uptime_seconds: float
    accepts: dict[str, AcceptWindow]


class Ready(BaseModel):
    """This process can serve."""

    success: bool = True
    status: str


async def health(request: Request) -> Response:
    """Whether the process works; answers also while the database is away."""
    resources = resources_of(request)
    uptime = datetime.now(UTC) - resources.started_at
    answer = Health(
        status="healthy",
        version=__version__,
        engine=resources.engine,
        timezone=resources.settings.timezone,
        uptime_seconds=round(uptime.total_seconds(), 3),
        accepts={
            f: AcceptWindow(max_age_seconds=age.total_seconds())
            for f, age in resources.accept.items()
        },
    )
    return json_response(answer.model_dump())


async def ready(request: Request) -> Response:
    """Whether requests can be served.

    They can while the database answers soon, its schema is up to date, it stores what waits, and
    this process is not about to stop.
    """
    resources = resources_of(request)
    if resources.stopping.withdrawn:
        return _not_ready(request, "This instance is about to stop")
    try:
        async with within(READY_SECONDS):
            reason = await _hindrance(resources)
    except DatabaseError:
        return _not_ready(request, "The database is away")
    if reason:
        return _not_ready(request, reason)
    return json_response(Ready(status="ready").model_dump())


async def _hindrance(resources: Resources) -> str | None:
    """Why nothing can be served, where the database answers.

    Raises:
        DatabaseError: it does not.
    """
    writer = resources.writer
    if writer.oldest_wait_seconds > OLD_SECONDS:
        return "Samples have waited too long for the database"
    rows = await fetch_all(resources.pool, "applied_migrations")
    applied = {row["version"] for row in rows}
    missing = [m.version for m in migrations_for(resources.engine) if m.version not in applied]
    if missing:
        return f"Migrations are missing: {', '.join(missing)}"
    if writer.disk_is_full:
        try:
            await fetch_all(resources.pool, "write_to_disk")
        except DiskFull:
            return "The database has no room left"
        writer.disk_is_full = False
    return None


def _not_ready(request: Request, reason: str) -> Response:
    return error_response(request, 503, reason, headers={"Retry-After": "1"})


ENDPOINTS = [
    Endpoint("GET", "/api/health", health, "service", response=Health, open=True),
    Endpoint("GET", "/api/ready", ready, "service", response=Ready, open=True),
]

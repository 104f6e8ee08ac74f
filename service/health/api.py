"""Health reports of the platform's services."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.health import history
from service.health.samples import record_sample
from service.http.authentication import principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response, list_response
from service.http.parameters import DateRange, read_params
from service.http.responses import utc_instant
from service.metrics.metadata import metadata_json
from service.runtime.resources import resources_of
from sql.errors import Invalid, NotFound
from sql.messages import Message
from sql.vocabulary import MAX_ROWS, HealthStatus

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _printable(value: object) -> object:
    if isinstance(value, str) and _CONTROL.search(value):
        raise ValueError(Message("Control characters are not allowed"))
    return value


def _no_text(value: object) -> object:
    if isinstance(value, str | bool):
        raise ValueError(Message("Expected a number"))
    return value


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        metadata_json(value)
    except Invalid as error:
        raise ValueError(error.problems[0].message) from error
    return value


def _cursor(value: object) -> object:
    """RFC 3339, as the document says: nothing else that could be read as an instant."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError(Message("Not a cursor from here"))
    return value


Cursor = Annotated[datetime, BeforeValidator(_cursor)]
Text = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_printable)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_no_text)]
Milliseconds = Annotated[float, Field(ge=0, le=10**9), BeforeValidator(_no_text)]
Seconds = Annotated[float, Field(ge=0, le=10**10), BeforeValidator(_no_text)]
Ratio = Annotated[float, Field(ge=0, le=1), BeforeValidator(_no_text)]


class HealthReport(BaseModel):
    """A service's report of its own health."""

    model_config = ConfigDict(extra="forbid")

    service_name: Text
    status: HealthStatus
    response_time_ms: Milliseconds | None = None
    error_rate: Ratio | None = Field(None, description="0 to 1")
    cpu_usage: Ratio | None = Field(None, description="0 to 1")
    memory_usage: Ratio | None = Field(None, description="0 to 1")
    version: Text | None = None
    uptime_seconds: Seconds | None = None
    metadata: Annotated[dict[str, Any], AfterValidator(_storable)] | None = None


class StoredReport(HealthReport):
    """A report and when it arrived. Amounts have not always been bounded."""

    model_config = ConfigDict(extra="ignore")

    response_time_ms: Number | None = None
    uptime_seconds: Number | None = None
    timestamp: datetime


class LatestReport(StoredReport):
    """The newest report of a service."""

    age_seconds: float
    stale: bool = Field(description="Silent for more than five minutes")


class Availability(BaseModel):
    """Seconds by status in a range; `ratio` is healthy and degraded over what is known."""

    ratio: float | None
    healthy_seconds: float
    degraded_seconds: float
    unhealthy_seconds: float
    unknown_seconds: float


class ReportAnswer(BaseModel):
    """A report that was recorded."""

    success: bool = True
    data: StoredReport
    message: str


class LatestAnswer(BaseModel):
    """Every service's newest report."""

    success: bool = True
    data: list[LatestReport]
    count: int
    next_cursor: str | None = None


class HistoryAnswer(BaseModel):
    """The reports of one service, newest first."""

    success: bool = True
    data: list[StoredReport]
    count: int
    next_cursor: str | None
    availability: Availability


class HistoryParams(DateRange):
    """The last 24 hours where no range is given."""

    limit: int = Field(100, ge=1, le=MAX_ROWS)
    cursor: Cursor | None = Field(None, description="next_cursor of the page before")


async def report_health(request: Request) -> Response:
    """Report the health of a service."""
    report = (await read_model(request, HealthReport)).model_dump()
    resources, scope = resources_of(request), principal_of(request).scope
    stored = _stored(await history.record(resources.pool, scope, report, datetime.now(UTC)))
    await record_sample(resources.recorder, resources.series.metrics, scope, report)
    return item_response(stored, 201, message="Health recorded")


async def latest_health(request: Request) -> Response:
    """The newest report of every service; stale after five minutes of silence."""
    scope = principal_of(request).scope
    rows = await history.latest(resources_of(request).reads, scope, datetime.now(UTC))
    return list_response([_stored(row) for row in rows])


async def health_history(request: Request) -> Response:
    """The reports of one service and its availability."""
    resources, scope = resources_of(request), principal_of(request).scope
    params, _ = read_params(request, HistoryParams)
    name = request.path_params["service_name"]
    if scope.service_name not in (None, name):
        raise NotFound(Message("There is no service {name}", {"name": name}))
    zone, now = resources.settings.zone, datetime.now(UTC)
    params.check(zone)
    before = min(params.before(zone) or now, now)
    since = params.since(zone) or before - timedelta(days=1)
    reports = history.Range(scope.tenant, name, since, before)
    rows = await history.reports(resources.reads, reports, params.cursor, params.limit)
    courses = await history.courses(resources.reads, reports)
    available = _availability(courses.get(name, history.SILENT), reports)
    page = rows[: params.limit]
    following = utc_instant(page[-1]["timestamp"]) if len(rows) > len(page) else None
    return list_response([_stored(row) for row in page], following, availability=available)


def _availability(course: history.Course, within: history.Range) -> dict[str, float | None]:
    seconds, ratio = course.seconds, course.availability
    span = (within.before - within.since).total_seconds()
    return {
        "ratio": None if ratio is None else round(ratio, 6),
        **{f"{status}_seconds": round(value, 3) for status, value in seconds.items()},
        "unknown_seconds": round(max(span - sum(seconds.values()), 0.0), 3),
    }


def _stored(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "timestamp": utc_instant(row["timestamp"])}


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/services/health",
        report_health,
        "services",
        scope="services:write",
        body=HealthReport,
        response=ReportAnswer,
        status=201,
    ),
    Endpoint(
        "GET",
        "/api/services/health",
        latest_health,
        "services",
        scope="metrics:read",
        response=LatestAnswer,
    ),
    Endpoint(
        "GET",
        "/api/services/{service_name:path}/health",
        health_history,
        "services",
        scope="metrics:read",
        params=HistoryParams,
        response=HistoryAnswer,
    ),
]

"""The endpoints that close periods and reopen them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Item, Listing, item_response, list_response
from service.http.instants import instants
from service.http.paths import id_of
from service.metrics.corrections.closes import list_closes
from service.runtime.resources import resources_of
from sql.vocabulary import MetricType


class CloseIn(BaseModel):
    """``POST /api/periods/close``."""

    model_config = ConfigDict(extra="forbid")

    until: date = Field(description="The last day that is closed, in the business time zone")
    metric_type: MetricType


class CloseOut(BaseModel):
    """A close in force."""

    id: int
    until: date
    metric_type: MetricType
    closed_by: str
    closed_at: datetime


class CloseAnswer(Item[CloseOut]):
    """The close."""


class CloseListing(Listing[CloseOut]):
    """Every close in force, those of the last days first."""


async def list_period_closes(request: Request) -> Response:
    """What is closed, by type of metric, by whom and since when."""
    rows = await list_closes(resources_of(request).read_pool, principal_of(request).scope)
    return list_response([_out(row) for row in rows])


async def close_period(request: Request) -> Response:
    """Refuse what would change figures of a type of metric up to the end of a day."""
    given = await read_model(request, CloseIn)
    closes, caller = resources_of(request).closes, caller_of(request)
    row = await closes.close(caller, given.until, given.metric_type)
    return item_response(_out(row), 201)


async def reopen_period(request: Request) -> Response:
    """Take samples and corrections of that time again."""
    number = id_of(request, "close")
    return item_response(
        _out(await resources_of(request).closes.reopen(caller_of(request), number))
    )


def _out(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["close_id"],
        "until": row["until"].isoformat(),
        "metric_type": row["metric_type"],
        "closed_by": row["closed_by"],
        **instants(row, "closed_at"),
    }


_PATH = "/api/periods/close"
ENDPOINTS = [
    Endpoint(
        "GET",
        _PATH,
        list_period_closes,
        "metrics",
        scope="metrics:read",
        response=CloseListing,
    ),
    Endpoint(
        "POST",
        _PATH,
        close_period,
        "metrics",
        scope="keys:admin",
        body=CloseIn,
        response=CloseAnswer,
        status=201,
    ),
    Endpoint(
        "DELETE",
        f"{_PATH}/{{id:int}}",
        reopen_period,
        "metrics",
        scope="keys:admin",
        response=CloseAnswer,
    ),
]

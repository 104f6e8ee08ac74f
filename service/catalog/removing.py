"""The endpoints that remove metrics."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of, principal_of
from service.http.endpoint import Endpoint
from service.http.envelopes import Item, item_response
from service.http.instants import instants
from service.http.parameters import read_params
from service.http.paths import id_of
from service.metrics.corrections.removals import find_removal
from service.runtime.resources import resources_of


class RemovalParams(BaseModel):
    """``DELETE /api/metrics/catalog/{metric_name}``."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Only count")


class Removed(BaseModel):
    """What there is of a metric; `id` is the number of the job, where it is much."""

    metric_name: str
    series: int
    samples: int
    voids: int
    id: int | None = None


class RemovedAnswer(Item[Removed]):
    """What is removed."""


class Removal(BaseModel):
    """A metric that was removed, and how many of its series are left to delete."""

    id: int
    status: Literal["running", "done"]
    metric_name: str
    removed_by: str
    series: int
    samples: int
    voids: int
    series_left: int
    created_at: datetime
    ended_at: datetime | None


class RemovalAnswer(Item[Removal]):
    """How far the removal came."""


async def remove_metric(request: Request) -> Response:
    """Remove a metric with all samples, figures, series and voids; very many as a job (202).
    Rules and panels on it are named (409) and have to be removed first.
    """
    params, _ = read_params(request, RemovalParams)
    name, removals = request.path_params["metric_name"], resources_of(request).removals
    extent = await (removals.count if params.dry_run else removals.remove)(caller_of(request), name)
    counted = {"series": extent.series, "samples": extent.samples, "voids": extent.voids}
    answer = {"metric_name": name, **counted, "id": extent.removal_id}
    return item_response(answer, 200 if extent.removal_id is None else 202)


async def show_removal(request: Request) -> Response:
    """How far the removal of a metric came."""
    tenant, number = principal_of(request).scope.tenant, id_of(request, "job")
    return item_response(_out(await find_removal(resources_of(request).read_pool, tenant, number)))


def _out(row: Mapping[str, Any]) -> dict[str, Any]:
    same = ("status", "metric_name", "series", "samples", "voids", "series_left")
    return {
        "id": row["removal_id"],
        **{name: row[name] for name in same},
        "removed_by": row["actor"],
        **instants(row, "created_at", "ended_at"),
    }


ENDPOINTS = [
    Endpoint(
        "DELETE",
        "/api/metrics/catalog/{metric_name}",
        remove_metric,
        "metrics",
        scope="keys:admin",
        params=RemovalParams,
        response=RemovedAnswer,
    ),
    Endpoint(
        "GET",
        "/api/metrics/removals/{id:int}",
        show_removal,
        "metrics",
        scope="keys:admin",
        response=RemovalAnswer,
    ),
]

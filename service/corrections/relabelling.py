"""The endpoint that relabels what is there and what comes."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.fields import Text
from service.corrections.models import Reason
from service.http.authentication import caller_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.responses import json_response
from service.metrics.corrections.relabels import RelabelSpec
from service.metrics.ingest.labels import label_problem, label_text
from service.runtime.resources import Resources, resources_of
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import LABELS


class RelabelIn(BaseModel):
    """``POST /api/metrics/relabel``."""

    model_config = ConfigDict(extra="forbid")

    metric_name: Text | None = Field(None, description="Only of this metric; absent: of all")
    label: Text = Field(description="service_name, affiliate_id, region or a promoted dimension")
    value: Annotated[Text, Field(alias="from", description="What it is")]
    to: Text | None = Field(description="What it becomes; null: samples have no such label")
    reason: Reason
    dry_run: bool = Field(False, description="Only count")


class Relabelled(BaseModel):
    """How many series have another label, how many of them became part of others that had it
    already, and the samples that are kept of them.
    """

    success: bool = True
    series: int
    merged: int
    samples: int


async def relabel(request: Request) -> Response:
    """Give a label another value, in what is there and in what comes; null takes it away."""
    resources, caller = resources_of(request), caller_of(request)
    given = await read_model(request, RelabelIn)
    spec = await _spec(resources, caller.principal.scope, given)
    relabelling = resources.relabelling
    found = await (relabelling.count if given.dry_run else relabelling.relabel)(caller, spec)
    return json_response({"success": True, **found._asdict()})


async def _spec(resources: Resources, scope: Scope, given: RelabelIn) -> RelabelSpec:
    """What is meant.

    Raises:
        NotFound: there is no such metric in scope.
        Invalid: the label is none, or cannot be called so.
    """
    rows = await resources.catalog.listed(scope)
    if given.metric_name is not None:
        metric = await resources.catalog.entry(scope, given.metric_name)
        await resources.catalog.check_known(scope, metric)
        rows = [row for row in rows if row["metric_name"] == given.metric_name]
    dimensions = {name for row in rows for name in row["dimensions"]}
    spec = RelabelSpec(
        label=given.label,
        value=label_text(given.value),
        to=None if given.to is None else label_text(given.to),
        reason=given.reason,
        metric_name=given.metric_name,
    )
    if problems := list(_problems(spec, scope, dimensions)):
        raise Invalid(*problems)
    return spec


def _problems(spec: RelabelSpec, scope: Scope, dimensions: set[str]) -> Iterator[Problem]:
    if spec.label not in dimensions.union(LABELS):
        yield Problem(Message("No label and no dimension is called so"), "label")
    elif spec.label == "service_name" and scope.service_name is not None:
        yield Problem(Message("A service account stays its service"), "label")
    for field, text in (("from", spec.value), ("to", spec.to)):
        if problem := label_problem(spec.label, text):
            yield Problem(problem, field)
        elif text == "":
            yield Problem(Message("A label has at least one character"), field)
    if spec.to == spec.value:
        yield Problem(Message("It is called so already"), "to")


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/metrics/relabel",
        relabel,
        "metrics",
        scope="metrics:correct",
        body=RelabelIn,
        response=Relabelled,
    ),
]

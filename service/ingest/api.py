"""``POST /api/metrics`` and ``POST /api/metrics/batch``."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.access.caller import Principal
from service.http.authentication import principal_of
from service.http.bodies import read_json_body
from service.http.endpoint import Endpoint, Header
from service.http.errors import ApiError, Detail, invalid
from service.http.responses import json_response
from service.ingest.decode import Check, decode_batch, decode_metric
from service.ingest.models import BatchIn, BatchRecorded, MetricIn, Recorded
from service.metrics.ingest.prepare import IdempotencyKey, body_key
from service.metrics.ingest.writer import KeyReused, QueueFull, Receipt
from service.runtime.resources import Resources, resources_of

Decode = Callable[[bytes, Check], Sequence[MetricIn]]

_log = structlog.get_logger()

_IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "Makes a retry safe for 24 hours: the same key and body count once and get the first "
    "answer again; the same key with another body is 409.",
)


async def record_metric(request: Request) -> Response:
    """Record one sample; answered once it is on disk."""
    try:
        receipt = await _record(request, lambda body, _: decode_metric(body))
    except ApiError as error:
        raise _without_index(error) from error
    return _created(Recorded(metric_id=receipt.first_id), receipt)


async def record_batch(request: Request) -> Response:
    """Record up to 1000 samples, all or none; answered once they are on disk."""
    receipt = await _record(request, decode_batch)
    ids = list(range(receipt.first_id, receipt.first_id + receipt.count))
    plural = "s" if receipt.count > 1 else ""
    message = f"{receipt.count} metric{plural} recorded successfully"
    answer = BatchRecorded(count=receipt.count, metric_ids=ids, message=message)
    return _created(answer, receipt)


async def _record(request: Request, decode: Decode) -> Receipt:
    resources = resources_of(request)
    preparer = resources.preparer
    principal = principal_of(request)
    body = await read_json_body(request)
    key = _idempotency_key(request, principal, body)
    check = partial(preparer.problems, principal.scope, datetime.now(UTC))
    try:
        await preparer.ready()
        async with preparer.turn:
            items = decode(body, check)
        receipt = await _submit(resources, items, principal, key)
    except ApiError as error:
        # The first time it was accepted; meanwhile a sample may have become too old.
        if key is None or error.status != 422:
            raise
        first = await _first_answer(resources, key)
        if first is None:
            raise
        receipt = first
    _log.info("metric_recorded", count=receipt.count, replayed=receipt.replayed)
    return receipt


async def _submit(
    resources: Resources,
    items: Sequence[MetricIn],
    principal: Principal,
    key: IdempotencyKey | None,
) -> Receipt:
    now = datetime.now(UTC)
    submission = await resources.preparer.prepare(items, principal.scope, now, key)
    try:
        receipt = await resources.writer.submit(submission)
    except QueueFull as error:
        message = "Too many samples wait for the database; try again"
        raise ApiError(503, message, headers={"Retry-After": "1"}) from error
    except KeyReused as error:
        raise _key_reused() from error
    resources.aggregates.forget(submission.metrics)
    return receipt


async def _first_answer(resources: Resources, key: IdempotencyKey) -> Receipt | None:
    try:
        return await resources.writer.first_answer(key)
    except KeyReused as error:
        raise _key_reused() from error


def _idempotency_key(request: Request, principal: Principal, body: bytes) -> IdempotencyKey | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        message = "Idempotency-Key must have 1 to 255 printable ASCII characters"
        raise ApiError(400, message, [Detail(field="Idempotency-Key", message=message)])
    return body_key(principal.id, key, request.url.path, body)


def _key_reused() -> ApiError:
    return ApiError(409, "This Idempotency-Key was used before with another request")


def _without_index(error: ApiError) -> ApiError:
    """A single sample has no position to name."""
    details = [Detail(field=d.field, message=d.message) for d in error.details]
    if error.status == 422 and details:
        return invalid(details)
    return ApiError(error.status, error.message, details, error.headers)


def _created(content: Recorded | BatchRecorded, receipt: Receipt) -> Response:
    headers = {"Idempotent-Replayed": "true"} if receipt.replayed else None
    return json_response(content, 201, headers)


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/metrics",
        record_metric,
        "metrics",
        scope="metrics:write",
        body=MetricIn,
        response=Recorded,
        status=201,
        headers=(_IDEMPOTENCY_KEY,),
    ),
    Endpoint(
        "POST",
        "/api/metrics/batch",
        record_batch,
        "metrics",
        scope="metrics:write",
        body=BatchIn,
        response=BatchRecorded,
        status=201,
        headers=(_IDEMPOTENCY_KEY,),
    ),
]

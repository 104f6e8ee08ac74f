"""``POST /api/metrics`` and ``POST /api/metrics/batch``."""

from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import principal_of
from service.http.bodies import read_json_body
from service.http.endpoint import Endpoint, Header
from service.http.parameters import key_of_header
from service.http.responses import json_response
from service.ingest.decode import decode_batch, decode_metric
from service.ingest.models import BatchIn, BatchRecorded, MetricIn, Recorded
from service.metrics.ingest.idempotency import Receipt
from service.metrics.ingest.prepare import IdempotencyKey, body_key
from service.metrics.ingest.sample import Decoded
from service.runtime.resources import resources_of

_log = structlog.get_logger()

_IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "Makes a retry safe for 24 hours: the same key and body count once and get the first "
    "answer again; the same key with another body is 409.",
)


async def record_metric(request: Request) -> Response:
    """Record one sample; answered once it is on disk."""
    receipt = await _record(request, decode_metric)
    return _created(Recorded(metric_id=receipt.first_id), receipt)


async def record_batch(request: Request) -> Response:
    """Record up to 1000 samples, all or none; answered once they are on disk."""
    receipt = await _record(request, decode_batch)
    ids = list(range(receipt.first_id, receipt.first_id + receipt.count))
    plural = "s" if receipt.count > 1 else ""
    message = f"{receipt.count} metric{plural} recorded successfully"
    answer = BatchRecorded(count=receipt.count, metric_ids=ids, message=message)
    return _created(answer, receipt)


async def _record(request: Request, decode: Callable[[bytes], Decoded]) -> Receipt:
    body = await read_json_body(request)
    key = _idempotency_key(request, body)
    scope = principal_of(request).scope
    receipt = await resources_of(request).recorder.record(decode(body), scope, key)
    _log.info("metric_recorded", count=receipt.count, replayed=receipt.replayed)
    return receipt


def _idempotency_key(request: Request, body: bytes) -> IdempotencyKey | None:
    key = key_of_header(request, "Idempotency-Key")
    if key is None:
        return None
    return body_key(principal_of(request).id, key, request.url.path, body)


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

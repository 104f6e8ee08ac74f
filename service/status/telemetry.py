"""``GET /metrics``."""

import os
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import principal_of
from service.http.endpoint import Endpoint
from service.runtime.resources import resources_of
from service.runtime.server import TELEMETRY_FOLDER
from service.runtime.telemetry.facts import FactsCollector, read_facts
from service.runtime.telemetry.pools import note_pools
from sql.errors import Forbidden
from sql.messages import Message
from sql.scope import Scope

_ALL_TENANTS = Message("This tells of all tenants: it needs a key of the tenant default")


async def prometheus_metrics(request: Request) -> Response:
    """Metrics of all processes of the service and of the database, in Prometheus' text format."""
    if principal_of(request).scope != Scope():
        raise Forbidden(_ALL_TENANTS)
    resources = resources_of(request)
    note_pools(resources.pools)
    facts = await read_facts(resources.read_pool, resources.series.room, datetime.now(UTC))
    of_database = CollectorRegistry()
    of_database.register(FactsCollector(facts, resources.settings.keep))
    text = generate_latest(_of_processes()) + generate_latest(of_database)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _of_processes() -> CollectorRegistry:
    folder = os.environ.get(TELEMETRY_FOLDER)
    if folder is None:
        return REGISTRY
    for pid in _processes(Path(folder)):
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return registry


def _processes(folder: Path) -> set[int]:
    return {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}


ENDPOINTS = [
    Endpoint(
        "GET", "/metrics", prometheus_metrics, "service", scope="metrics:read", raw="text/plain"
    ),
]

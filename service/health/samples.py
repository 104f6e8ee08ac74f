"""The health of services as samples, which rules watch."""

from collections.abc import Mapping
from typing import Any

import structlog

from service.metrics.ingest.metric_table import MetricEntry, MetricTable
from service.metrics.ingest.recorder import Recorder
from service.metrics.ingest.sample import Decoded, Sample
from sql.errors import DatabaseError, DomainError
from sql.scope import Scope
from sql.vocabulary import SERVICE_HEALTH, HealthStatus

_VALUES: Mapping[HealthStatus, float] = {"healthy": 1.0, "degraded": 0.5, "unhealthy": 0.0}
_ENTRY = MetricEntry("performance", (), kind="stock", frequency="real_time")

_log = structlog.get_logger()


async def record_sample(
    recorder: Recorder, metrics: MetricTable, scope: Scope, report: Mapping[str, Any]
) -> None:
    """Store the status that was reported as a sample. It is left out, which is logged, where it
    cannot be stored, and where somebody has another metric of that name.
    """
    try:
        await metrics.ready()
        entry = metrics.of(scope.tenant).get(SERVICE_HEALTH, _ENTRY)
        if _is_of_health(entry):
            await recorder.record(Decoded([_sample(report)], single=True), scope)
            return
        reason = "the metric is another in the catalogue"
    except (DomainError, DatabaseError) as error:
        reason = str(error)
    _log.info(
        "health_sample_left_out",
        tenant=scope.tenant,
        service_name=report["service_name"],
        reason=reason,
    )


def _is_of_health(entry: MetricEntry) -> bool:
    """False where its samples are of something else."""
    return not entry.units.units and (entry.metric_type, entry.kind, entry.frequency) == (
        _ENTRY.metric_type,
        _ENTRY.kind,
        _ENTRY.frequency,
    )


def _sample(report: Mapping[str, Any]) -> Sample:
    return Sample(
        SERVICE_HEALTH,
        _ENTRY.metric_type,
        _VALUES[report["status"]],
        "real_time",
        service_name=report["service_name"],
        assumed=_ENTRY,
    )

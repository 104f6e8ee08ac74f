"""Following changes that are no new samples: what this process computed before is forgotten."""

from dataclasses import dataclass

from service.metrics.breakdowns import Breakdowns
from service.metrics.corrections.stale import StaleRollups
from service.metrics.federation.catalog import FederatedCatalog
from service.metrics.ingest.series import SeriesCache
from service.metrics.query.aggregate import Aggregates

Metrics = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Following:
    """Called after each such change, with the metrics (tenant, name) that it concerns."""

    stale: StaleRollups
    series: SeriesCache
    catalog: FederatedCatalog
    aggregates: Aggregates
    breakdowns: Breakdowns

    async def corrected(self, metrics: Metrics) -> None:
        """Samples of these metrics count otherwise."""
        await self.stale.refresh()
        self.aggregates.forget(metrics)
        self.breakdowns.forget(metrics)

    async def removed(self, metrics: Metrics) -> None:
        """These metrics are gone."""
        await self.series.reload()
        self.catalog.forget(metrics)
        await self.corrected(metrics)

    async def relabelled(self, metrics: Metrics) -> None:
        """Series of these metrics have other labels."""
        await self.series.reload_relabels()
        await self.corrected(metrics)

    async def closed(self, tenant: str, metric_type: str) -> None:
        """Periods of that type were closed or reopened."""
        await self.series.closed.reload()
        self.aggregates.forget(self.series.metrics.of_type(tenant, metric_type))

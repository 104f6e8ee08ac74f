"""Newest values as OpenMetrics: a gauge for each metric and unit."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from service.metrics.newest import Newest, NewestOfMetric, NewestQuery
from service.prometheus.names import check_distinct, label_names_of, metric_name_of, unit_name_of

MEDIA_TYPE, _, _ = CONTENT_TYPE_LATEST.partition(";")
_MISSING = "fature_business_missing_member"
_STARTS = "fature_business_period_start_timestamp"


def openmetrics(query: NewestQuery, newest: Newest) -> bytes:
    """The text of the newest values, which say in labels of which period and aggregation they are.

    Raises:
        Invalid: two metrics or labels would have the same name.
    """
    registry = CollectorRegistry()
    families = [*_families(query, newest), _starts(query, newest), *_missing(newest)]
    registry.register(_Collected(families))
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]


class _Collected(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(query: NewestQuery, newest: Newest) -> Iterator[Metric]:
    labels = label_names_of(query.group_by)
    names: dict[str, str] = {}
    for metric in newest.metrics:
        for unit in dict.fromkeys(value.unit for value in metric.values):
            family = _family(query, newest, metric, unit)
            names[f"{metric.metric_name} {unit or ''}".rstrip()] = family.name
            for value in metric.values:
                if value.unit == unit:
                    given = [value.labels[name] or "" for name in labels]
                    state = _state(value.start, newest)
                    family.add_metric(
                        [*given, metric.aggregation, query.period, state], value.value
                    )
            yield family
    check_distinct(names)


def _family(
    query: NewestQuery, newest: Newest, metric: NewestOfMetric, unit: str | None
) -> GaugeMetricFamily:
    labels = label_names_of(query.group_by)
    return GaugeMetricFamily(
        metric_name_of(metric.metric_name),
        metric.description or metric.metric_name,
        labels=[*labels.values(), "aggregation", "period", "state"],
        unit=unit_name_of(unit),
    )


def _starts(query: NewestQuery, newest: Newest) -> Metric:
    """When the periods began."""
    family = GaugeMetricFamily(
        _STARTS, "When the period began.", labels=["period", "state"], unit="seconds"
    )
    for state, start in (("complete", newest.complete), ("current", newest.current)):
        family.add_metric([query.period, state], start.timestamp())
    return family


def _missing(newest: Newest) -> Iterator[Metric]:
    """Which members of a hub are in none of the values."""
    if newest.missing_members:
        family = GaugeMetricFamily(
            _MISSING, "A member that did not answer: its samples do not count.", labels=["member"]
        )
        for name in newest.missing_members:
            family.add_metric([name], 1)
        yield family


def _state(start: datetime, newest: Newest) -> str:
    return "current" if start == newest.current else "complete"

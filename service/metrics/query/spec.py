"""What is asked of ``GET /api/metrics/aggregate``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.http.errors import Detail, invalid
from service.http.parameters import AggregateParams
from service.metrics.catalog import MetricEntry
from service.metrics.query.selection import Selection, selection_of
from sql import calendar
from sql.scope import Scope
from sql.vocabulary import GROUPABLE, Aggregation


@dataclass(frozen=True, slots=True)
class Question:
    """A validated aggregate request; equal questions have equal answers. Its instants are in UTC:
    in a zone, both halves of an hour that is repeated would be equal.
    """

    selection: Selection
    params: AggregateParams
    aggregation: Aggregation
    zone: ZoneInfo
    since: datetime | None
    before: datetime | None

    @property
    def subject(self) -> tuple[str, str]:
        """The metric, within its tenant."""
        return self.selection.tenant, self.params.metric_name

    @property
    def key(self) -> str:
        """What makes this question the same as another: of its range only the periods."""
        params = self.params
        return repr(
            (
                self.selection,
                self.aggregation,
                params.period,
                params.group_by,
                params.fill,
                params.limit,
                str(self.zone),
                self.since,
                self.before,
            )
        )


def ask(
    params: AggregateParams,
    dimensions: Mapping[str, str],
    scope: Scope,
    metric: MetricEntry,
    zone: ZoneInfo,
) -> Question:
    """The question behind the parameters, its range widened to whole periods of `zone`.

    Raises:
        ApiError: 422 for an unknown group, a range that ends before it starts, or a filter that
            can be no label.
    """
    known = (*GROUPABLE, *metric.dimensions)
    details = [
        Detail(field="group_by", message=f"{name!r} is none of {', '.join(known)}")
        for name in params.group_by
        if name not in known
    ]
    if len(set(params.group_by)) < len(params.group_by):
        details.append(Detail(field="group_by", message="A group is named twice"))
    if details:
        raise invalid(details)
    params.check(zone)
    since, before = params.since(zone), params.before(zone)
    return Question(
        selection=selection_of(scope, params, dimensions),
        params=params,
        aggregation=params.aggregation or metric.default_aggregation,
        zone=zone,
        since=since and calendar.floor(since, params.period, zone).astimezone(UTC),
        before=before and calendar.ceiling(before, params.period, zone).astimezone(UTC),
    )

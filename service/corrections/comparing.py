"""What is compared with figures, and how the differences are answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from alerts.fields import Number
from service.corrections.models import check_filters
from service.explore.models import LABELS
from service.http.parameters import zone_of
from service.metrics.catalog import MetricEntry
from service.metrics.query.periods import named_period
from service.metrics.query.spec import AggregateQuery, aggregate_query
from service.metrics.reconciliation import (
    Difference,
    Expected,
    Place,
    Reconciliation,
    reconcile,
    start_of_label,
)
from service.runtime.resources import Resources
from sql.calendar import Period
from sql.errors import Invalid, Problem
from sql.messages import Message, Term
from sql.scope import Scope
from sql.vocabulary import MAX_ROWS, Aggregation


class ExpectedIn(BaseModel):
    """The value of a period in the other system, its number of samples, or both; with `group_by`,
    also the group's fields.
    """

    model_config = ConfigDict(extra="allow")

    period: str
    value: Number | None = None
    count: Annotated[int, Field(ge=0, strict=True)] | None = None


class ReconcileIn(BaseModel):
    """``POST /api/metrics/reconcile``; labels and dimensions of the metric are filters."""

    model_config = ConfigDict(extra="allow")

    metric_name: str = Field(min_length=1)
    aggregation: Aggregation | None = Field(
        None, description="The catalogue's default for the metric if absent"
    )
    period: Period = "day"
    group_by: list[str] = []
    tz: str | None = Field(None, description="Another time zone than the business one")
    expected: list[ExpectedIn] = Field(min_length=1, max_length=MAX_ROWS)

    def query(self, metric: MetricEntry, scope: Scope, business: ZoneInfo) -> AggregateQuery:
        """What is compared, but for its range.

        Raises:
            Invalid: a filter, a group or the zone is none.
        """
        filters = self.model_extra or {}
        check_filters(filters, (*LABELS, *metric.dimensions))
        return aggregate_query(
            metric,
            scope,
            zone_of(self.tz, business),
            filters=filters,
            aggregation=self.aggregation,
            period=self.period,
            group_by=self.group_by,
        )

    def places(self, query: AggregateQuery) -> dict[Place, Expected]:
        """What is expected, by period and group.

        Raises:
            Invalid: everything that names no period or group, one a second time, or nothing of it.
        """
        found: dict[Place, Expected] = {}
        problems: list[Problem] = []
        for index, one in enumerate(self.expected):
            start = start_of_label(one.period, query.period, query.zone)
            group = one.model_extra or {}
            if start is None:
                message = Message("No {period} is called so", {"period": Term(query.period)})
                problems.append(Problem(message, "period", index))
            elif problem := _group_problem(group, query.group_by):
                problems.append(
                    Problem(Message("Give exactly the fields of group_by"), problem, index)
                )
            elif one.value is None and one.count is None:
                problems.append(Problem(Message("Give a value or a count"), "value", index))
            else:
                place = Place(start, tuple(group[name] for name in query.group_by))
                if place in found:
                    problems.append(Problem(Message("Given more than once"), "period", index))
                found[place] = Expected(one.value, one.count)
        if problems:
            raise Invalid(*problems)
        return found


class DifferenceOut(BaseModel):
    """A period that differs; with `group_by`, also the group's fields. Differences are by how much
    this service has more; null: one side has nothing.
    """

    period: str
    expected: float | None
    actual: float | None
    difference: float | None
    expected_count: int | None
    actual_count: int | None
    count_difference: int | None


class Reconciled(BaseModel):
    """How many periods agree, and those that do not."""

    success: bool = True
    matching: int
    differences: list[DifferenceOut]


async def compare(
    resources: Resources, scope: Scope, given: ReconcileIn, now: datetime
) -> tuple[AggregateQuery, Reconciliation]:
    """What was compared, and where it differs.

    Raises:
        NotFound: there is no such metric.
        Invalid: something given is wrong.
    """
    metric = await resources.catalog.entry(scope, given.metric_name)
    await resources.catalog.check_known(scope, metric)
    query = given.query(metric, scope, resources.settings.zone)
    places = given.places(query)
    return query, await reconcile(resources.aggregates, query, metric.kind, places, now)


def _group_problem(group: Mapping[str, Any], group_by: Sequence[str]) -> str | None:
    """The first field that is no label of a group, or missing."""
    for name in sorted({*group, *group_by}):
        if name not in group or name not in group_by:
            return name
        if not isinstance(group[name], str | None):
            return name
    return None


def difference_out(one: Difference, query: AggregateQuery) -> dict[str, Any]:
    """A difference as it is answered."""
    expected = one.expected or Expected(None)
    return {
        "period": named_period(one.place.start, query.period, query.zone).label,
        **dict(zip(query.group_by, one.place.group, strict=True)),
        "expected": expected.value,
        "actual": one.actual,
        "difference": one.by,
        "expected_count": expected.count,
        "actual_count": one.actual_count,
        "count_difference": one.count_by,
    }

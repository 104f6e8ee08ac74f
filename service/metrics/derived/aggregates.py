"""Answering queries for derived metrics: those that they are computed from are asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service.metrics.derived.values import (
    MAX_POINTS,
    computed,
    computed_whole,
    operand_query,
)
from service.metrics.federation.aggregates import FederatedAggregates
from service.metrics.federation.merging import largest, sorted_groups
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.ranges import Span
from service.metrics.query.result import Result, Whole
from service.metrics.query.selected import Selected
from service.metrics.query.selection import Group
from service.metrics.query.spec import AggregateQuery
from sql.errors import Invalid, Problem
from sql.messages import Message


class DerivedAggregates(FederatedAggregates):
    """Answers about metrics that were submitted as the class above, about derived ones by those:
    each is aggregated first, then the formula computed.
    """

    async def result(self, query: AggregateQuery, now: datetime) -> Result:
        """The values of each period; where the formula has none, there is none.

        Raises:
            Invalid, Busy: as of the metrics that it is computed from.
        """
        if query.derivation is None:
            return await super().result(query, now)
        if query.most_groups is not None:
            return await self._of_largest(query, now)
        queries = _operands(query)
        results = await asyncio.gather(
            *(super(DerivedAggregates, self).result(one, now) for one in queries)
        )
        if not all(one.is_whole for one in results):
            message = Message(
                "There are more than {number} values in that range; narrow the range or group by "
                "less",
                {"number": MAX_POINTS},
            )
            raise Invalid(Problem(message))
        return computed(query, results, now)

    async def whole(self, query: AggregateQuery) -> Whole:
        """The whole range as one period.

        Raises:
            Invalid, Busy: as `result`.
        """
        if query.derivation is None:
            return await super().whole(query)
        queries = _operands(query)
        wholes = await asyncio.gather(
            *(super(DerivedAggregates, self).whole(one) for one in queries)
        )
        whole = computed_whole(
            query, {one.metric_name: its for one, its in zip(queries, wholes, strict=True)}
        )
        if query.most_groups is None:
            return whole
        kept = largest(whole.totals, query.most_groups)
        return replace(whole, points={group: whole.points[group] for group in kept})

    async def groups(self, query: AggregateQuery) -> Sequence[Group]:
        """The groups that there are series of, of any of the metrics.

        Raises:
            Busy: a member did not answer.
        """
        if query.derivation is None:
            return await super().groups(query)
        found = await asyncio.gather(
            *(super(DerivedAggregates, self).groups(one) for one in _operands(query))
        )
        return sorted_groups(group for groups in found for group in groups)

    async def materialized_until(self, result: Result) -> datetime | None:
        """From where on every sample counts at once."""
        if result.query.derivation is None:
            return await super().materialized_until(result)
        return await Aggregates.materialized_until(self, result)

    async def lacks_samples(self, query: AggregateQuery, spans: Sequence[Span]) -> bool:
        """Whether samples of any of the metrics wait for a refresh."""
        if query.derivation is None:
            return await super().lacks_samples(query, spans)
        found = [
            await super(DerivedAggregates, self).lacks_samples(one, spans)
            for one in _operands(query)
        ]
        return any(found)

    async def selected(self, query: AggregateQuery) -> Selected:
        """The series of a query.

        Raises:
            Invalid: a derived metric has none; or as of one installation.
        """
        if query.derivation:
            message = Message(
                "{metric} is derived: it has no series of its own", {"metric": query.metric_name}
            )
            raise Invalid(Problem(message, "metric_name"))
        return await super().selected(query)


def _operands(query: AggregateQuery) -> list[AggregateQuery]:
    assert query.derivation
    return [operand_query(query, one) for one in query.derivation.operands]

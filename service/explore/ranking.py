"""The groups of an exploration, ranked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.explore.exploration import Exploration
from service.explore.group_cursors import after_of, cursor_of
from service.explore.groups import groups_table
from service.http.files import Table
from service.metrics.catalog import MetricEntry
from service.metrics.federation.merging import MEMBER
from service.metrics.query.breakdown import MAX_GROUP_BY, Breakdown, BreakdownQuery, Row
from service.metrics.query.ranges import Span, days_or_hours, period_for
from service.metrics.query.spec import aggregate_query
from service.runtime.resources import Resources
from sql.federation import HUB
from sql.scope import Scope

# Groups of a page of the ranking.
PAGE = 25


@dataclass(frozen=True, slots=True)
class RankedGroup:
    """A group, its unit, and the address of it alone."""

    labels: Mapping[str, str | None]
    row: Row
    unit: str | None
    href: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """A page of the ranking; `next` is the address of the one behind it, if there is one."""

    found: Breakdown
    groups: Sequence[RankedGroup]
    next: str | None


async def read_ranking(
    resources: Resources,
    scope: Scope,
    asked: Exploration,
    metric: MetricEntry,
    span: Span,
    now: datetime,
) -> Ranking | None:
    """The ranking of what the explorer shows; None where there are no groups, too many labels to
    rank by, or members to rank over.

    Raises:
        Invalid: the cursor is none, or as for the API.
    """
    if not 0 < len(asked.query.group_by) <= MAX_GROUP_BY:
        return None
    if resources.members.all and asked.query.filters.get(MEMBER) != HUB:
        return None
    query = _query(resources, scope, asked, metric, span)
    found = await resources.breakdowns.breakdown(query, now)
    groups = [_ranked(asked, found, group, row) for group, row in found.rows]
    following = found.next and asked.address(cursor=cursor_of(asked.rank, found.next))
    return Ranking(found, groups, following)


def ranking_table(
    resources: Resources,
    scope: Scope,
    asked: Exploration,
    metric: MetricEntry,
    span: Span,
    now: datetime,
) -> Table:
    """All groups of that ranking.

    Raises:
        Invalid: as `read_ranking`.
    """
    query = _query(resources, scope, asked, metric, span)
    return groups_table(resources.breakdowns, query, now)


def _query(
    resources: Resources,
    scope: Scope,
    asked: Exploration,
    metric: MetricEntry,
    span: Span,
) -> BreakdownQuery:
    query, zone = asked.query, resources.settings.zone
    period = period_for(span) if query.period == "auto" else query.period
    if period in ("minute", "hour", "day"):
        period = days_or_hours(span.since, span.before, zone)
    figures = aggregate_query(
        metric,
        scope,
        zone,
        filters=query.filters,
        aggregation=query.aggregation,
        period=period,
        since=span.since,
        before=span.before,
        group_by=query.group_by,
        units="main",
    )
    return BreakdownQuery(
        figures,
        None if asked.compare == "none" else asked.compare,
        asked.rank,
        PAGE,
        after_of(asked.cursor, asked.rank, len(query.group_by)) if asked.cursor else None,
        asked.search,
        span.unit,
        span.whole,
        any_period=True,
    )


def _ranked(
    asked: Exploration, found: Breakdown, group: Sequence[str | None], row: Row
) -> RankedGroup:
    labels = dict(zip(asked.query.group_by, group, strict=True))
    return RankedGroup(labels, row, found.unit_of(tuple(group)), asked.within(labels))

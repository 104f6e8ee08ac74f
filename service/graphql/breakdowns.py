"""Breakdowns: the groups of a metric, ranked."""

from collections.abc import Mapping
from typing import Any

from service.breakdown.models import BreakdownParams
from service.explore.group_cursors import cursor_of
from service.explore.groups import values_of
from service.graphql.context import Context, context_of
from service.graphql.figures import label_list, read_arguments
from service.http.parameters import zone_of
from service.metrics.query.breakdown import Breakdown


async def resolve_breakdown(_: Any, info: Any, metric: str, **given: Any) -> dict[str, Any]:
    """``Query.breakdown``."""
    context = context_of(info)
    context.needs("metrics:read")
    found = await _breakdown(context, metric, given)
    context.count(len(found.rows))
    figures, names = found.query.figures, found.query.figures.group_by
    end = found.next and cursor_of(found.query.order, found.next)
    return {
        "metric": metric,
        "aggregation": figures.aggregation,
        "period": figures.period,
        "timezone": str(figures.zone),
        "unit": found.unit,
        "groups": found.groups,
        "rows": [
            {
                "labels": label_list(dict(zip(names, group, strict=True))),
                "unit": found.unit_of(group),
                "value": values_of(row),
            }
            for group, row in found.rows
        ],
        "total": values_of(found.total),
        "others": values_of(found.others.row),
        "other_groups": found.others.groups,
        "page_info": {"has_next_page": end is not None, "end_cursor": end},
    }


async def _breakdown(context: Context, metric: str, given: Mapping[str, Any]) -> Breakdown:
    by, after = given["order_by"], given.get("after")
    renamed = {
        **{name: one for name, one in given.items() if name not in _RENAMED},
        "order": f"-{by}" if given["reverse"] else by,
        "limit": given["first"],
        "cursor": after,
    }
    params, dimensions = read_arguments(BreakdownParams, metric, renamed)
    entry = await context.entry(metric)
    zone = zone_of(params.tz, context.resources.settings.zone)
    query = params.query(entry, dimensions, context.scope, zone)
    return await context.resources.breakdowns.breakdown(query, context.now)


_RENAMED = ("order_by", "reverse", "first", "after")

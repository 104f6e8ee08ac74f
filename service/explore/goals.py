"""Goal lines: targets of what the explorer shows."""

from collections.abc import Sequence

from psycopg.rows import DictRow

from service.metrics.targets.target import target_of
from service.panels.figures import Figures
from service.web.charts import Threshold


def goals_of(targets: Sequence[DictRow], figures: Figures, usual: str) -> list[Threshold]:
    """The targets of the same period, aggregation and filters; `usual` is the aggregation of those
    that name none. Lines of groups are none of them.
    """
    if figures.query.group_by:
        return []
    filters = dict(figures.query.filters)
    return [
        Threshold(row["value"], row["name"])
        for row in targets
        if row["period"] == figures.period
        and (row["aggregation"] or usual) == figures.aggregation
        and dict(target_of(row).filters) == filters
    ]

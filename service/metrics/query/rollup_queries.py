"""The rollup queries of an aggregate query; pure."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from service.metrics.query.rollups import VERY_MANY, Buckets, RollupQuery
from service.metrics.query.selected import Selected
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.calendar import Period
from sql.statements import joined
from sql.vocabulary import LEVELS, MAX_ROWS, Frequency, Level

# Of as many rows as are wanted, so many times as many periods are read first: groups have gaps.
_MARGIN = 4
_LONG = timedelta(days=1826)


def read_level(period: Period, *, in_business_zone: bool) -> Level:
    """The level of rollups that a period is read from. Day edges of another zone than the business
    one are in none; weeks of rollups are Monday's.
    """
    if period == "minute" or period == "hour":
        return period
    if not in_business_zone:
        return "hour"
    if period == "quarter" or period == "year":
        return "month"
    return "day" if period == "week" and calendar.days_before_monday() else period


def rollup_query(query: AggregateQuery, selected: Selected, *, whole: bool = False) -> RollupQuery:
    """Its values by period, or of the whole range as one."""
    # A value that is carried forward may be older than the rows that are shown.
    limit = MAX_ROWS if query.fill == "previous" else query.limit
    return RollupQuery(
        buckets=Buckets(
            frequencies=selected.frequencies,
            level=selected.level,
            period=query.period,
            zone=str(query.zone),
            before=query.before,
            whole=whole,
            # One series alone is the last of its group, whenever it ended.
            alive=query.aggregation == "last" and selected.series_count > len(selected.groups),
        ),
        since=query.since,
        aggregation=query.aggregation,
        series=joined(part.series for part in selected.parts),
        groups=joined(part.groups for part in selected.parts),
        count=selected.series_count,
        group_count=len(selected.groups),
        limit=len(selected.groups) if whole else limit + 1,
        tenant=query.selection.tenant,
    )


def recent_part(wanted: RollupQuery, query: AggregateQuery, now: datetime) -> RollupQuery | None:
    """The same from so late that it is likely to have all rows that are wanted; None where that
    spares little.
    """
    if wanted.size < VERY_MANY:
        return None
    periods = _MARGIN * (wanted.limit // wanted.group_count + 1)
    length = timedelta(hours=periods * wanted.buckets.hours_of_period)
    end = min(query.before or now, now)
    if length > _LONG or (wanted.since is not None and end - wanted.since < 2 * length):
        return None
    since = calendar.floor(end - length, query.period, query.zone)
    return replace(wanted, since=since.astimezone(UTC))


def size_of(query: AggregateQuery, selected: Selected) -> float:
    """About how many buckets are read."""
    if not selected.parts:
        return 0
    return rollup_query(query, selected).size


def rollups_of(frequencies: Collection[Frequency], level: Period) -> list[str]:
    """Those at the level, and those below that their live part is computed from."""
    return [
        f"rollup_{frequency}_{below}"
        for frequency in frequencies
        for below in LEVELS[frequency][: LEVELS[frequency].index(level) + 1]
    ]

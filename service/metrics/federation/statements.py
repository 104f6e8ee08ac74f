"""Statements about a member's series and rollups, written so that postgres_fdw has filters, time
bounds and grouping carried out there.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from psycopg import sql

from service.metrics.query.ended import known_since, steps_of
from service.metrics.query.ranges import EVER
from service.metrics.query.rollups import Buckets, RollupQuery, bounds_of, last_values
from service.metrics.query.selection import Grouping, in_groups, label_of
from sql import calendar
from sql.calendar import Period
from sql.federation import relation_of
from sql.statements import Query, array_of, numbers_of, query, repeated, union_all
from sql.vocabulary import NONE

# Hours are kept for two years by default; of a range without a start so much is looked at in a zone
# other than the member's.
_LONGEST = timedelta(days=4383)
_ONLY_SERVICE = "only_service"


def series_statement(member: str, grouping: Grouping) -> Query:
    """Finds the series of a selection in their groups, as `grouped_of` reads them."""
    found = query("member_series").format(
        series=relation_of(member, "series"),
        conditions=sql.SQL(" AND ").join(_conditions(grouping)),
    )
    return in_groups(found, grouping.group_by)


def _conditions(grouping: Grouping) -> Iterator[sql.Composable]:
    selection = grouping.selection
    yield _is("tenant", selection.tenant)
    for name, value in selection.filters.items():
        yield _is("service_name" if name == _ONLY_SERVICE else name, value)
    if selection.dimensions:
        wanted = sql.Literal(msgspec.json.encode(selection.dimensions).decode())
        yield query("member_series_dimensions").format(dimensions=wanted).body


def _is(label: str, value: str) -> sql.Composable:
    name = sql.Identifier(label)
    if value == NONE:
        return query("member_series_lacks").format(label=name).body
    return query("member_series_is").format(label=name, value=sql.Literal(value)).body


def label_values_statement(member: str, names: Sequence[str]) -> Query:
    """Finds the values of labels and dimensions."""
    return Query(
        "member_label_values",
        union_all(
            query("member_label_values").format(
                name=sql.Literal(name),
                label=label_of(name),
                series=relation_of(member, "series"),
            )
            for name in names
        ),
    )


def rollup_statement(member: str, asked: RollupQuery, now: datetime) -> Query:
    """Reads values per bucket and group, newest first."""
    if asked.aggregation == "last":
        return _last_statement(member, asked, now)
    buckets = asked.buckets
    bounds = bounds_of(asked.since, buckets.before)
    sources = (
        query(_source_of(buckets)).format(
            rollup=relation_of(member, f"rollup_{frequency}_{buckets.level}"), bounds=bounds
        )
        for frequency in buckets.frequencies
    )
    return query("member_aggregate").format(
        value=query(f"value_{asked.aggregation}").body, sources=union_all(sources)
    )


def _source_of(buckets: Buckets) -> str:
    if buckets.whole:
        return "member_source_whole"
    return "member_source" if buckets.level == buckets.period else "member_source_combined"


def _last_statement(member: str, asked: RollupQuery, now: datetime) -> Query:
    """The last value of each series in each period comes from there, what still lived is found
    here: as of the figures of this database.
    """
    buckets = asked.buckets
    known = known_since(now, buckets.period, ZoneInfo(buckets.zone))
    steps = union_all(
        query("member_steps").format(
            period=query(_key_of(part.level, buckets)).body,
            step=sql.Literal(f"1 {part.step}"),
            rollup=relation_of(member, f"rollup_{frequency}_{part.level}"),
            bounds=bounds_of(part.since, part.before),
        )
        for frequency in buckets.frequencies
        for part in steps_of(frequency, buckets.level, asked.since, buckets.before, known)
    )
    sources = last_values(steps, buckets.period, whole=buckets.whole)
    return query("aggregate_alive").format(value=query("value_last").body, sources=sources.body)


def _key_of(level: Period, buckets: Buckets) -> str:
    """What tells periods apart in a rollup."""
    is_period = level == buckets.period and not buckets.whole
    return "member_bucket" if is_period else "member_period"


def rollup_params(asked: RollupQuery, now: datetime) -> dict[str, object]:
    """The parameters of `rollup_statement`: series are sorted, as their groups are looked up so."""
    pairs = zip(numbers_of(asked.series), numbers_of(asked.groups), strict=True)
    series, groups = zip(*sorted(pairs), strict=True)
    buckets = asked.buckets
    since, before = asked.since, buckets.before
    return {
        "series": array_of(series),
        "groups": array_of(groups),
        "starts": repeated("-infinity", asked.count),
        "ends": repeated("infinity", asked.count),
        "since": array_of([since.isoformat() if since else "-infinity"]),
        "before": array_of([before.isoformat() if before else "infinity"]),
        "periods": array_of(_periods(asked, now)),
        "period": buckets.period,
        "zone": buckets.zone,
        "limit": asked.limit,
    }


def _periods(asked: RollupQuery, now: datetime) -> Iterator[str]:
    """The starts of the periods that are asked for; of a whole range its own."""
    buckets = asked.buckets
    if buckets.whole:
        yield EVER.isoformat()
        return
    if buckets.period in ("minute", "hour") or (
        asked.aggregation != "last" and buckets.level == buckets.period
    ):
        return
    zone = ZoneInfo(buckets.zone)
    end = min(buckets.before or now + timedelta(days=1), now + timedelta(days=1))
    start = calendar.floor(asked.since or now - _LONGEST, buckets.period, zone).astimezone(UTC)
    while start < end:
        yield start.isoformat()
        start = calendar.following(start, buckets.period, zone).astimezone(UTC)

"""The impact of events: how far what was watched was from what was expected while they lasted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.selection import Labels
from sql import calendar
from sql.calendar import LongPeriod
from sql.database import Pool, fetch_all
from sql.durations import Calendar, Trailing, parse_window
from sql.vocabulary import ADDING, GROUPABLE, LABELS, NONE, Aggregation

# Within an hour nothing is expected.
_GRAIN: LongPeriod = "hour"


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """The difference to the expected figure, in its unit, from `since` up to `until`: summed up
    where values add up, else on average.
    """

    difference: float
    expected: float
    unit: str | None
    since: datetime
    until: datetime
    adds_up: bool


def impact_of(
    aggregation: Aggregation,
    unit: str | None,
    periods: Sequence[datetime],
    until: datetime,
    values: Mapping[datetime, float | None],
    expected: Mapping[datetime, float],
) -> Impact | None:
    """The impact over the periods that something was expected of; None where that is none. Where
    values add up, a period without one had nothing.
    """
    adds_up = aggregation in ADDING
    nothing = 0.0 if adds_up else None
    pairs = [
        (value, expected[start])
        for start in periods
        if start in expected and (value := values.get(start, nothing)) is not None
    ]
    if not pairs:
        return None
    number = 1 if adds_up else len(pairs)
    return Impact(
        difference=sum(value - usual for value, usual in pairs) / number,
        expected=sum(usual for _, usual in pairs) / number,
        unit=unit,
        since=periods[0],
        until=until,
        adds_up=adds_up,
    )


def period_of(event: Mapping[str, Any]) -> LongPeriod:
    """The period by which the impact of an event is computed: that of its rule's window, of a
    trailing one the hour.
    """
    window = parse_window(event["window_name"])
    return window.period if isinstance(window, Calendar) else _GRAIN


def lasted(event: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """From when until when an event lasted, in whole periods that are over; both are the same as
    long as none is.
    """
    window, period = parse_window(event["window_name"]), period_of(event)
    since = calendar.floor(event["window_start"] or event["opened_at"], period, zone)
    over = calendar.floor(now, period, zone)
    end = event["resolved_at"] or now
    # What resolved an event by itself is a window in which everything was well again.
    recovered = event["resolved_at"] is not None and event["resolved_by"] is None
    if isinstance(window, Trailing):
        if recovered:
            end = max(end - timedelta(seconds=window.seconds), event["opened_at"])
        until = calendar.ceiling(end, period, zone)
    else:
        until = calendar.floor(end, period, zone)
        if recovered:
            until = calendar.floor(until - timedelta(microseconds=1), period, zone)
    return since, max(min(until, over), since)


def filters_of(labels: Labels, rule: Mapping[str, Any]) -> dict[str, str] | None:
    """The labels and dimensions of what an event is about: its group within what its rule
    watches. None where no filter finds them.
    """
    if any(not value and name not in GROUPABLE for name, value in labels.items()):
        return None
    watched = {name: str(rule[name]) for name in (*LABELS, "unit") if rule[name]}
    group = {name: value or NONE for name, value in labels.items()}
    return {**watched, **rule["filters"], **group}


async def stored_impact(pool: Pool, event_id: int) -> tuple[Impact | None, datetime | None]:
    """The impact of an event as it is kept, and when it was computed for how it is now; None where
    it was not.
    """
    rows = await fetch_all(pool, "stored_impact", {"event_id": event_id})
    if not rows:
        return None, None
    (row,) = rows
    impact = None
    if row["impact"] is not None:
        impact = Impact(
            difference=row["impact"],
            expected=row["impact_expected"],
            unit=row["impact_unit"],
            since=row["impact_since"],
            until=row["impact_until"],
            adds_up=row["aggregation"] in ADDING,
        )
    return impact, row["computed_at"]

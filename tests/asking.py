"""Questions to ``GET /api/metrics/aggregate`` and to the views, and the only right answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import psycopg
from psycopg import sql

from tests.reference import (
    Figures,
    Group,
    Labels,
    Sample,
    agrees,
    is_fine_enough,
    per_period,
    start_after,
    start_of,
)

Key = tuple[datetime, Group]
MICROSECOND = timedelta(microseconds=1)
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "last")
SQL_AGGREGATIONS = ("sum", "count", "avg", "min", "max", "first", "last")


@dataclass(frozen=True)
class Refused:
    """The question has no answer; the error is about that parameter."""

    field: str


@dataclass(frozen=True)
class Question:
    """A question about a metric."""

    period: str = "day"
    aggregation: str = "sum"
    group_by: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    tz: str | None = None
    start: date | None = None
    end: date | None = None
    fill: str = "none"

    def params(self, metric: str) -> dict[str, str | list[str]]:
        """As query parameters."""
        given: dict[str, str | None] = {
            "metric_name": metric,
            "period": self.period,
            "aggregation": self.aggregation,
            "tz": self.tz,
            "start_date": self.start.isoformat() if self.start else None,
            "end_date": self.end.isoformat() if self.end else None,
            "fill": self.fill,
            **self.filters,
        }
        named = {name: value for name, value in given.items() if value is not None}
        return {**named, "group_by": list(self.group_by)}


def right_answer(
    question: Question, samples: Sequence[Sample], business_zone: ZoneInfo, now: datetime
) -> Mapping[Key, Figures | float | None] | Refused:
    """The value of every row, by start (in UTC) and group."""
    selected = [sample for sample in samples if _is_selected(sample.labels, question.filters)]
    zone = ZoneInfo(question.tz) if question.tz else business_zone
    from_hours = zone != business_zone and question.period not in ("minute", "hour")
    finest = "hour" if from_hours else question.period
    usable = [one for one in selected if is_fine_enough(one.labels.frequency, finest)]
    if selected and not usable:
        return Refused("tz" if from_hours else "period")
    rows = {
        key: figures
        for key, figures in per_period(usable, question.period, zone, question.group_by).items()
        if _is_in_range(key[0], question, zone)
    }
    if "unit" not in question.group_by and question.aggregation != "count":
        units = {one.labels.unit for figures in rows.values() for one in figures.samples}
        if len(units) > 1:
            return Refused("unit")
        # Those of other units are no groups of the range.
        usable = [one for one in usable if not units or one.labels.unit in units]
    if question.fill == "none":
        return rows
    return _filled(rows, question, zone, usable, now)


def ask(client: httpx2.Client, metric: str, question: Question, **more: str) -> httpx2.Response:
    """The service's answer."""
    return client.get("/api/metrics/aggregate", params={**question.params(metric), **more})


def check_answer(
    client: httpx2.Client,
    metric: str,
    question: Question,
    samples: Sequence[Sample],
    business_zone: ZoneInfo,
    **more: str,
) -> None:
    """The service's answer is the right one."""
    now = datetime.now(UTC)
    response = ask(client, metric, question, **more)
    step = "minute" if question.period == "minute" else "hour"
    if start_of(now, step, business_zone) != start_of(datetime.now(UTC), step, business_zone):
        check_answer(client, metric, question, samples, business_zone, **more)
        return
    expected = right_answer(question, samples, business_zone, now)
    if isinstance(expected, Refused):
        assert response.status_code == 422, (question, response.text)
        assert [each["field"] for each in response.json()["error"]["details"]] == [expected.field]
        return
    assert response.status_code == 200, (question, response.text)
    rows = response.json()["data"]
    found = {_key(row, question.group_by): row["value"] for row in rows}
    assert len(found) == len(rows), (question, rows)
    assert [row["start"] for row in rows] == [
        row["start"] for row in sorted(rows, key=lambda row: datetime.fromisoformat(row["start"]))
    ]
    differ = found.keys() ^ expected.keys()
    assert not differ, (
        f"{question}: only found {differ & found.keys()}, not {differ - found.keys()}"
    )
    wrong = {
        key: (found[key], value)
        for key, value in expected.items()
        if not _is_right(found[key], value, question.aggregation)
    }
    assert not wrong, f"{question}\nfound and right: {wrong}"


def check_view(
    conn: psycopg.Connection[Any],
    period: str,
    metric: str,
    samples: Sequence[Sample],
    business_zone: ZoneInfo,
) -> None:
    """`analytics.metric_<period>` has exactly the right figures of every series."""
    statement = sql.SQL(
        """
        SELECT bucket, frequency, unit, service_name, affiliate_id, region,
            dimensions ->> 'payment_method',
            sum_value, sample_count, avg_value, min_value, max_value, first_value, last_value
        FROM {view} WHERE metric_name = %s
        """
    ).format(view=sql.Identifier("analytics", f"metric_{period}"))
    usable = [one for one in samples if is_fine_enough(one.labels.frequency, period)]
    _check_rows(conn.execute(statement, [metric]).fetchall(), usable, period, business_zone)


def check_raw_sql(
    conn: psycopg.Connection[Any], period: str, metric: str, samples: Sequence[Sample], zone: str
) -> None:
    """Sums that an analyst makes of `analytics.metrics` in any zone are the right figures."""
    statement = """
        SELECT date_trunc(%s, ts, %s) AS bucket, frequency, unit, service_name, affiliate_id,
            region, dimensions ->> 'payment_method' AS payment_method,
            sum(value::numeric), count(*), avg(value::numeric), min(value), max(value),
            (array_agg(value ORDER BY ts, id))[1],
            (array_agg(value ORDER BY ts DESC, id DESC))[1]
        FROM analytics.metrics WHERE metric_name = %s
        GROUP BY 1, 2, 3, 4, 5, 6, 7
        """
    found = conn.execute(statement, [period, zone, metric]).fetchall()
    _check_rows(found, samples, period, ZoneInfo(zone))


def _check_rows(
    found: Sequence[tuple[Any, ...]], samples: Sequence[Sample], period: str, zone: ZoneInfo
) -> None:
    expected = per_period(samples, period, zone, Labels._fields)
    rows = {(row[0].astimezone(UTC), row[1:7]): row[7:] for row in found}
    assert len(rows) == len(found)
    differ = rows.keys() ^ expected.keys()
    assert not differ, (
        f"{period}: only found {differ & rows.keys()}, not found {differ - rows.keys()}"
    )
    wrong = {
        (key, aggregation): (value, expected[key])
        for key, values in rows.items()
        for aggregation, value in zip(SQL_AGGREGATIONS, values, strict=True)
        if not agrees(value, expected[key], aggregation)
    }
    assert not wrong, f"{period}: found and right: {wrong}"


def _is_selected(labels: Labels, filters: Mapping[str, str]) -> bool:
    return all(getattr(labels, name) == value for name, value in filters.items())


def _is_in_range(start: datetime, question: Question, zone: ZoneInfo) -> bool:
    """The range is widened to whole periods; its end is inclusive."""
    since, through = _first(question, zone), _last(question, zone)
    return (since is None or start >= since) and (through is None or start <= through)


def _first(question: Question, zone: ZoneInfo) -> datetime | None:
    if question.start is None:
        return None
    return start_of(_instant(question.start, zone), question.period, zone)


def _last(question: Question, zone: ZoneInfo) -> datetime | None:
    if question.end is None:
        return None
    last = _instant(question.end, zone)
    if not isinstance(question.end, datetime):
        last = start_after(last, "day", zone) - MICROSECOND
    return start_of(last, question.period, zone)


def _instant(moment: date, zone: ZoneInfo) -> datetime:
    """The instant; of a bare date its first one."""
    if isinstance(moment, datetime):
        return moment
    return start_of(datetime.combine(moment, time(12), tzinfo=zone), "day", zone)


def _filled(
    rows: Mapping[Key, Figures],
    question: Question,
    zone: ZoneInfo,
    usable: Sequence[Sample],
    now: datetime,
) -> Mapping[Key, Figures | float | None]:
    starts = sorted(start for start, _ in rows)
    start = _first(question, zone) or (starts[0] if starts else None)
    until = max([start_of(now, question.period, zone), *starts])
    until = min(until, _last(question, zone) or until)
    groups = {tuple(getattr(one.labels, name) for name in question.group_by) for one in usable}
    if not question.group_by:
        groups = {()}
    last: dict[Group, Figures | None] = {}
    full: dict[Key, Figures | float | None] = {}
    while start is not None and start <= until:
        for group in groups:
            last[group] = rows.get((start, group), last.get(group))
            made_up = {"zero": 0.0, "null": None, "previous": last[group]}[question.fill]
            full[start, group] = rows.get((start, group), made_up)
        start = start_after(start, question.period, zone)
    return full


def _key(row: Mapping[str, Any], group_by: Sequence[str]) -> Key:
    start = datetime.fromisoformat(row["start"]).astimezone(UTC)
    return start, tuple(row[name] for name in group_by)


def _is_right(found: float | None, expected: Figures | float | None, aggregation: str) -> bool:
    if isinstance(expected, Figures):
        return agrees(found, expected, aggregation)
    return found == expected

"""The chart of an event: its metric around that time, as its rule reads it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow
from starlette.requests import Request

from service.http.authentication import principal_of
from service.language.reader import Reader
from service.language.translations import N_
from service.metrics.explanations import UNEXPLAINED
from service.metrics.query.ranges import span_between
from service.metrics.query.result import Result
from service.metrics.query.spec import aggregate_query
from service.metrics.query.totals import rolling
from service.panels.addresses import why_address
from service.panels.config import Compare, Query
from service.panels.usual import band_of, told_soon
from service.runtime.resources import Resources, resources_of
from service.web.charts import Band, Chart, Line, Mark, Threshold
from service.web.session import reader_of
from sql.calendar import Period
from sql.durations import Calendar, parse_window
from sql.errors import DomainError
from sql.scope import Scope
from sql.vocabulary import GROUPABLE, LABELS, NONE

# How far before its opening the chart of an event begins.
_BEFORE: Mapping[Period, timedelta] = {
    "minute": timedelta(hours=3),
    "hour": timedelta(days=2),
    "day": timedelta(days=30),
    "week": timedelta(weeks=26),
    "month": timedelta(days=365),
}
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class EventChart(NamedTuple):
    """A chart as data, by `period`; `is_pending` where samples of it wait for a refresh."""

    spec: dict[str, Any]
    period: Period
    is_pending: bool


class Drawn(NamedTuple):
    """A chart, and the result that it shows."""

    chart: Chart
    result: Result


async def event_chart(request: Request, row: DictRow, rule: DictRow | None) -> EventChart | None:
    """The metric around the event, as the rule selects it; None where nothing can be drawn."""
    if not principal_of(request).may("metrics:read"):
        return None
    resources, scope = resources_of(request), principal_of(request).scope
    drawn = await chart_of(resources, scope, reader_of(request), row, rule)
    if drawn is None:
        return None
    chart, result = drawn
    since, before = _span(row, result.query.period)
    span = span_between(since - _trailing(row), before)
    is_pending = await resources.aggregates.lacks_samples(result.query, [span])
    return EventChart(chart.spec, result.query.period, is_pending)


async def chart_of(
    resources: Resources, scope: Scope, reader: Reader, row: DictRow, rule: DictRow | None
) -> Drawn | None:
    """The same chart for a reader of that scope; None where nothing can be drawn."""
    result = await _figures(resources, scope, row, rule)
    if result is None or not result.points:
        return None
    marks = [Mark(row["opened_at"], reader.gettext(N_("Opened")), severity=row["severity"])]
    if row["resolved_at"]:
        marks.append(Mark(row["resolved_at"], reader.gettext(N_("Resolved"))))
    since, _ = _span(row, result.query.period)
    # What is before is only there to be added.
    points = [one for one in rolling(result, _trailing(row)) if one.start >= since]
    chart = Chart(
        times=[one.start for one in points],
        lines=[Line(row["metric_name"], [one.value for one in points])],
        unit=result.unit,
        period=result.query.period,
        incomplete=result.is_under_way,
        marks=marks,
        thresholds=_thresholds(row, reader),
        band=await _band(resources, reader, row, result, [one.start for one in points]),
    )
    return Drawn(chart, result)


async def _band(
    resources: Resources,
    reader: Reader,
    row: DictRow,
    result: Result,
    starts: Sequence[datetime],
) -> Band | None:
    """What was expected at the instants of the chart; None of trailing windows, of minutes, and
    where nothing is known.
    """
    if _trailing(row) or result.query.period == "minute":
        return None
    told = await told_soon(resources, result.query, datetime.now(UTC))
    known = [told.get(start.astimezone(UTC)) for start in starts]
    return band_of(known, reader) if any(known) else None


def _thresholds(row: DictRow, reader: Reader) -> list[Threshold]:
    """A line at the threshold, where that is one of the figures drawn and not of their change."""
    compared = row["compared"]
    is_forecast = compared is not None and compared["expected"] is None
    if not row["condition"] or (compared is not None and not is_forecast):
        return []
    return [Threshold(row["threshold_value"], reader.gettext(N_("Threshold")))]


def explorer_of_event(
    row: DictRow, rule: DictRow | None, zone: ZoneInfo, chart: EventChart | None
) -> str:
    """The explorer with the same figures, of whole days of the business."""
    period = chart.period if chart else _period(row)
    since, before = (instant.astimezone(zone) for instant in _span(row, period))
    chosen = {
        "metric_name": row["metric_name"],
        "aggregation": row["aggregation"],
        "period": period,
        "start_date": f"{since:%Y-%m-%d}",
        "end_date": f"{before:%Y-%m-%d}",
        **{f"filter.{name}": value for name, value in _labels(row, rule).items()},
    }
    return f"/explore?{urlencode(chosen)}"


def why_of_event(row: DictRow, rule: DictRow | None) -> str | None:
    """The page that explains the value that the event was opened by, against the same a week
    before; None of what cannot be explained.
    """
    labels, since, before = _labels(row, rule), row["window_start"], row["window_end"]
    is_explained = row["aggregation"] not in UNEXPLAINED and set(row["group_labels"]) <= set(labels)
    if since is None or before is None or not is_explained:
        return None
    compare: Compare = "previous_week" if before - since <= _DAY else "previous_period"
    query = Query(metric_name=row["metric_name"], filters=labels)
    return why_address(query, row["aggregation"], since, before, compare)


async def _figures(
    resources: Resources, scope: Scope, row: DictRow, rule: DictRow | None
) -> Result | None:
    period = _period(row)
    if period == "minute":
        result = await _read(resources, scope, row, rule, period)
        if result and result.points and not result.omitted:
            return result
        period = "hour"
    return await _read(resources, scope, row, rule, period)


async def _read(
    resources: Resources, scope: Scope, row: DictRow, rule: DictRow | None, period: Period
) -> Result | None:
    metric = await resources.catalog.entry(scope, row["metric_name"])
    if any(not value and name not in GROUPABLE for name, value in row["group_labels"].items()):
        # No filter finds what has no such dimension.
        return None
    since, before = _span(row, period)
    try:
        query = aggregate_query(
            metric,
            scope,
            resources.settings.zone,
            filters=_labels(row, rule),
            aggregation=row["aggregation"],
            period=period,
            since=since - _trailing(row),
            before=before,
        )
        return await resources.aggregates.result(query, datetime.now(UTC))
    except DomainError:
        # Such as samples of another unit since.
        return None


def _labels(row: DictRow, rule: DictRow | None) -> dict[str, str]:
    """The labels of the event's figures: its group within what its rule watched when it opened;
    where that was not kept, within what the rule watches.
    """
    its = row["rule"] or rule
    watched = {name: its[name] for name in LABELS if its is not None and its[name]}
    watched |= its["filters"] if its is not None else {}
    group = {
        name: value or NONE
        for name, value in row["group_labels"].items()
        if value or name in GROUPABLE
    }
    compared = row["compared"]
    unit = compared["unit"] if compared else row["unit"]
    return watched | group | ({"unit": unit} if unit else {})


def _period(row: DictRow) -> Period:
    """That of the rule's window; of a trailing one about as long a one, finer where a day has all
    of the event.
    """
    window = parse_window(row["window_name"])
    if isinstance(window, Calendar):
        return window.period
    since, before = _span(row, "minute")
    if window.seconds < _HOUR.total_seconds() and before - since <= _DAY:
        return "minute"
    return "hour" if window.seconds <= _DAY.total_seconds() else "day"


def _trailing(row: DictRow) -> timedelta:
    """The length of the rule's window where that is a trailing one."""
    window = parse_window(row["window_name"])
    return timedelta() if isinstance(window, Calendar) else timedelta(seconds=window.seconds)


def _span(row: DictRow, period: Period) -> tuple[datetime, datetime]:
    length = _BEFORE[period]
    end = row["resolved_at"] or datetime.now(UTC)
    return row["opened_at"] - length, min(datetime.now(UTC), end + length / 4)

"""The preview of a rule: the history of its metric, and when it would have fired."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request

from alerts import registry
from alerts.backtest import Backtest, sightings
from alerts.rules import Rule
from alerts.watched import unit_of, window_of
from service.alerts.authors import scope_of
from service.http.authentication import principal_of
from service.language.reader import Reader
from service.language.translations import N_
from service.metrics.query.ranges import Span
from service.metrics.query.result import Result
from service.metrics.query.spec import aggregate_query
from service.rules.form import NAMES, to_test, wrong_with
from service.rules.models import RuleToTest
from service.runtime.resources import resources_of
from service.web.charts import Band, Chart, Line, Mark, Spot, Threshold
from service.web.forms import Form
from service.web.session import reader_of
from sql.calendar import LongPeriod
from sql.durations import Calendar
from sql.errors import DomainError
from sql.vocabulary import LABELS

_MOST_LINES = 8
# The ends of the band beyond which a rule fires.
_ENDS = {"below": ("lower",), "above": ("upper",), "both": ("lower", "upper")}
WOULD_HAVE_FIRED = N_("Would have fired")
# How far back a rule is tested, by the period of its chart.
_DAYS: dict[LongPeriod, int] = {"hour": 14, "day": 90, "week": 365, "month": 730}
# Each day of these takes a forecast.
_FORECAST_DAYS = 90


async def preview_of(request: Request, form: Form[Rule]) -> dict[str, Any] | None:
    """The backtest of the form; None while the form is no rule yet. `wrong` or `problem` say
    why it cannot be tested.
    """
    if not principal_of(request).may("metrics:read"):
        return None
    reader = reader_of(request)
    rule = to_test(form, 1, reader)
    if rule is None:
        wrong = wrong_with(form, reader)
        return {"wrong": wrong, "names": NAMES} if wrong else None
    period = await _period(request, rule)
    most = _FORECAST_DAYS if rule.type == "forecast" else _DAYS[period]
    rule = rule.model_copy(update={"days": min(_DAYS[period], most)})
    try:
        backtests, now = resources_of(request).backtests, datetime.now(UTC)
        tested, (result, is_pending) = await asyncio.gather(
            backtests.run(scope_of(request), rule, rule.days, now), _history(request, rule, period)
        )
    except DomainError as error:
        return {"wrong": (), "problem": error.message}
    return {
        "wrong": (),
        "problem": None,
        "days": rule.days,
        "fires_now": any(one.is_firing for one in sightings(tested)),
        "episodes": list(reversed(tested.episodes)),
        "is_pending": is_pending,
        "chart": _chart(request, rule, result, tested) if result.shown else None,
    }


async def _period(request: Request, rule: Rule) -> LongPeriod:
    """Of the points of the chart: the rule's own, or hours."""
    pool, tenant = resources_of(request).read_pool, scope_of(request).tenant
    entries = await registry.catalogue(pool, tenant, [rule.metric_name])
    window = window_of(rule, entries.get(rule.metric_name))
    return window.period if isinstance(window, Calendar) else "hour"


async def _filters(request: Request, rule: Rule) -> dict[str, str | None]:
    """The labels and dimensions that the rule selects."""
    pool, tenant = resources_of(request).read_pool, scope_of(request).tenant
    entries = await registry.catalogue(pool, tenant, [rule.metric_name])
    labels = {name: getattr(rule, name) for name in LABELS}
    return {**labels, **rule.filters, "unit": unit_of(rule, entries.get(rule.metric_name))}


async def _history(request: Request, rule: RuleToTest, period: LongPeriod) -> tuple[Result, bool]:
    """The figures of the chart, and whether samples of them wait for a refresh."""
    resources, scope = resources_of(request), principal_of(request).scope
    metric = await resources.catalog.entry(scope, rule.metric_name)
    now = datetime.now(UTC)
    since = now - timedelta(days=rule.days)
    query = aggregate_query(
        metric,
        scope,
        resources.settings.zone,
        filters=await _filters(request, rule),
        aggregation=rule.aggregation,
        period=period,
        since=since,
        group_by=rule.group_by,
        units="main",
        most_groups=_MOST_LINES,
    )
    return await asyncio.gather(
        resources.aggregates.own.result(query, now),
        resources.aggregates.lacks_samples(query, [Span(since, now)]),
    )


def _thresholds(rule: Rule, reader: Reader) -> list[Threshold]:
    """A line at the threshold, where that is one of the figures drawn and not of their change."""
    if rule.compare is not None or rule.threshold_value is None:
        return []
    return [Threshold(rule.threshold_value, reader.gettext(N_("Threshold")))]


def _chart(request: Request, rule: Rule, result: Result, tested: Backtest) -> dict[str, Any]:
    reader = reader_of(request)
    times = sorted({point.start for point in result.shown})
    return Chart(
        times=times,
        lines=[
            Line(
                ", ".join(map(str, group)) or rule.metric_name, [values.get(time) for time in times]
            )
            for group, values in list(result.by_group.items())[:_MOST_LINES]
        ],
        unit=result.unit,
        period=result.query.period,
        incomplete=result.is_under_way,
        marks=[
            Mark(one.opened_at, reader.gettext(WOULD_HAVE_FIRED), severity=rule.severity)
            for one in tested.episodes
        ],
        thresholds=_thresholds(rule, reader),
        band=_band(tested, times, reader),
        spots=_spots(tested, times, reader),
    ).spec


def _band(tested: Backtest, times: Sequence[datetime], reader: Reader) -> Band | None:
    """What the rule takes as usual, of one group; None of rules that do not judge by it."""
    if len(tested.bands) != 1 or len(tested.plan.groups) != 1:
        return None
    (usual,) = tested.bands.values()
    known = [usual.get(time) for time in times]
    if not any(known):
        return None
    ends = _ENDS[tested.plan.watch.direction or "both"]
    lower, upper = (
        [one and getattr(one, end) if end in ends else None for one in known]
        for end in ("lower", "upper")
    )
    return Band(reader.gettext(N_("Usual to this rule")), lower, upper)


def _spots(tested: Backtest, times: Sequence[datetime], reader: Reader) -> list[Spot]:
    """The values for which the rule would have fired, where it judges by what is usual."""
    if tested.plan.watch.direction is None:
        return []
    drawn = set(times)
    return [
        Spot(one.window_start, one.compared.figure, reader.gettext(WOULD_HAVE_FIRED))
        for one in tested.episodes
        if one.compared is not None and one.window_start in drawn
    ]

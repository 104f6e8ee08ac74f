"""What is ahead of the figures of the explorer: a forecast to the end of the week or month."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from alerts.expectation.projection import Projection
from service.language.reader import Reader
from service.language.translations import N_
from service.metrics.catalog import MetricEntry
from service.metrics.forecasts import ForecastQuery
from service.metrics.query.ranges import Span
from service.metrics.targets.target import Target
from service.panels.config import Query
from service.panels.figures import Figures
from service.runtime.resources import Resources
from service.web.charts import Band, Chart, Line
from sql import calendar
from sql.calendar import LongPeriod
from sql.errors import DomainError
from sql.messages import Message
from sql.scope import Scope

Until = Literal["none", "week", "month"]
FORECAST = N_("Forecast")
EXPECTED_RANGE = N_("Usual or expected range")
# Periods that are drawn at most: hours of a whole month are more than anybody can tell apart.
_MOST = 400
_LEVEL = 0.9
_FORETOLD: Mapping[str, LongPeriod] = {period: period for period in get_args(LongPeriod)}


class Ahead(NamedTuple):
    """Values of the periods from the one under way on, the ends of the range that nine of ten are
    in, and what the week or month will end with; or the problem because of which there are none.
    """

    starts: Sequence[datetime] = ()
    values: Sequence[float] = ()
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()
    total: Projection | None = None
    problem: Message | None = None

    def drawn(self, chart: Chart, reader: Reader) -> Chart:
        """The chart with a line of it. The value of the period under way gives way to what the
        whole of it is expected to be.
        """
        if not self.starts:
            return chart
        over = len(chart.times) - chart.incomplete
        nothing = [None] * len(self.starts)
        lines = [replace(one, values=[*one.values[:over], *nothing]) for one in chart.lines]
        joined = [None] * (over - 1) + list(chart.lines[0].values[over - 1 : over])
        ahead = Line(reader.gettext(FORECAST), [*joined, *self.values], before=True)
        return replace(
            chart,
            times=[*chart.times[:over], *self.starts],
            lines=[*lines, ahead],
            incomplete=False,
            band=self._band(chart.band, over, reader),
        )

    def _band(self, usual: Band | None, over: int, reader: Reader) -> Band:
        nothing = [None] * over
        lower = usual.lower[:over] if usual else nothing
        upper = usual.upper[:over] if usual else nothing
        label = reader.gettext(EXPECTED_RANGE)
        return Band(label, [*lower, *self.lower], [*upper, *self.upper])


async def ahead_of(
    resources: Resources,
    scope: Scope,
    query: Query,
    metric: MetricEntry,
    until: Until,
    span: Span,
    figures: Figures,
    now: datetime,
) -> Ahead | None:
    """The forecast of what the explorer shows; None where none is asked for."""
    if until == "none" or not figures.lines:
        return None
    period = _FORETOLD.get(figures.period)
    if len(figures.lines) > 1 or query.group_by or span.before <= now or period is None:
        said = Message("A forecast is drawn of one line by the hour or longer, up to now")
        return Ahead(problem=said)
    zone = resources.settings.zone
    number = min(_periods_until(until, period, zone, now), _MOST)
    wanted = ForecastQuery(
        metric, scope, zone, period, number, _LEVEL, query.aggregation, query.filters
    )
    target = Target(
        "", metric.metric_name, until, 0.0, "at_least", query.aggregation, query.filters
    )
    try:
        (found,) = await resources.forecasts.forecasts(wanted, now)
        progress = await resources.progresses.progress(scope, target, metric, now)
    except DomainError as error:
        return Ahead(problem=error.message)
    made = found.forecast
    columns = (made.values.tolist(), made.lower.tolist(), made.upper.tolist())
    return Ahead(found.starts, *columns, progress.projection)


def _periods_until(
    until: Literal["week", "month"], period: LongPeriod, zone: ZoneInfo, now: datetime
) -> int:
    """How many periods there are from the one of `now` to the end of the week or month."""
    end = calendar.following(calendar.floor(now, until, zone), until, zone).astimezone(UTC)
    start, number = calendar.floor(now, period, zone), 0
    while start.astimezone(UTC) < end:
        start = calendar.following(start, period, zone)
        number += 1
    return number

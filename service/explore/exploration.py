"""Explorations: the query, range and look in an address of the explorer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams

from service.explore.ahead import Until
from service.http.validation import problems_of
from service.metrics.query.breakdown import RankOrder
from service.metrics.query.ranges import RangeName
from service.panels.addresses import FILTER, selection_pairs
from service.panels.config import Compare, Day, Query, TimeRange
from service.web.charts import Look
from sql.calendar import Period
from sql.errors import Invalid
from sql.vocabulary import NONE, Aggregation

_DEFAULT_DAYS = timedelta(days=29)


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    metric_name: str = ""
    aggregation: Aggregation | None = None
    period: Period | Literal["auto"] = "auto"
    range: RangeName | Literal["custom"] | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    group_by: list[str] = []
    compare: Compare = "none"
    look: Look = "line"
    forecast: Until = "none"
    rank: RankOrder = "value"
    search: Annotated[str, Field(max_length=200)] = ""
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Exploration:
    """`query` has no metric before one is picked. Its groups are ranked by `rank`: those with a
    label that contains `search`, from `cursor` on. `forecast` says up to the end of what.
    """

    query: Query
    range: TimeRange
    compare: Compare
    look: Look
    rank: RankOrder = "value"
    search: str = ""
    cursor: str = ""
    forecast: Until = "none"

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """As an address says it; what is as usual is left out."""
        return list(self._pairs())

    def address(self, path: str = "/explore", **changes: str) -> str:
        """The address of this, or of what is different by `changes`."""
        kept = [pair for pair in self.pairs if pair[0] not in changes]
        return f"{path}?{urlencode([*kept, *((n, v) for n, v in changes.items() if v)])}"

    def by_change(self, rank: RankOrder) -> str:
        """The address of the groups ranked by how they changed, against the period before where
        nothing else is compared with.
        """
        compare = "previous_period" if self.compare == "none" else self.compare
        return self.address(rank=rank, compare=compare)

    def about(self, metric_name: str) -> str:
        """The address of another metric: the same time, its own filters and groups."""
        kept = ("range", "start_date", "end_date", "compare", "look", "forecast")
        pairs = [("metric_name", metric_name), *(p for p in self.pairs if p[0] in kept)]
        return f"/explore?{urlencode(pairs)}"

    def within(self, labels: Mapping[str, str | None]) -> str:
        """The address of one group: filtered by its labels, to be grouped by others."""
        taken = {FILTER + name for name in labels}
        kept = [
            pair
            for pair in self.pairs
            if pair[0] not in ("rank", "search", "group_by") and pair[0] not in taken
        ]
        filters = [(FILTER + name, value or NONE) for name, value in labels.items()]
        return f"/explore?{urlencode([*kept, *filters])}"

    def rule_address(self, aggregation: Aggregation, period: Period) -> str:
        """The address of a new alert rule on what is shown: the same metric, figure, period,
        filters and groups.
        """
        query = self.query
        pairs = [
            ("metric_name", query.metric_name),
            ("aggregation", aggregation),
            ("window", "1m" if period == "minute" else period),
            *(("group_by", name) for name in query.group_by),
            *((FILTER + name, value) for name, value in query.filters.items()),
        ]
        return f"/alerts/rules/new?{urlencode(pairs)}"

    def _pairs(self) -> Iterator[tuple[str, str]]:
        yield from selection_pairs(self.query, self.range, self.compare)
        if self.look != "line":
            yield "look", self.look
        if self.forecast != "none":
            yield "forecast", self.forecast
        if self.rank != "value":
            yield "rank", self.rank
        if self.search:
            yield "search", self.search


def read_exploration(given: QueryParams, usual: str, now: datetime, zone: ZoneInfo) -> Exploration:
    """The exploration in an address; without a metric, of `usual`. Dates count where no range
    is named.

    Raises:
        Invalid: a parameter is wrong.
    """
    values, filters = _parts(given)
    try:
        read = _Given.model_validate(values)
        query = Query(
            metric_name=read.metric_name or usual,
            aggregation=read.aggregation,
            period=read.period,
            filters=filters,
            group_by=read.group_by,
        )
        chosen = _range(read, now.astimezone(zone).date())
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error
    return Exploration(
        query,
        chosen,
        read.compare,
        read.look,
        read.rank,
        read.search,
        read.cursor,
        read.forecast,
    )


def as_given(given: QueryParams, usual: str) -> Exploration:
    """The same unchecked, to be shown beside what is wrong with it."""
    values, filters = _parts(given)
    told = {name: values[name] for name in ("aggregation", "period", "group_by") if name in values}
    query = Query.model_construct(metric_name=usual, filters=filters, **told)
    named = given.get("range") if given.get("range") != "custom" else None
    dates = {name: values.get(name) for name in ("start_date", "end_date") if not named}
    last = named if named or any(dates.values()) else "last_30_days"
    chosen = TimeRange.model_construct(last=last, **dates)
    return Exploration(query, chosen, values.get("compare", "none"), values.get("look", "line"))


def _parts(given: QueryParams) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters, and the filters by label apart from them; empty ones are left out."""
    filled = {name: value for name, value in given.items() if value}
    values: dict[str, Any] = {n: v for n, v in filled.items() if not n.startswith(FILTER)}
    if "group_by" in values:
        values["group_by"] = given.getlist("group_by")
    filters = {n.removeprefix(FILTER): v for n, v in filled.items() if n.startswith(FILTER)}
    return values, filters


def _range(read: _Given, today: date) -> TimeRange:
    named = read.range if read.range != "custom" else None
    if named or not (read.start_date or read.end_date or read.range):
        return TimeRange(last=named or "last_30_days")
    end = read.end_date or max(today, read.start_date or today)
    return TimeRange(start_date=read.start_date or end - _DEFAULT_DAYS, end_date=end)


def filter_fields(
    values: Mapping[str, list[str]], chosen: Mapping[str, str]
) -> dict[str, list[str]]:
    """The options of each filter: the values that exist, and the chosen one in any case."""
    names = {**values, **{name: [] for name in chosen if name not in values}}
    return {
        name: sorted({*options, *([chosen[name]] if name in chosen else [])})
        for name, options in names.items()
    }

"""Answering questions about figures: their series, then their rollups, each asked once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.http.errors import ApiError, Detail, invalid
from service.http.parameters import MAX_LIMIT
from service.http.responses import utc_instant
from service.metrics.query.batching import Batcher
from service.metrics.query.fill import Cell
from service.metrics.query.result import Answer, Group
from service.metrics.query.rollups import Buckets, Rollups, Wanted
from service.metrics.query.selection import Series, select_series
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import Question
from sql.calendar import Period
from sql.database import Connections, fetch_all
from sql.vocabulary import FREQUENCIES, LEVELS, NONE, Frequency

# In seconds; together the second that a figure may be old: what an answer is computed from may
# have been selected for another question.
_SELECTION_AGE = 0.5
_ANSWER_AGE = 0.5


class _Selection(NamedTuple):
    """The series of a question that the level of rollups has, the number of the group of each
    beside it, and their frequencies; `omitted` are those that the level has not.
    """

    unit: str | None
    series: Sequence[Series]
    groups: Sequence[Group]
    numbers: Sequence[int]
    level: Period
    frequencies: tuple[Frequency, ...]
    omitted: Sequence[Frequency]


class Aggregates:
    """Answers aggregate questions; equal ones asked at the same time share one answer, and
    those about the same series their selection. Figures are read from connections that may
    keep the plans of statements.
    """

    def __init__(self, reads: Connections, figures: Connections, business_zone: ZoneInfo) -> None:
        self._reads = reads
        self._selections = Batcher(partial(select_series, figures))
        self._rollups = Rollups(figures)
        self._business_zone = business_zone
        self._series: SingleFlight[list[Series]] = SingleFlight(max_age=_SELECTION_AGE)
        self._answers: SingleFlight[Answer] = SingleFlight(max_age=_ANSWER_AGE)
        self._totals: SingleFlight[dict[Group, float]] = SingleFlight(max_age=_ANSWER_AGE)
        self._watermarks: SingleFlight[dict[str, datetime]] = SingleFlight(max_age=1.0)

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """Samples of these metrics (tenant, name) were just committed here: what was
        computed before does not count them.
        """
        for metric in metrics:
            self._series.forget(metric)
            self._answers.forget(metric)
            self._totals.forget(metric)

    async def answer(self, question: Question, now: datetime) -> Answer:
        """The figures of each period. They are at most a second old.

        Raises:
            ApiError: 422 for several units, or a period finer than any sample.
        """
        return await self._answers.get(
            question.subject, question.key, lambda: self._compute(question, now)
        )

    async def totals(self, question: Question) -> dict[Group, float]:
        """The figure of the whole range for each group with samples: not put together from
        those of its periods. At most a second old.

        Raises:
            ApiError: as `answer`.
        """
        return await self._totals.get(
            question.subject, question.key, lambda: self._compute_totals(question)
        )

    async def materialized_until(self, answer: Answer) -> str | None:
        """From where on every sample counts at once: where the last of its rollups is not
        materialised any more.
        """
        watermarks = await self._watermarks.get((), "", self._read_watermarks)
        known = [watermarks[name] for name in answer.rollups if name in watermarks]
        return utc_instant(max(known)) if known else None

    async def _compute_totals(self, question: Question) -> dict[Group, float]:
        selection = await self._select(question)
        cells = await self._cells(question, selection, whole=True)
        return {
            selection.groups[cell.group]: cell.value for cell in cells if cell.value is not None
        }

    async def _select(self, question: Question) -> _Selection:
        params = question.params
        level: Period = "hour" if self._from_hours(question) else params.period
        series = await self._series.get(
            question.subject,
            repr(question.selection),
            lambda: self._selections.ask(question.selection),
        )
        unit = _one_unit(series, question)
        usable = [one for one in series if level in LEVELS[one.frequency]]
        if series and not usable:
            raise _too_fine(series, question, level)
        members = [tuple(one.label(name) for name in params.group_by) for one in usable]
        groups = sorted(set(members), key=repr) if params.group_by else [()]
        numbers = {group: number for number, group in enumerate(groups)}
        frequencies = _frequencies(usable)
        return _Selection(
            unit,
            usable,
            groups,
            [numbers[group] for group in members],
            level,
            frequencies,
            [one for one in _frequencies(series) if one not in frequencies],
        )

    async def _compute(self, question: Question, now: datetime) -> Answer:
        selection = await self._select(question)
        counted = Counter(selection.numbers)
        return Answer(
            question,
            now,
            selection.unit,
            selection.groups,
            [counted[number] for number in range(len(selection.groups))],
            await self._cells(question, selection),
            sorted(selection.omitted),
            _rollups(selection.frequencies, selection.level),
        )

    async def _cells(
        self, question: Question, selection: _Selection, *, whole: bool = False
    ) -> list[Cell]:
        """Oldest first, one more than the limit; of the `whole` range one for each group."""
        if not selection.series:
            return []
        params = question.params
        # What is carried forward may be older than the rows that are shown.
        limit = MAX_LIMIT if params.fill == "previous" else params.limit
        return await self._rollups.cells(
            Wanted(
                buckets=Buckets(
                    frequencies=selection.frequencies,
                    level=selection.level,
                    period=params.period,
                    zone=str(question.zone),
                    before=question.before,
                    whole=whole,
                ),
                since=question.since,
                aggregation=question.aggregation,
                series=[one.series_id for one in selection.series],
                groups=selection.numbers,
                limit=len(selection.groups) if whole else limit + 1,
            )
        )

    def _from_hours(self, question: Question) -> bool:
        """Day edges of another zone than the business one are in no rollup."""
        return question.params.period != "hour" and question.zone != self._business_zone

    async def _read_watermarks(self) -> dict[str, datetime]:
        rows = await fetch_all(self._reads, "watermarks")
        return {row["relation"]: row["watermark"] for row in rows}


def _frequencies(series: Iterable[Series]) -> tuple[Frequency, ...]:
    """Those that occur, finest first."""
    occurring = {one.frequency for one in series}
    return tuple(one for one in FREQUENCIES if one in occurring)


def _one_unit(series: Sequence[Series], question: Question) -> str | None:
    """The unit of the selection; different units are never mixed unless merely counted."""
    units = {one.unit for one in series}
    if len(units) == 1:
        return units.pop()
    allowed = "unit" in question.params.group_by or question.aggregation == "count"
    if not units or allowed:
        return None
    names = ", ".join(sorted(unit or NONE for unit in units))
    message = f"The selection has several units ({names}); give unit= or group_by=unit"
    raise invalid([Detail(field="unit", message=message)])


def _rollups(frequencies: Iterable[Frequency], level: Period) -> Sequence[str]:
    """Those at the level, and those below that their live part is computed from."""
    return [
        f"rollup_{frequency}_{below}"
        for frequency in frequencies
        for below in LEVELS[frequency][: LEVELS[frequency].index(level) + 1]
    ]


def _too_fine(series: Sequence[Series], question: Question, level: Period) -> ApiError:
    frequencies = ", ".join(_frequencies(series))
    name, period = question.params.metric_name, question.params.period
    if level != period:
        reason = f"{name} is submitted {frequencies}: other time zones need samples per hour"
        return invalid([Detail(field="tz", message=reason)])
    reason = f"{name} is submitted {frequencies}: there are no figures per {period}"
    return invalid([Detail(field="period", message=reason)])

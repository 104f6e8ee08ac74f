"""From samples to rows ready for COPY: time limits, units, series, ids."""

import hashlib
import struct
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.changes import Change
from service.metrics.ingest.checks import Checks, Row
from service.metrics.ingest.closed import Late, closed_samples, oldest_of
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.metric_table import MetricEntry
from service.metrics.ingest.overdue import changes_of
from service.metrics.ingest.readings import Reading
from service.metrics.ingest.sample import Measured, Sample, Source, instant_of, microseconds
from service.metrics.ingest.series import CatalogChanged, SeriesCache, SeriesKey
from sql.connections import Connection
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import Frequency

# A row in COPY's binary format: the number of columns, then the length and value of ts, id,
# series_id and value, then the length of the metadata, which follow (-1 for none).
_pack_row = struct.Struct("!h iq iq ii id i").pack
_MICROSECOND = timedelta(microseconds=1)

# Statements of a submission's own in the transaction that stores its rows, before they are. It
# refuses them with a DomainError, which undoes it and is the answer; the other submissions go on.
# Several may share a transaction, and one that was undone may be taken again.
Step = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key and the digest of the body it came with."""

    principal: str
    key: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """The samples of one request: rows of COPY's binary format by frequency, `imported` ones that
    are kept beside them, and `readings` of which the writer finds out which count; ids `first_id`
    and following. The writer refuses it where what is `late` is in a closed period, and notes what
    it `changes` of figures that alerts may have been decided by.
    """

    rows: Mapping[str, bytes]
    first_id: int
    count: int
    metrics: frozenset[tuple[str, str]]
    idempotency: IdempotencyKey | None = None
    step: Step | None = None
    readings: Sequence[Reading] = ()
    late: Sequence[Late] = ()
    changes: Sequence[Change] = ()
    imported: Mapping[str, bytes] = field(default_factory=dict)


class _Resolved(NamedTuple):
    """Rows that are good, the ids of series of which they have the keys, the oldest of them by
    type of metric, where they are before today, and what is overdue, as of `Checks`.
    """

    rows: list[Row]
    found: Mapping[SeriesKey, int]
    late: Mapping[str, int]
    overdue: Mapping[str, tuple[int, int]]


class Preparer:
    """Turns samples into submissions; knows the acceptance windows, series and ids."""

    def __init__(
        self, series: SeriesCache, ids: SampleIds, accept: Mapping[Frequency, timedelta]
    ) -> None:
        self._series = series
        self._ids = ids
        self._accept = {frequency: age // _MICROSECOND for frequency, age in accept.items()}

    async def prepare(
        self,
        samples: Sequence[Sample],
        scope: Scope,
        now: datetime,
        idempotency: IdempotencyKey | None = None,
        step: Step | None = None,
    ) -> Submission:
        """One submission of all samples.

        Raises:
            Invalid: every sample that is too old, too new, of another type or unit than its
                metric or not storable, its number as `index`; or one series too many.
            Closed: samples in closed periods, all of them named.
            Forbidden: a sample of another service than the scope's.
        """
        await self._series.ready()
        try:
            resolved = await self._resolved(samples, scope, now)
        except CatalogChanged:
            # Now the table knows the metrics that were taken to be new.
            resolved = await self._resolved(samples, scope, now)
        names = {sample.metric_name for sample in samples}
        return await self._submission(resolved, scope, names, idempotency, step)

    async def prepare_each(
        self, sources: Sequence[Source], values: Sequence[Measured], scope: Scope, now: datetime
    ) -> tuple[Submission, list[Problem]]:
        """One submission of the values, each of the source beside it, that `prepare` would take,
        and the problems of the others.

        Raises:
            Forbidden: a sample of another service than the scope's.
        """
        await self._series.ready()
        checks = self._checks(scope, now)
        readings = checks.readings(sources, values)
        if readings is not None:
            return await self._of_known(sources, readings, scope, checks), []
        try:
            resolved, problems = await self._resolved_each(sources, values, scope, now)
        except CatalogChanged:
            resolved, problems = await self._resolved_each(sources, values, scope, now)
        names = _metric_names(sources, problems)
        return await self._submission(resolved, scope, names), problems

    async def _of_known(
        self,
        sources: Sequence[Source],
        readings: Sequence[Reading],
        scope: Scope,
        checks: Checks,
    ) -> Submission:
        first_id = await self._ids.take(len(readings))
        for number, reading in enumerate(readings, first_id):
            reading.id = number
        metrics = frozenset((scope.tenant, name) for name in _metric_names(sources, ()))
        return Submission(
            {},
            first_id,
            len(readings),
            metrics,
            readings=readings,
            late=_late(scope, checks.late),
            changes=changes_of(scope.tenant, checks.overdue),
        )

    async def _submission(
        self,
        resolved: _Resolved,
        scope: Scope,
        metric_names: Collection[str],
        idempotency: IdempotencyKey | None = None,
        step: Step | None = None,
    ) -> Submission:
        rows, found, late, overdue = resolved
        first_id = await self._ids.take(len(rows))
        return Submission(
            _copy_rows(rows, found, first_id),
            first_id,
            len(rows),
            frozenset((scope.tenant, name) for name in metric_names),
            idempotency,
            step,
            _readings(rows, found, first_id),
            _late(scope, late),
            changes_of(scope.tenant, overdue),
        )

    async def reload_closed(self) -> None:
        """Know of closes that were made meanwhile."""
        await self._series.closed.reload()

    async def problems(
        self, samples: Sequence[Sample], scope: Scope, now: datetime
    ) -> list[Problem]:
        """All that `prepare` would refuse samples for, but for series too many."""
        await self._series.ready()
        checks = self._checks(scope, now)
        checks.rows(samples)
        return [*checks.problems, *checks.closed]

    async def _resolved(self, samples: Sequence[Sample], scope: Scope, now: datetime) -> _Resolved:
        checks = self._checks(scope, now)
        rows = checks.rows(samples)
        if checks.problems:
            raise Invalid(*checks.problems, *checks.closed)
        if checks.closed:
            raise closed_samples(checks.closed)
        unknown = [series for _, series, *_ in rows if not isinstance(series, int)]
        found = await self._series.resolve(unknown, checks.assumed)
        return _Resolved(rows, found, checks.late, checks.overdue)

    async def _resolved_each(
        self, sources: Sequence[Source], values: Sequence[Measured], scope: Scope, now: datetime
    ) -> tuple[_Resolved, list[Problem]]:
        """The rows without those that have problems, and the problems."""
        checks = self._checks(scope, now)
        rows = checks.rows_of(sources, values)
        problems = [*checks.problems, *checks.closed]
        bad = {problem.index for problem in problems}
        good = [(place, row) for place, row in enumerate(rows) if place not in bad]
        names = _metric_names(sources, problems)
        assumed = {name: entry for name, entry in checks.assumed.items() if name in names}
        found, full = await self._resolved_with_room([row for _, row in good], assumed)
        if full is not None:
            lost = {place for place, (_, series, *_) in good if _has_no_id(series, found)}
            problems += [Problem(full, index=place) for place in sorted(lost)]
            good = [(place, row) for place, row in good if place not in lost]
        types = (sources[place].sample.metric_type for place, _ in good)
        late = oldest_of(types, (row[2] for _, row in good), checks.today) if checks.late else {}
        return _Resolved([row for _, row in good], found, late, checks.overdue), problems

    async def _resolved_with_room(
        self, rows: Sequence[Row], assumed: Mapping[str, MetricEntry]
    ) -> tuple[Mapping[SeriesKey, int], Message | None]:
        """The ids of series of which the rows have the keys. Where there is no room for those that
        are new, of the others, and why.
        """
        unknown = [series for _, series, *_ in rows if not isinstance(series, int)]
        try:
            return await self._series.resolve(unknown, assumed), None
        except Invalid as error:
            return await self._series.find(unknown), error.problems[0].message

    def _checks(self, scope: Scope, now: datetime) -> Checks:
        return Checks(self._series, self._accept, scope, microseconds(now))


def _late(scope: Scope, oldest: Mapping[str, int]) -> list[Late]:
    return [Late(scope.tenant, one, instant_of(ts)) for one, ts in oldest.items()]


def _metric_names(sources: Sequence[Source], problems: Sequence[Problem]) -> set[str]:
    """Of those that have values without problems."""
    if problems:
        bad = {problem.index for problem in problems}
        sources = [one for place, one in enumerate(sources) if place not in bad]
    return {source.sample.metric_name for source in set(sources)}


def _has_no_id(series: int | SeriesKey, found: Mapping[SeriesKey, int]) -> bool:
    return not isinstance(series, int) and series not in found


def _copy_rows(
    rows: Iterable[Row], found: Mapping[SeriesKey, int], first_id: int
) -> dict[str, bytes]:
    """By frequency, of those that have no origin; `found` are the ids of series by their keys. As
    `copy_row`, but written out, which spares a call for every sample.
    """
    parts: dict[str, list[bytes]] = {}
    pack = _pack_row
    for number, (frequency, series, ts, value, metadata, origin) in enumerate(rows, first_id):
        if origin is not None:
            continue
        series_id = series if isinstance(series, int) else found[series]
        if metadata is None:
            part = pack(5, 8, ts, 8, number, 4, series_id, 8, value, -1)
        else:
            part = pack(5, 8, ts, 8, number, 4, series_id, 8, value, len(metadata)) + metadata
        if frequency in parts:
            parts[frequency].append(part)
        else:
            parts[frequency] = [part]
    return {frequency: b"".join(chunks) for frequency, chunks in parts.items()}


def _readings(rows: Iterable[Row], found: Mapping[SeriesKey, int], first_id: int) -> list[Reading]:
    """Of the rows that have an origin."""
    return [
        Reading(
            origin,
            frequency,
            series if isinstance(series, int) else found[series],
            ts,
            number,
            value,
            metadata,
        )
        for number, (frequency, series, ts, value, metadata, origin) in enumerate(rows, first_id)
        if origin is not None
    ]


def copy_row(ts: int, number: int, series_id: int, value: float, metadata: bytes | None) -> bytes:
    """A sample in COPY's binary format; `metadata` as jsonb."""
    if metadata is None:
        return _pack_row(5, 8, ts, 8, number, 4, series_id, 8, value, -1)
    return _pack_row(5, 8, ts, 8, number, 4, series_id, 8, value, len(metadata)) + metadata


def body_key(principal: str, key: str, path: str, body: bytes) -> IdempotencyKey:
    """The digest covers the path: the same body elsewhere is another request."""
    return IdempotencyKey(principal, key, hashlib.sha256(path.encode() + b"\n" + body).digest())

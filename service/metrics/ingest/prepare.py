"""From samples to rows ready for COPY: time limits, series, ids."""

import hashlib
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from retention.plan import in_words
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.sample import Sample, microseconds
from service.metrics.ingest.series import SeriesCache, SeriesKey
from service.metrics.metadata import metadata_json
from sql.errors import Forbidden, Invalid, Problem
from sql.messages import Message, Term
from sql.scope import Scope
from sql.vocabulary import NONE, Frequency

MAX_AHEAD = timedelta(minutes=5)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_CONTROL = Message("Control characters are not allowed")
_TOO_NEW = Message("More than 5 minutes in the future")

# A row in COPY's binary format: the number of columns, then the length and value of ts, id,
# series_id and value, then the length of the metadata, which follow (-1 for none).
_pack_row = struct.Struct("!h iq iq ii id i").pack
_JSONB_VERSION = b"\x01"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key and the digest of the body it came with."""

    principal: str
    key: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """The samples of one request: rows of COPY's binary format by frequency, ids `first_id`
    and following.
    """

    rows: Mapping[str, bytes]
    first_id: int
    count: int
    metrics: frozenset[tuple[str, str]]
    idempotency: IdempotencyKey | None = None


class _Row(Struct, gc=False):
    key: SeriesKey
    series_id: int | None
    ts: int
    value: float
    metadata: bytes | None


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
    ) -> Submission:
        """One submission of all samples.

        Raises:
            Invalid: every sample that is too old, too new or not storable, its number as
                `index`; or one series too many.
            Forbidden: a sample of another service than the scope's.
        """
        await self._series.prepare()
        rows, problems = self._check(samples, scope, now)
        if problems:
            raise Invalid(*problems)
        found = await self._series.resolve(row.key for row in rows if row.series_id is None)
        first_id = await self._ids.take(len(rows))
        return Submission(
            _copy_rows(rows, found, first_id),
            first_id,
            len(rows),
            frozenset((scope.tenant, name) for name in {row.key.metric_name for row in rows}),
            idempotency,
        )

    async def problems(
        self, samples: Sequence[Sample], scope: Scope, now: datetime
    ) -> list[Problem]:
        """All that `prepare` would refuse samples for, but for series too many."""
        await self._series.prepare()
        return self._check(samples, scope, now)[1]

    def _check(
        self, samples: Sequence[Sample], scope: Scope, now: datetime
    ) -> tuple[list[_Row], list[Problem]]:
        rows: list[_Row] = []
        problems: list[Problem] = []
        now_ts = microseconds(now)
        newest = now_ts + MAX_AHEAD // _MICROSECOND
        oldest = {frequency: now_ts - age for frequency, age in self._accept.items()}
        key_of, id_of = self._series.key_of, self._series.get
        own = scope.service_name
        for index, sample in enumerate(samples):
            if own and sample.service_name not in (None, "", own):
                raise _not_own(own, index)
            ts = now_ts if sample.ts is None else sample.ts
            if not oldest[sample.frequency] <= ts <= newest:
                message = _out_of_time(now_ts - ts, self._accept[sample.frequency], sample)
                problems.append(Problem(message, "timestamp", index))
            metadata = None
            if sample.metadata is not None:
                metadata = _metadata(sample.metadata, index, problems)
            key = key_of(sample, scope.tenant, own)
            series_id = id_of(key)
            if series_id is None:
                _check_texts(key, index, problems)
            rows.append(_Row(key, series_id, ts, sample.value, metadata))
        return rows, problems


def _copy_rows(
    rows: Sequence[_Row], found: Mapping[SeriesKey, int], first_id: int
) -> dict[str, bytes]:
    """By frequency; `found` are the series of rows that have none."""
    parts: dict[str, list[bytes]] = {}
    for number, row in enumerate(rows, start=first_id):
        key, series_id, metadata = row.key, row.series_id, row.metadata
        if series_id is None:
            series_id = found[key]
        length = -1 if metadata is None else len(metadata)
        part = _pack_row(5, 8, row.ts, 8, number, 4, series_id, 8, row.value, length)
        parts.setdefault(key.frequency, []).append(part if metadata is None else part + metadata)
    return {frequency: b"".join(chunks) for frequency, chunks in parts.items()}


def body_key(principal: str, key: str, path: str, body: bytes) -> IdempotencyKey:
    """The digest covers the path: the same body elsewhere is another request."""
    return IdempotencyKey(principal, key, hashlib.sha256(path.encode() + b"\n" + body).digest())


def _not_own(service_name: str, index: int) -> Forbidden:
    message = Message("This key posts for service_name {service} only", {"service": service_name})
    return Forbidden(message, [Problem(message, "service_name", index)])


def _out_of_time(age: int, oldest: int, sample: Sample) -> Message:
    """Ages in microseconds."""
    if age < 0:
        return _TOO_NEW
    return Message(
        "Too old: {frequency} samples are accepted up to {oldest} back, this is {age} old",
        {
            "frequency": Term(sample.frequency),
            "oldest": in_words(timedelta(microseconds=oldest)),
            "age": in_words(timedelta(microseconds=age)),
        },
    )


def _metadata(metadata: Mapping[str, object], index: int, problems: list[Problem]) -> bytes:
    """Metadata as jsonb for COPY."""
    try:
        return _JSONB_VERSION + metadata_json(metadata)
    except Invalid as error:
        problems.append(Problem(error.problems[0].message, "metadata", index))
        return b""


def _check_texts(key: SeriesKey, index: int, problems: list[Problem]) -> None:
    """Only for series not seen before: those in the cache have passed."""
    for field in ("unit", "service_name", "affiliate_id", "region"):
        text = getattr(key, field)
        if text and _CONTROL.search(text):
            problems.append(Problem(_NO_CONTROL, field, index))
        elif text == NONE:
            message = Message(
                "{none} stands for no {field}: leave it out", {"none": NONE, "field": field}
            )
            problems.append(Problem(message, field, index))
    for name, text in key.dimensions:
        if _CONTROL.search(text):
            problems.append(Problem(_NO_CONTROL, f"metadata.{name}", index))

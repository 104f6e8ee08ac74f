"""From validated items to rows ready for COPY: time limits, series, ids."""

import asyncio
import hashlib
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from retention.plan import in_words
from service.http.errors import ApiError, Detail, invalid
from service.ingest.models import MetricIn
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.series import SeriesCache, SeriesKey
from service.metrics.metadata import metadata_json
from sql.scope import Scope
from sql.vocabulary import NONE, Frequency

MAX_AHEAD = timedelta(minutes=5)

# Field and message of each thing that is wrong with an item.
Problems = list[tuple[str, str]]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# A row in COPY's binary format: the number of columns, then the length and value of ts, id,
# series_id and value, then the length of the metadata, which follow (-1 for none).
_pack_row = struct.Struct("!h iq iq ii id i").pack
_JSONB_VERSION = b"\x01"
_MICROSECOND = timedelta(microseconds=1)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


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
    """Turns items into submissions; knows the acceptance windows, series and ids."""

    def __init__(
        self, series: SeriesCache, ids: SampleIds, accept: Mapping[Frequency, timedelta]
    ) -> None:
        self._series = series
        self._ids = ids
        self._accept = accept
        self.turn = asyncio.Lock()

    async def prepare(
        self,
        items: Sequence[MetricIn],
        scope: Scope,
        now: datetime,
        idempotency: IdempotencyKey | None = None,
    ) -> Submission:
        """One submission of all items.

        Raises:
            ApiError: 422 with every item that is too old, too new or not storable; details
                carry the position as `index`. 422 for one series too many. 403 for an item
                of another service than the scope's.
        """
        await self._series.prepare()
        rows = self._check(items, scope, now)
        found = await self._series.resolve(row.key for row in rows if row.series_id is None)
        first_id = await self._ids.take(len(rows))
        return Submission(
            _copy_rows(rows, found, first_id),
            first_id,
            len(rows),
            frozenset((scope.tenant, name) for name in {row.key.metric_name for row in rows}),
            idempotency,
        )

    async def ready(self) -> None:
        """Before `problems` is asked."""
        await self._series.prepare()

    def problems(self, scope: Scope, now: datetime, index: int, item: MetricIn) -> list[Detail]:
        """What `prepare` would refuse one item for, once `ready` was awaited."""
        try:
            self._check([item], scope, now)
        except ApiError as error:
            if error.status != 422:
                raise
            return [Detail(index=index, field=d.field, message=d.message) for d in error.details]
        return []

    def _check(self, items: Sequence[MetricIn], scope: Scope, now: datetime) -> list[_Row]:
        details: list[Detail] = []
        rows: list[_Row] = []
        problems: Problems = []
        now_ts = _postgres_time(now)
        key_of, id_of = self._series.key_of, self._series.get
        own = scope.service_name
        for index, item in enumerate(items):
            if own and item.service_name not in (None, "", own):
                raise _not_own(own, index)
            ts = now_ts if item.timestamp is None else self._timestamp(item, now, problems)
            metadata = None if item.metadata is None else _metadata(item.metadata, problems)
            key = key_of(item, scope.tenant, scope.service_name)
            series_id = id_of(key)
            if series_id is None:
                _check_texts(key, problems)
            if problems:
                details += [Detail(index=index, field=f, message=m) for f, m in problems]
                problems.clear()
            rows.append(_Row(key, series_id, ts, item.value, metadata))
        if details:
            raise invalid(details)
        return rows

    def _timestamp(self, item: MetricIn, now: datetime, problems: Problems) -> int:
        """The item's time for COPY; what is wrong with it goes to `problems`."""
        assert item.timestamp is not None
        try:
            ts = datetime.fromisoformat(item.timestamp)
            # Behind a Z, fromisoformat does not see what follows a NUL.
            if ts.tzinfo is None or "\0" in item.timestamp:
                raise ValueError
            ts = ts.astimezone(UTC)
            age = now - ts
        except (ValueError, OverflowError):
            message = "Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z"
            problems.append(("timestamp", message))
            return 0
        oldest = self._accept[item.frequency]
        if age > oldest:
            problems.append(
                (
                    "timestamp",
                    f"Too old: {item.frequency} samples are accepted up to {in_words(oldest)} "
                    f"back, this is {in_words(age)} old",
                )
            )
        elif age < -MAX_AHEAD:
            problems.append(("timestamp", "More than 5 minutes in the future"))
        return _postgres_time(ts)


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


def _not_own(service_name: str, index: int) -> ApiError:
    message = f"This key posts for service_name {service_name} only"
    details = [Detail(index=index, field="service_name", message=message)]
    return ApiError(403, message, details)


def _postgres_time(ts: datetime) -> int:
    """A timestamptz as PostgreSQL has it: microseconds since 2000."""
    return (ts - _POSTGRES_EPOCH) // _MICROSECOND


def _metadata(metadata: dict[str, object], problems: Problems) -> bytes:
    """Metadata as jsonb for COPY."""
    try:
        return _JSONB_VERSION + metadata_json(metadata)
    except ValueError as error:
        problems.append(("metadata", str(error)))
        return b""


def _check_texts(key: SeriesKey, problems: Problems) -> None:
    """Only for series not seen before: those in the cache have passed."""
    for field in ("unit", "service_name", "affiliate_id", "region"):
        text = getattr(key, field)
        if text and _CONTROL.search(text):
            problems.append((field, "Control characters are not allowed"))
        elif text == NONE:
            problems.append((field, f"{NONE} stands for no {field}: leave it out"))
    for name, text in key.dimensions:
        if _CONTROL.search(text):
            problems.append((f"metadata.{name}", "Control characters are not allowed"))

"""From validated items to rows ready for COPY: time limits, series, ids."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from retention.plan import in_words
from service.errors import Detail, invalid
from service.ingest.ids import SampleIds
from service.ingest.models import MAX_METADATA, MetricIn
from service.ingest.series import SeriesCache, SeriesKey
from service.scope import Scope
from sql.rollups import Frequency

MAX_AHEAD = timedelta(minutes=5)

# Field and message of each thing that is wrong with an item.
Problems = list[tuple[str, str]]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key and the digest of the body it came with."""

    principal: str
    key: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """The samples of one request: COPY text by frequency, ids `first_id` and following."""

    rows: Mapping[str, bytes]
    first_id: int
    count: int
    metrics: frozenset[tuple[str, str]]
    idempotency: IdempotencyKey | None = None


class _Row(NamedTuple):
    key: SeriesKey
    series_id: int | None
    ts: str
    value: float
    metadata: str


class Preparer:
    """Turns items into submissions; knows the acceptance windows, series and ids."""

    def __init__(
        self, series: SeriesCache, ids: SampleIds, accept: Mapping[Frequency, timedelta]
    ) -> None:
        self._series = series
        self._ids = ids
        self._accept = accept

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
                carry the position as `index`.
        """
        await self._series.prepare()
        rows = self._check(items, scope, now)
        await self._series.resolve({row.key for row in rows if row.series_id is None})
        first_id = await self._ids.take(len(rows))
        return Submission(
            self._copy_text(rows, first_id),
            first_id,
            len(rows),
            frozenset((row.key.tenant, row.key.metric_name) for row in rows),
            idempotency,
        )

    def _check(self, items: Sequence[MetricIn], scope: Scope, now: datetime) -> list[_Row]:
        details: list[Detail] = []
        rows: list[_Row] = []
        now_text = now.isoformat()
        for index, item in enumerate(items):
            problems: Problems = []
            ts = self._timestamp(item, now, problems) if item.timestamp is not None else now_text
            metadata = _metadata(item.metadata, problems) if item.metadata is not None else r"\N"
            key = self._series.key_of(item, scope.tenant, scope.service_name)
            series_id = self._series.get(key)
            if series_id is None:
                _check_texts(key, problems)
            details += [Detail(index=index, field=f, message=m) for f, m in problems]
            rows.append(_Row(key, series_id, ts, item.value, metadata))
        if details:
            raise invalid(details)
        return rows

    def _timestamp(self, item: MetricIn, now: datetime, problems: Problems) -> str:
        """The item's time as text for COPY; what is wrong with it goes to `problems`."""
        assert item.timestamp is not None
        try:
            ts = datetime.fromisoformat(item.timestamp)
            if ts.tzinfo is None:
                raise ValueError
            text = ts.astimezone(UTC).isoformat()
            age = now - ts
        except (ValueError, OverflowError):
            message = "Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z"
            problems.append(("timestamp", message))
            return ""
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
        return text

    def _copy_text(self, rows: Sequence[_Row], first_id: int) -> dict[str, bytes]:
        lines: dict[str, list[str]] = {}
        for number, (key, known_id, ts, value, metadata) in enumerate(rows, start=first_id):
            series_id = known_id if known_id is not None else self._series.get(key)
            line = f"{ts}\t{number}\t{series_id}\t{value!r}\t{metadata}\n"
            lines.setdefault(key.frequency, []).append(line)
        return {frequency: "".join(texts).encode() for frequency, texts in lines.items()}


def body_key(principal: str, key: str, path: str, body: bytes) -> IdempotencyKey:
    """The digest covers the path: the same body elsewhere is another request."""
    return IdempotencyKey(principal, key, hashlib.sha256(path.encode() + b"\n" + body).digest())


def _metadata(metadata: dict[str, object], problems: Problems) -> str:
    """Metadata as JSON in COPY's text format."""
    try:
        text = msgspec.json.encode(metadata)
    except (OverflowError, ValueError, RecursionError) as error:
        problems.append(("metadata", str(error)))
        return ""
    if len(text) > MAX_METADATA:
        problems.append(("metadata", f"At most {MAX_METADATA // 1024} KiB as JSON"))
    if b"\\u0000" in text and _has_nul(metadata):
        problems.append(("metadata", "The character NUL cannot be stored"))
    return text.decode().replace("\\", "\\\\")


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return False


def _check_texts(key: SeriesKey, problems: Problems) -> None:
    """Only for series not seen before: those in the cache have passed."""
    for field in ("unit", "service_name", "affiliate_id", "region"):
        text = getattr(key, field)
        if text and _CONTROL.search(text):
            problems.append((field, "Control characters are not allowed"))
    for name, text in key.dimensions:
        if _CONTROL.search(text):
            problems.append((f"metadata.{name}", "Control characters are not allowed"))

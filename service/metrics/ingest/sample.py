"""Samples: what the decoder of every protocol makes and the core of ingest takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
from msgspec import Struct

from service.metrics.ingest.metric_table import MetricEntry
from sql.errors import Problem
from sql.vocabulary import Frequency, MetricType

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_SECOND = 1_000_000
_MICROSECOND = timedelta(microseconds=1)
# The years 1 to 9999 in UTC, which Python can show again.
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MICROSECOND
# As `Sample.ts`: the Unix epoch; and some ten thousand years, which every figure with dates takes.
UNIX_EPOCH = (datetime(1970, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
FARTHEST = 2**58


class Origin(Struct, frozen=True, gc=False):
    """The foreign series that a sample without a key of its own is from: of each instant of a
    `source` (32 hexadecimal digits) one sample counts, however often it is sent. The values of a
    cumulative one are readings of a counter, which began at `started`, if it says so.
    """

    source: str
    cumulative: bool = False
    started: int | None = None


class Sample(Struct, gc=False):
    """One value of a metric. `ts` is in microseconds since 2000-01-01 UTC, as PostgreSQL counts;
    None is when it is recorded. An empty label is none. Of a metric that is new, `assumed` says
    kind and dimensions.
    """

    metric_name: str
    metric_type: MetricType
    value: float
    frequency: Frequency
    unit: str | None = None
    service_name: str | None = None
    affiliate_id: str | None = None
    region: str | None = None
    metadata: Mapping[str, object] | None = None
    ts: int | None = None
    origin: Origin | None = None
    assumed: MetricEntry | None = None


class Known(Struct, frozen=True, gc=False):
    """What was found out of the samples of a source, right as long as `entry` is that of their
    metric in the catalogue: the id of their series, and their metadata as jsonb.
    """

    entry: MetricEntry
    series_id: int
    metadata: bytes | None
    origin: Origin


class Source(Struct, gc=False, eq=False):
    """A foreign series of a caller: all that its samples share is in `sample`, which is one of
    them. `known` is what `Checks` found out of them, for the next time.
    """

    sample: Sample
    known: Known | None = None

    def at(self, measured: "Measured") -> Sample:
        """A sample of it."""
        return msgspec.structs.replace(
            self.sample,
            value=measured.value,
            ts=measured.ts,
            origin=origin_of(self.sample.origin, measured),
        )


class Measured(Protocol):
    """One value of a source, and when; a counter may say since when."""

    @property
    def value(self) -> float: ...
    @property
    def ts(self) -> int | None: ...
    @property
    def started(self) -> int | None: ...


def origin_of(origin: Origin | None, measured: Measured) -> Origin | None:
    """The origin of one value of that of its source."""
    if origin is None:
        return None
    if measured.started is not None:
        return Origin(origin.source, origin.cumulative, measured.started)
    # Two that name no instant are two.
    return origin if measured.ts is not None or origin.cumulative else None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples of one request and the problems of its items that are none. `places` are the
    positions of the samples in the request where they are not 0, 1, 2 and so on; a `single` one
    has no position.
    """

    samples: Sequence[Sample]
    problems: Sequence[Problem] = ()
    places: Sequence[int] | None = None
    single: bool = False

    def place(self, number: int) -> int | None:
        """The position in the request of the sample with that number."""
        if self.single:
            return None
        return number if self.places is None else self.places[number]


def microseconds(moment: datetime) -> int:
    """An instant as `Sample.ts`."""
    since = moment - _EPOCH
    return since.days * _DAY + since.seconds * _SECOND + since.microseconds


def instant_of(ts: int) -> datetime:
    """`Sample.ts` as an instant.

    Raises:
        OverflowError: it is not within the years 1 to 9999.
    """
    return _EPOCH + timedelta(microseconds=ts)


def microseconds_of(text: str) -> int:
    """An instant written in ISO 8601 with an offset as `Sample.ts`.

    Raises:
        ValueError: it is none, or not within the years 1 to 9999 in UTC.
    """
    moment = datetime.fromisoformat(text)
    # Behind a Z, fromisoformat does not see what follows a NUL.
    if moment.tzinfo is None or "\0" in text:
        raise ValueError("no offset")
    ts = microseconds(moment)
    if not _FIRST <= ts <= _LAST:
        raise ValueError("out of range")
    return ts

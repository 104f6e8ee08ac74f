"""Readings: samples of foreign series, and which of them count; pure.

Of a source that sends values, each instant counts once. Of one that sends a cumulative counter,
the increases count: from one reading to the next, the whole value after it began anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter

from msgspec import Struct

from service.metrics.ingest.sample import Origin
from sql.vocabulary import Frequency

# A counter that began so shortly before its first reading is counted from zero.
FRESH = 10 * 60 * 1_000_000
_EXACT = float(2**53)
_instant = attrgetter("ts")


class Reading(Struct, gc=False):
    """A sample that was checked, with the origin that decides whether it counts; `metadata` is
    jsonb.
    """

    origin: Origin
    frequency: Frequency
    series_id: int
    ts: int
    id: int
    value: float
    metadata: bytes | None


class Progress(Struct, frozen=True, gc=False):
    """How far a source is counted: its newest instant; and of a counter, the value then and when
    it began.
    """

    newest: int
    value: float | None = None
    started: int | None = None


@dataclass(slots=True)
class Settled:
    """Readings that count, with the values to store; those that do unless they are stored
    already; and the `progress` of the sources that went on.
    """

    counted: list[tuple[Reading, float]] = field(default_factory=list)
    doubtful: list[Reading] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)


def by_source(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """The readings of each source, in the order of their instants."""
    found: dict[str, list[Reading]] = {}
    for reading in readings:
        source = reading.origin.source
        if source in found:
            found[source].append(reading)
        else:
            found[source] = [reading]
    for own in found.values():
        if len(own) > 1:
            own.sort(key=_instant)
    return found


def settle(readings: Mapping[str, Sequence[Reading]], known: Mapping[str, Progress]) -> Settled:
    """The readings of one flush by their sources, in the order of their instants."""
    settled = Settled()
    for source, own in readings.items():
        if own[0].origin.cumulative:
            _settle_counter(settled, source, own, known.get(source))
        else:
            _settle_values(settled, source, own, known.get(source))
    return settled


def increase(before: Progress | None, now: Reading) -> float | None:
    """By how much a counter rose up to `now`, a later reading; None where that is not known."""
    if before is None or before.value is None:
        started = now.origin.started
        fresh = started is not None and 0 <= now.ts - started <= FRESH
        return now.value if fresh else None
    return now.value if _began_anew(before, now) else _difference(now.value, before.value)


def _settle_values(
    settled: Settled, source: str, own: Sequence[Reading], known: Progress | None
) -> None:
    last = None
    for reading in own:
        if reading.ts == last:
            continue
        last = reading.ts
        # Of a source that is not known, or known no more, anything may be stored.
        if known is None or reading.ts <= known.newest:
            settled.doubtful.append(reading)
        else:
            settled.counted.append((reading, reading.value))
    if known is None or own[-1].ts > known.newest:
        settled.progress[source] = Progress(own[-1].ts)


def _settle_counter(
    settled: Settled, source: str, own: Sequence[Reading], known: Progress | None
) -> None:
    before = known
    for reading in own:
        if before is not None and _is_past(before, reading):
            continue
        if risen := increase(before, reading):
            settled.counted.append((reading, risen))
        before = Progress(reading.ts, reading.value, reading.origin.started)
    if before is not None and before is not known:
        settled.progress[source] = before


def _is_past(before: Progress, reading: Reading) -> bool:
    """True of a reading that is not newer, whose rise is in one that was counted, and of one that
    comes late from before the counter began anew.
    """
    if reading.ts <= before.newest:
        return True
    started = reading.origin.started
    return started is not None and before.started is not None and started < before.started


def _began_anew(before: Progress, now: Reading) -> bool:
    assert before.value is not None
    started = now.origin.started
    if started is not None and started != before.started and started >= before.newest:
        return True
    return now.value < before.value


def _difference(later: float, earlier: float) -> float:
    """To the digit that people read: 300.0 after 150.1 is 149.9."""
    if later.is_integer() and earlier.is_integer() and abs(later) < _EXACT:
        return later - earlier
    return float(Decimal(repr(later)) - Decimal(repr(earlier)))

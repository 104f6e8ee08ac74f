"""The instants at which figures of periods are samples of PromQL; pure. In Unix milliseconds.

Where PromQL looks at all samples of a range, a period is one sample, at its last millisecond: the
24 hours of a day are in ``[1d]`` at its end. Where it looks at instants, a period is a sample
wherever it looks within it.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.remote_read.queries import ReadQuery
from sql import calendar
from sql.calendar import Period

# The clocks of who asks now and of who answers may differ by so much.
_NOW = 60_000
# How far PromQL looks back from an instant, unless it is set otherwise.
_LOOK_BACK = 300_000
# The NaN that says that a series has no samples any more.
(STALE,) = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))


def milliseconds(instant: datetime) -> int:
    """The instant in whole milliseconds since 1970."""
    return round(instant.timestamp() * 1000)


def instant_of(stamp: int) -> datetime:
    """The instant of so many milliseconds."""
    return datetime.fromtimestamp(stamp / 1000, UTC)


def stamp_of_period(start: int, end: int, since: int, until: int, now: int) -> int | None:
    """The instant of a period in a range; of one under way the end of a range that ends now."""
    stamp = end - 1
    if stamp > until and start <= until and until >= now - _NOW:
        stamp = min(until, max(now, start))
    return stamp if since <= stamp <= until else None


def looked_at(query: ReadQuery) -> list[int]:
    """The instants at which PromQL looks: from the end of the first look back on every step, and
    those of subqueries, which are multiples of the step. Whether a look back reaches the very
    instant before it depends on the version.
    """
    since, until, step = query.since, query.until, query.hints.step if query.hints else 0
    found = {until}
    if step > 1:
        for first in (since + _LOOK_BACK - 1, since + _LOOK_BACK, since + -since % step):
            found.update(range(first, until + 1, step))
    return sorted(found)


def count_of_looks(query: ReadQuery) -> int:
    """About how many instants that are."""
    step = query.hints.step if query.hints else 0
    return 1 if step <= 1 else 3 * ((query.until - query.since) // step + 1)


def samples_of_range(
    values: Mapping[datetime, float | None],
    query: ReadQuery,
    period: Period,
    zone: ZoneInfo,
    now: datetime,
) -> Iterator[tuple[float, int]]:
    """One sample for each period with a value, by its start."""
    for start, value in values.items():
        end = milliseconds(calendar.following(start, period, zone))
        stamp = stamp_of_period(
            milliseconds(start), end, query.since, query.until, milliseconds(now)
        )
        if stamp is not None and value is not None:
            yield value, stamp


def samples_of_instants(
    values: Mapping[datetime, float | None], looks: Sequence[int], starts: Sequence[datetime]
) -> Iterator[tuple[float, int]]:
    """The value of the period that each instant is in, by its start; where a period without one
    follows, the series is stale.
    """
    was_there = False
    for look, start in zip(looks, starts, strict=True):
        value = values.get(start)
        if value is not None:
            yield value, look
        elif was_there:
            yield STALE, look
        was_there = value is not None


def start_of_period(stamp: int, period: Period, zone: ZoneInfo) -> datetime:
    """The start, in UTC, of the period that an instant is in."""
    return calendar.floor(instant_of(stamp), period, zone).astimezone(UTC)

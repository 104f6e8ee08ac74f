"""From the buckets of rollups to the figure a rule is judged by; pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sql import calendar
from sql.decimals import exact_sum, rounded
from sql.durations import Calendar, Trailing
from sql.vocabulary import Aggregation, Frequency, Level


class Bucket(NamedTuple):
    """The figures of one series in one bucket, or in several combined."""

    sum_value: float
    sample_count: int
    min_value: float
    max_value: float
    last_value: float


def figure(aggregation: Aggregation, buckets: Sequence[Bucket]) -> float:
    """The figure over buckets of different series: at least one. The last values are added
    up over the series, and a mean is never one of means.
    """
    match aggregation:
        case "sum":
            return exact_sum(one.sum_value for one in buckets)
        case "avg":
            total = exact_sum(one.sum_value for one in buckets)
            return rounded(total / sum(one.sample_count for one in buckets))
        case "min":
            return min(one.min_value for one in buckets)
        case "max":
            return max(one.max_value for one in buckets)
        case "count":
            return float(sum(one.sample_count for one in buckets))
        case "last":
            return exact_sum(one.last_value for one in buckets)


def merged(buckets: Sequence[Bucket]) -> Bucket:
    """Buckets of one series, oldest first, as one: at least one."""
    if len(buckets) == 1:
        return buckets[0]
    return Bucket(
        exact_sum(one.sum_value for one in buckets),
        sum(one.sample_count for one in buckets),
        min(one.min_value for one in buckets),
        max(one.max_value for one in buckets),
        buckets[-1].last_value,
    )


# How long a series of each frequency may pause between samples.
STEPS: Mapping[Frequency, timedelta] = {
    "real_time": timedelta(hours=1),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "monthly": timedelta(days=31),
}


def alive(
    last: Mapping[int, datetime],
    frequencies: Mapping[int, Frequency],
    least: timedelta = timedelta(),
) -> set[int]:
    """The series that have not ended: whose last sample is at most two of its steps before the
    newest of all. Of one without a sample that is kept nothing is known: it is older than any.
    Where samples are known by buckets, no step is shorter than the `least`, which is theirs.
    """
    newest = max(last.values(), default=None)
    if newest is None:
        return set(frequencies)
    return {
        one for one, at in last.items() if newest - at <= 2 * max(STEPS[frequencies[one]], least)
    }


class Periods(NamedTuple):
    """The last period that has settled, from `previous` to the first of `edges`, and those since,
    each from one edge to the next; the last is the end of the one that is not over.
    """

    previous: datetime
    edges: tuple[datetime, ...]

    @property
    def current(self) -> datetime:
        """The end of the settled one."""
        return self.edges[0]

    @property
    def following(self) -> datetime:
        """The end of all of them."""
        return self.edges[-1]

    @property
    def unsettled(self) -> Iterator[tuple[datetime, datetime]]:
        """Start and end of those since."""
        return pairwise(self.edges)


def periods(window: Calendar, now: datetime, zone: ZoneInfo, settle: float = 0.0) -> Periods:
    """The periods around `now`, in UTC: each settles so many seconds after its end."""
    settled = now - timedelta(seconds=settle)
    current = calendar.floor(settled, window.period, zone)
    previous = calendar.floor(
        current.astimezone(UTC) - timedelta(microseconds=1), window.period, zone
    )
    edges = [current.astimezone(UTC)]
    while edges[-1] <= now:
        edges.append(calendar.following(edges[-1], window.period, zone).astimezone(UTC))
    return Periods(previous.astimezone(UTC), tuple(edges))


class Trail(NamedTuple):
    """A trailing window over buckets: whole ones from `edge` up to `before`, and what lies in the
    one before them from `since` on.
    """

    since: datetime
    edge: datetime
    before: datetime


def trail(window: Trailing, level: Level, now: datetime, zone: ZoneInfo) -> Trail:
    """The window up to the end of the bucket that `now` is in, in UTC."""
    since = now.astimezone(UTC) - timedelta(seconds=window.seconds)
    return trail_up_to(since, bucket_end(bucket_start(now, level, zone), level, zone), level, zone)


def trail_up_to(since: datetime, before: datetime, level: Level, zone: ZoneInfo) -> Trail:
    """The window from an instant up to where a bucket ends, both in UTC."""
    start = bucket_start(since, level, zone)
    edge = start if start == since else bucket_end(start, level, zone)
    return Trail(since, edge, before)


def bucket_start(instant: datetime, level: Level, zone: ZoneInfo) -> datetime:
    """The start of the bucket `instant` is in, in UTC."""
    if level == "minute":
        return instant.astimezone(UTC).replace(second=0, microsecond=0)
    return calendar.floor(instant, level, zone).astimezone(UTC)


def bucket_end(start: datetime, level: Level, zone: ZoneInfo) -> datetime:
    """The end of the bucket that starts there, in UTC."""
    if level == "minute":
        return start + timedelta(minutes=1)
    return calendar.following(start, level, zone).astimezone(UTC)

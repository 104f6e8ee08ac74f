"""Timelines: the buckets of all series of a group, in the order of their ends. Pure."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from alerts.figures import Bucket


class Past(NamedTuple):
    """The buckets of one series, oldest first."""

    starts: list[datetime]
    ends: list[datetime]
    buckets: list[Bucket]


class Entry(NamedTuple):
    """A bucket of a series."""

    series: int
    start: datetime
    bucket: Bucket


class Timeline(NamedTuple):
    """Buckets of several series by their ends, so that those of a window are found at once."""

    ends: list[datetime]
    entries: list[Entry]

    def within(self, start: datetime, end: datetime) -> dict[int, list[Entry]]:
        """By series, oldest first, the buckets that end after one instant and not after another.
        The first may begin before `start`, as a trailing window is widened to whole buckets.
        """
        found: dict[int, list[Entry]] = {}
        first, last = bisect_right(self.ends, start), bisect_right(self.ends, end)
        for entry in self.entries[first:last]:
            if entry.series in found:
                found[entry.series].append(entry)
            else:
                found[entry.series] = [entry]
        return found


def timeline_of(pasts: Mapping[int, Past]) -> Timeline:
    """The timeline of some series."""
    pairs = [
        (end, Entry(series, start, bucket))
        for series, past in pasts.items()
        for start, end, bucket in zip(*past, strict=True)
    ]
    pairs.sort(key=itemgetter(0))
    return Timeline([end for end, _ in pairs], [entry for _, entry in pairs])

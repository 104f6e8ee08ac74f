"""Quantiles of histograms: of what came in since the export before."""

from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
# Cumulative histograms whose last export is remembered.
REMEMBERED = 20_000


class Buckets(Struct, frozen=True):
    """Counts between bounds: one more than these, as below the first and above the last."""

    bounds: Sequence[float]
    counts: Sequence[int]

    def since(self, before: "Buckets | None") -> "Buckets":
        """Counts since an earlier export; all of it where the histogram began anew."""
        if before is None or before.bounds != self.bounds:
            return self
        counts = [now - then for now, then in zip(self.counts, before.counts, strict=True)]
        return self if min(counts, default=0) < 0 else Buckets(self.bounds, counts)

    def quantile(self, rank: float) -> float | None:
        """Interpolated within its bucket, as Prometheus does; the nearest bound where that has no
        end. None where nothing was counted.
        """
        total = sum(self.counts)
        if not total or not self.bounds:
            return None
        sought = rank * total
        place = next(
            (place for place, below in enumerate(accumulate(self.counts)) if below >= sought),
            len(self.bounds),
        )
        if place >= len(self.bounds):
            return self.bounds[-1]
        upper = self.bounds[place]
        lower = self.bounds[place - 1] if place else min(0.0, upper)
        within = self.counts[place]
        share = (sought - sum(self.counts[:place])) / within if within else 1.0
        return lower + (upper - lower) * share


class Exports:
    """The last export of cumulative histograms, by what tells these apart. After a restart the
    first quantiles are of all that a histogram ever counted, so that none are made of it.
    """

    def __init__(self) -> None:
        self._last: dict[object, tuple[int, Buckets]] = {}

    def news(self, key: object, ts: int, buckets: Buckets) -> Buckets | None:
        """Counts since the export before; None of the first, and of one that is not newer."""
        known = self._last.get(key)
        if known is not None and ts <= known[0]:
            return None
        if len(self._last) >= REMEMBERED:
            self._last.clear()
        self._last[key] = (ts, buckets)
        return None if known is None else buckets.since(known[1])

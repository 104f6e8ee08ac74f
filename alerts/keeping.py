"""How long figures are kept: what is gone says nothing of what was decided by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.selection import Source
from sql.vocabulary import Frequency


@dataclass(frozen=True, slots=True)
class Keeping:
    """By frequency and level, `keep` has how long each is kept; for ever where it does not say.
    Rollups outlive samples where they are `materialized`.
    """

    keep: Mapping[str, timedelta] = field(default_factory=dict)
    materialized: bool = True

    def has_samples(self, frequency: Frequency, since: datetime, now: datetime) -> bool:
        """True where samples from then on are still there."""
        return now - since < self.keep.get(frequency, timedelta.max)

    def has_buckets(self, source: Source, since: datetime, now: datetime) -> bool:
        """True where buckets of a rollup from then on are still there."""
        if not self.materialized:
            return self.has_samples(source.frequency, since, now)
        return now - since < self.keep.get(source.level, timedelta.max)


EVERYTHING = Keeping()

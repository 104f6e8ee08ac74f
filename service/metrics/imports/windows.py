"""Ages: which imported samples are accepted, and which are kept beside submitted ones; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from retention.policies import BUCKET, SLACK
from service.metrics.ingest.sample import microseconds
from sql import calendar
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency

# Months are kept for ever; before it most clocks are wrong rather than old.
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WEEK = timedelta(days=7)
# For what is still written when an instant becomes too old, twice: what is submitted until then is
# refreshed, what is imported from then on is not touched by a refresh.
_IN_FLIGHT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Windows:
    """Made of how old submitted samples may be, how long days are kept, and the time zone of days.

    A sample goes the way of submitted ones as long as the whole bucket of its finest rollup will
    still be refreshed. What is older is kept beside them, and counted.
    """

    accept: Mapping[Frequency, timedelta]
    days_kept: timedelta
    zone: ZoneInfo

    def ages(self, now: datetime) -> dict[Frequency, int]:
        """How old an imported sample may be at most, in microseconds."""
        return {
            frequency: (now - self.oldest(frequency, now)) // _MICROSECOND
            for frequency in FREQUENCIES
        }

    def oldest(self, frequency: Frequency, now: datetime) -> datetime:
        """The first instant of the first month whose days are all kept; of monthly samples any."""
        if frequency == "monthly":
            return _EARLIEST
        # The week that the month begins in is kept, too.
        return calendar.ceiling(now - self.days_kept + _WEEK, "month", self.zone).astimezone(UTC)

    def submitted_since(self, now: datetime) -> dict[Frequency, int]:
        """From when on samples go the way of submitted ones, as `Sample.ts`."""
        return {
            frequency: microseconds(
                calendar.floor(
                    now - self.accept[frequency] - _IN_FLIGHT, LEVELS[frequency][0], self.zone
                )
            )
            for frequency in FREQUENCIES
        }

    def countable_at(self, frequency: Frequency, newest: datetime) -> datetime:
        """When nobody writes any more into the bucket that the newest imported sample is in."""
        level = LEVELS[frequency][0]
        bucket = calendar.floor(newest, level, self.zone)
        end = calendar.following(bucket, level, self.zone).astimezone(UTC)
        return end + self.accept[frequency] + 2 * _IN_FLIGHT

    def refreshed_since(self, frequency: Frequency, now: datetime) -> datetime:
        """Before which instant no rollup is refreshed from samples."""
        bucket = BUCKET[LEVELS[frequency][0]]
        return now - self.accept[frequency] - 2 * bucket - SLACK - _IN_FLIGHT

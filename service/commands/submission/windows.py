"""How old a sample may be, per frequency, as the running service states it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sql.vocabulary import Frequency

FREQUENCIES: tuple[Frequency, ...] = ("real_time", "hourly", "daily", "monthly")

# A sample chosen now is sent some minutes later, when the window has moved on.
MARGIN = timedelta(minutes=10)
FUTURE_TOLERANCE = timedelta(minutes=5)


class UnknownWindows(ValueError):
    """The service does not say which timestamps it accepts."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Largest accepted age per frequency; ``margin`` is kept clear at the old end."""

    max_age: Mapping[Frequency, timedelta]
    margin: timedelta = MARGIN

    def oldest(self, frequency: Frequency, now: datetime) -> datetime:
        """The oldest instant to send with that frequency."""
        return now - self.max_age[frequency] + self.margin

    def accepts(self, frequency: Frequency, instant: datetime, now: datetime) -> bool:
        """Whether a sample of that instant may be sent with that frequency."""
        return self.oldest(frequency, now) <= instant <= now + FUTURE_TOLERANCE


def windows_of(health: Mapping[str, object]) -> Windows:
    """The windows in an answer of ``GET /api/health``.

    Raises:
        UnknownWindows: the answer states none, or not for every frequency.
    """
    try:
        accepts = cast(Mapping[str, Mapping[str, float]], health["accepts"])
        return Windows(
            {each: timedelta(seconds=accepts[each]["max_age_seconds"]) for each in FREQUENCIES}
        )
    except (KeyError, TypeError) as error:
        raise UnknownWindows(
            "the service's /api/health does not say how old samples may be"
        ) from error


def finest(
    instant: datetime, now: datetime, windows: Windows, preferred: Sequence[Frequency]
) -> Frequency | None:
    """The first of the preferred frequencies, finest first, that accepts the instant."""
    return next((each for each in preferred if windows.accepts(each, instant, now)), None)


def why_left_out(
    instant: datetime, now: datetime, windows: Windows, preferred: Sequence[Frequency]
) -> str:
    """Why none of the preferred frequencies accepts the instant, in words."""
    if instant > now:
        return "more than 5 minutes in the future"
    oldest = max(windows.max_age[each] for each in preferred)
    return f"older than the oldest window ({oldest / timedelta(days=1):g} days)"

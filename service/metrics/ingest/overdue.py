"""Overdue samples: those that came when alert rules may have been decided without them; pure."""

from collections.abc import Iterable, Mapping

from alerts.changes import Change
from alerts.rules import SETTLE
from service.metrics.ingest.sample import instant_of
from sql.vocabulary import Frequency

_SETTLE = SETTLE * 1_000_000
_HOUR = 3600 * 1_000_000


def decided_before(now: int, today: int) -> dict[Frequency, int]:
    """By frequency, from when on a sample is in time at `now`, as `Sample.ts`: its period is not
    over, or not long enough to be judged. `today` is where the day began.
    """
    settled = now - _SETTLE
    return {
        "real_time": settled,
        # Time zones differ by whole hours.
        "hourly": settled - settled % _HOUR,
        "daily": today,
        "monthly": today,
    }


def overdue_of(
    named: Iterable[tuple[str, Frequency]],
    instants: Iterable[int],
    decided: Mapping[Frequency, int],
) -> dict[str, tuple[int, int]]:
    """The first and last instant by metric of what is not in time; `named` are the metrics and
    frequencies at the same places.
    """
    found: dict[str, tuple[int, int]] = {}
    for (metric_name, frequency), ts in zip(named, instants, strict=True):
        if ts < decided[frequency]:
            first, last = found.get(metric_name, (ts, ts))
            found[metric_name] = min(first, ts), max(last, ts)
    return found


def changes_of(tenant: str, overdue: Mapping[str, tuple[int, int]]) -> list[Change]:
    """What such samples change, once they are stored."""
    return [
        Change(tenant, name, instant_of(first), instant_of(last))
        for name, (first, last) in overdue.items()
    ]

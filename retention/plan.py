"""Changes that make the database's policies the declared ones; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from retention.policies import Columnstore, Corrected, Expiry, Policy, Refresh, Retention

NIGHT = time(2, 0)


@dataclass(frozen=True, slots=True)
class ActualPolicy:
    """A policy as the database has it; `policy` is None where it is none we could declare
    (an open window, refresh in batches), `next_run` while it waits for its first.
    """

    job_id: int
    kind: str
    relation: str
    policy: Policy | None
    next_run: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Jobs to delete, then policies to add."""

    remove: list[ActualPolicy]
    add: list[Policy]

    def __bool__(self) -> bool:
        return bool(self.remove or self.add)


def plan(wanted: Sequence[Policy], actual: Sequence[ActualPolicy]) -> Plan:
    """The difference. A policy that differs is replaced; a second one of its kind goes."""
    missing = list(wanted)
    remove = []
    for found in actual:
        if found.policy in missing:
            missing.remove(found.policy)
        else:
            remove.append(found)
    return Plan(remove, missing)


def first_run(policy: Policy, position: int, now: datetime, zone: ZoneInfo) -> datetime:
    """When a policy's job starts: retention and columnstore at 02:00 in the business time
    zone, refreshes at the next minute; each a little later than the one before, so that
    they do not all ask for a background worker at once.
    """
    if isinstance(policy, Refresh | Corrected):
        start = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    else:
        start = next_night(now, zone)
    return start + timedelta(seconds=2 * position)


def next_night(now: datetime, zone: ZoneInfo) -> datetime:
    """The next 02:00 in `zone`."""
    local = now.astimezone(zone)
    night = datetime.combine(local.date(), NIGHT, tzinfo=zone)
    return night if night > local else night + timedelta(days=1)


def kind_of(policy: Policy) -> str:
    """retention, refresh, columnstore, expiry or corrected."""
    return type(policy).__name__.lower()


def describe(policy: Policy) -> str:
    """The policy in words, for the report."""
    match policy:
        case Retention(keep=keep) | Expiry(keep=keep):
            return f"keep {in_words(keep)}"
        case Columnstore(after=after):
            return f"columnstore after {in_words(after)}"
        case Refresh(start=start, end=end):
            return f"refresh from {in_words(start)} to {in_words(end)} ago"
        case Corrected(every=every):
            return f"refresh what was corrected every {every.seconds} s"


def in_words(duration: timedelta) -> str:
    """``6 d``, ``699 d 14 h``, ``1 min``."""
    hours, rest = divmod(duration.seconds, 3600)
    parts = [(duration.days, "d"), (hours, "h"), (rest // 60, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0"

"""The declared policies: retention, refresh of rollups, columnstore.

Everything follows from how long samples are kept. For each frequency, in this order
of age::

    now … accept … refresh_start … keep
          |        |               samples are dropped
          |        rollups are refreshed up to here
          samples older than this are refused

so that nothing is accepted that a refresh would miss, and nothing is refreshed that has
already been dropped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sql.vocabulary import FREQUENCIES, LEVELS, Frequency, Level

# The longest a bucket can be, with an hour more for a change of daylight-saving time.
BUCKET: dict[Level, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1, hours=1),
    "week": timedelta(days=7, hours=1),
    "month": timedelta(days=31, hours=1),
}

KEEP_DAYS: dict[str, int] = {
    "real_time": 7,
    "hourly": 90,
    "daily": 730,
    "monthly": 1825,
    "minute": 30,
    "hour": 730,
    "day": 1825,
    "service_health": 30,
    "alert_events": 365,
}

# Two whole buckets of the first rollup must fit between the newest live and the oldest
# kept sample.
MINIMUM_DAYS: dict[Frequency, int] = {"real_time": 1, "hourly": 1, "daily": 7, "monthly": 75}

# The share of their time during which samples are still there but not refreshed any more.
_MARGIN: dict[Frequency, float] = {
    "real_time": 1 / 7,
    "hourly": 1 / 30,
    "daily": 1 / 24,
    "monthly": 1 / 60,
}
# How much of the newest data stays computed live: for frequencies of low volume much,
# so that a late sample is visible at once; else little, so that a question costs the same
# whatever the number of samples. What is sent for an hour that has just ended is not late.
_LIVE: dict[Frequency, timedelta] = {
    "real_time": timedelta(minutes=1),
    "hourly": timedelta(minutes=15),
    "daily": timedelta(days=35),
    "monthly": timedelta(days=396),
}
_LIVE_ABOVE: dict[Frequency, timedelta] = {
    "real_time": timedelta(minutes=15),
    "hourly": timedelta(minutes=15),
    "daily": timedelta(days=36),
    "monthly": timedelta(days=396),
}
# The level a level is computed from, and how much further back than that it is
# refreshed: two buckets.
SOURCE: dict[Level, Level] = {"hour": "minute", "day": "hour", "week": "day", "month": "day"}
_FURTHER: dict[Level, timedelta] = {
    "hour": timedelta(days=1),
    "day": timedelta(days=2),
    "week": timedelta(days=15),
    "month": timedelta(days=63),
}
_COLUMNSTORE_AFTER: dict[str, timedelta] = {
    "sample_real_time": timedelta(days=1),
    "sample_hourly": timedelta(days=14),
    "sample_daily": timedelta(days=180),
    "sample_monthly": timedelta(days=730),
    "service_health": timedelta(days=7),
}
# All of it is older than that.
_IMPORTED_AFTER = timedelta(days=1)
# Four levels, one after the other, must be done within five minutes of a late sample.
REFRESH_EVERY = timedelta(minutes=1)
# What is corrected is right in every level within a minute, also where the service may not refresh.
CORRECTED_EVERY = timedelta(seconds=20)
SLACK = timedelta(hours=1)


class BadRetention(ValueError):
    """RETENTION_DAYS cannot be read, or what it asks for would lose figures."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Drop what is older than `keep`."""

    relation: str
    keep: timedelta


@dataclass(frozen=True, slots=True)
class Refresh:
    """Materialise the buckets between `start` and `end` before now."""

    relation: str
    start: timedelta
    end: timedelta
    every: timedelta = REFRESH_EVERY


@dataclass(frozen=True, slots=True)
class Columnstore:
    """Turn chunks older than `after` into columns."""

    relation: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class Expiry:
    """Delete rows of an ordinary table that have been done with for `keep`."""

    relation: str
    keep: timedelta


@dataclass(frozen=True, slots=True)
class Corrected:
    """Refresh, in all levels, what the rows of an ordinary table say was corrected."""

    relation: str
    every: timedelta = CORRECTED_EVERY


Policy = Retention | Refresh | Columnstore | Expiry | Corrected


def parse_keep(setting: str) -> dict[str, timedelta]:
    """How long each kind of data is kept, from ``RETENTION_DAYS``.

    ``real_time=7,hourly=90`` overrides single entries of `KEEP_DAYS`; a bare number is
    the ceiling for all samples, but for what `MINIMUM_DAYS` needs.

    Raises:
        BadRetention: it cannot be read or would lose figures.
    """
    days = dict(KEEP_DAYS)
    if setting.strip().isdecimal():
        ceiling = _days(setting)
        for frequency in FREQUENCIES:
            days[frequency] = max(min(days[frequency], ceiling), MINIMUM_DAYS[frequency])
    else:
        for entry in filter(None, (part.strip() for part in setting.split(","))):
            name, equals, number = (part.strip() for part in entry.partition("="))
            if not equals or name not in days:
                known = ", ".join(KEEP_DAYS)
                raise BadRetention(f"{entry!r} is not NAME=DAYS; names: {known}")
            days[name] = _days(number, f"{name}: ")
    keep = {name: timedelta(days=number) for name, number in days.items()}
    _check(keep)
    return keep


def refresh_start(frequency: Frequency, level: Level, keep: timedelta) -> timedelta:
    """How far back that rollup is refreshed."""
    if level == LEVELS[frequency][0]:
        return _whole_hours(keep - keep * _MARGIN[frequency])
    return refresh_start(frequency, SOURCE[level], keep) + _FURTHER[level]


def refresh_end(frequency: Frequency, level: Level, keep: timedelta) -> timedelta:
    """How much of the newest data of that rollup stays live; two buckets are left over."""
    live = (_LIVE if level == LEVELS[frequency][0] else _LIVE_ABOVE)[frequency]
    return min(live, _whole_hours(refresh_start(frequency, level, keep) - 2 * BUCKET[level]) / 2)


def accept_ages(keep: Mapping[str, timedelta]) -> dict[Frequency, timedelta]:
    """The greatest age of a sample that is accepted, by frequency.

    A refresh only covers whole buckets, so it is a bucket and some slack inside the
    first rollup's window.
    """
    return {
        frequency: refresh_start(frequency, LEVELS[frequency][0], keep[frequency])
        - BUCKET[LEVELS[frequency][0]]
        - SLACK
        for frequency in FREQUENCIES
    }


def complete(
    keep: Mapping[str, timedelta], dropped: Mapping[str, datetime], now: datetime
) -> dict[str, timedelta]:
    """`keep`, but no further back than all samples are still there.

    Where samples were kept shorter once, those from before the instant in `dropped` may be
    gone: a rollup computed again from what is left of them would lose its figures.
    """
    ages = {name: timedelta(days=(now - before).days) for name, before in dropped.items()}
    return {name: min(age, ages.get(name, age)) for name, age in keep.items()}


def declared(
    keep: Mapping[str, timedelta], complete: Mapping[str, timedelta] | None = None
) -> list[Policy]:
    """Every policy, in the order of the hierarchy. Refreshes reach back as far as samples
    are `complete`, by default as far as they are kept.
    """
    return [
        *_sample_policies(keep),
        *_rollup_policies(keep, complete or keep),
        Expiry("alert_event", keep["alert_events"]),
        Corrected("stale_range"),
    ]


def _sample_policies(keep: Mapping[str, timedelta]) -> Iterator[Policy]:
    for frequency in FREQUENCIES:
        yield Retention(f"sample_{frequency}", keep[frequency])
        # Imported ones as long as days are kept; months, which are all of monthly ones, for ever.
        if frequency != "monthly":
            yield Retention(f"imported_{frequency}", keep["day"])
        yield Columnstore(f"imported_{frequency}", _IMPORTED_AFTER)
    yield Retention("service_health", keep["service_health"])
    for relation, after in _COLUMNSTORE_AFTER.items():
        yield Columnstore(relation, after)


def _rollup_policies(
    keep: Mapping[str, timedelta], complete: Mapping[str, timedelta]
) -> Iterator[Policy]:
    for frequency, levels in LEVELS.items():
        for level in levels:
            relation = f"rollup_{frequency}_{level}"
            yield Refresh(
                relation,
                refresh_start(frequency, level, complete[frequency]),
                refresh_end(frequency, level, complete[frequency]),
            )
            if level in keep:
                yield Retention(relation, keep[level])


def _check(keep: Mapping[str, timedelta]) -> None:
    """Refuse what would drop a rollup while the level above still refreshes from it."""
    for frequency, levels in LEVELS.items():
        if keep[frequency] < timedelta(days=MINIMUM_DAYS[frequency]):
            raise BadRetention(
                f"{frequency} samples must be kept at least {MINIMUM_DAYS[frequency]} days: two "
                f"buckets per {levels[0]} must be aggregated before their samples go"
            )
        for level in levels:
            if level not in keep:
                continue
            needed = max(
                refresh_start(frequency, reader, keep[frequency])
                for reader in levels
                if reader == level or SOURCE.get(reader) == level
            )
            if keep[level] <= needed:
                raise BadRetention(
                    f"{level} rollups must be kept more than {needed.days} days while "
                    f"{frequency} samples are kept {keep[frequency].days} days"
                )


def _whole_hours(age: timedelta) -> timedelta:
    return timedelta(hours=age // timedelta(hours=1))


def _days(text: str, of: str = "") -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 36500:
        raise BadRetention(f"{of}{text!r} is not a number of days from 1 to 36500")
    return int(text)

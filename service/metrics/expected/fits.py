"""Making what is kept of a subject: its profile, and what was expected of its past. Takes up to a
second of a core: for a thread. numpy, which takes as long to import as the rest of the service, is
imported where it is used first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.expectation.sensitivity import RARITIES
from alerts.expectation.version import VERSION
from alerts.kept_profiles import Rows
from sql import calendar
from sql.calendar import LongPeriod

if TYPE_CHECKING:
    from alerts.expectation.expected import Expected

# How many periods ahead are kept beside the profile, for those who read them in the database.
_AHEAD: Mapping[LongPeriod, int] = {"hour": 48, "day": 14, "week": 4, "month": 3}
# What history an hour's profile has to have before it knows special days by itself.
_YEAR = timedelta(days=370)


class Series(NamedTuple):
    """Values of complete periods by their starts in UTC, the oldest first; without gaps where
    values add up.
    """

    starts: Sequence[datetime]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Fit:
    """What is to be kept; the profile holds from `valid_from` on. None where nothing is known."""

    profile: Mapping[str, Any]
    valid_from: datetime
    rows: Rows


def made_of(
    series: Series,
    period: LongPeriod,
    zone: ZoneInfo,
    end: datetime,
    country: str,
    days: Series | None,
) -> Fit | None:
    """The fit of a history that ends where the next row (of hours, a day) begins; `days` before
    it tell of special days.
    """
    from alerts.expectation.days import special_days
    from alerts.expectation.fitting import History, fit_and_walk

    if not series.starts:
        return None
    first = min([series.starts[0], *(days.starts[:1] if days else ())])
    special = special_days(country, range(first.year - 1, end.year + 2))
    effects = {}
    if days and days.starts:
        profile, _ = fit_and_walk(History("day", zone, days.starts, days.values, special))
        effects = dict(profile.effects)
    history = History(period, zone, series.starts, series.values, special, effects)
    profile, walked = fit_and_walk(history)
    ahead = starts_from(end, _AHEAD[period], period, zone)
    coming = profile.expect(ahead, special=special)
    rows = _joined(rows_of(series.starts, walked), rows_of(ahead, coming))
    return Fit(profile.to_json(), end, rows)


def expected_since(
    profile: Mapping[str, Any],
    starts: Sequence[datetime],
    values: Sequence[float | None],
    country: str,
) -> Rows | None:
    """What the kept profile expects of the periods from where it holds on, of which some values
    are known; None where it is of another version.
    """
    import numpy as np

    from alerts.expectation.days import special_days
    from alerts.expectation.profile import from_json

    read = from_json(profile)
    if read is None or not starts:
        return None
    special = special_days(country, (starts[0].year, starts[-1].year, starts[-1].year + 1))
    given = np.array([np.nan if value is None else value for value in values])
    return rows_of(starts, read.expect(starts, given, special))


def is_current(profile: Mapping[str, Any]) -> bool:
    """Whether a kept profile is of the version that is made now."""
    return profile.get("version") == VERSION


def starts_from(first: datetime, count: int, period: LongPeriod, zone: ZoneInfo) -> list[datetime]:
    """The starts in UTC of so many periods."""
    found = [first]
    while len(found) < count:
        found.append(calendar.following(found[-1], period, zone).astimezone(UTC))
    return found


def rows_of(starts: Sequence[datetime], made: "Expected") -> Rows:
    """Those of which something is expected."""
    import numpy as np

    lower, upper = made.band(0.9)
    edges = np.array([made.edges(rare) for rare in RARITIES.values()])
    known = np.flatnonzero(np.isfinite(made.expected) & np.isfinite(lower + upper)).tolist()
    sides = [
        [[edge if np.isfinite(edge) else None for edge in row] for row in side.T[known].tolist()]
        for side in (edges[:, 0], edges[:, 1])
    ]
    return Rows(
        [starts[number] for number in known],
        made.expected[known].tolist(),
        lower[known].tolist(),
        upper[known].tolist(),
        sides[0],
        sides[1],
    )


def _joined(one: Rows, other: Rows) -> Rows:
    return Rows(
        *([*getattr(one, name), *getattr(other, name)] for name in Rows.__dataclass_fields__)
    )

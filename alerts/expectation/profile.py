"""Profiles: what is normal for a series, as known when its history ended.

`fitting.fit` makes one of a history, `fitting.walk` says what was expected of every period of it
before it began. A profile is plain data (`to_json`, `from_json`; `version`), valid for the
periods after its history, its bands the wider the further ahead:

    profile = fit(history)
    expected = profile.expect(starts, values)
    lower, upper = expected.band(0.9)
    below, above = expected.edges(RARITIES["medium"])

`starts` follow the history without gaps; `values` are what is known of them, NaN where not yet.
Each period is told from what came before it alone. `band` covers a share of values; beyond
`edges` a period is unusual, by itself or together with the two before it; `rarity` says in powers
of ten in how many periods one is so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from alerts.expectation.averages import Values
from alerts.expectation.days import SpecialDay
from alerts.expectation.effects import Effect, affected
from alerts.expectation.expected import Expected
from alerts.expectation.grid import GRAINS, day_of, places
from alerts.expectation.memory import Memory, followed
from alerts.expectation.misses import Spread, Tails
from alerts.expectation.pattern import Pattern
from alerts.expectation.version import VERSION
from sql.calendar import LongPeriod


@dataclass(frozen=True, slots=True)
class Profile:
    """What is normal from `day` on, the first that the history does not have: `pattern` (None:
    nothing is known) and how far values are from it. `drift` is how much the variance of misses
    grows with each row ahead; `memory` the last misses. `place` is that of `day` in the pattern's
    cycle. Values were never below `floor`.
    """

    period: LongPeriod
    zone: ZoneInfo
    day: date
    place: int
    floor: float
    pattern: Pattern | None
    spread: Spread
    tails: Tails
    drift: float
    memory: Memory
    effects: Mapping[str, Effect]

    def expect(
        self,
        starts: Sequence[datetime],
        values: Values | None = None,
        special: Mapping[date, SpecialDay] | None = None,
    ) -> Expected:
        """What is expected of periods by their starts, the first that of `day`, none left out.
        `values` are those that are known of them, each used for what comes after it alone.
        """
        given = np.full(len(starts), np.nan) if values is None else values
        if self.pattern is None or not len(starts):
            nothing = np.full(len(starts), np.nan)
            which = np.zeros(len(starts), dtype=int)
            return Expected(
                nothing, nothing, np.zeros((len(starts), 2)), which, [self.tails], nothing
            )
        ahead, slots = places(starts, self.period, self.zone, self.day)
        base, spread = self._rows(int(ahead.max()) + 1, special or {})
        made = followed(
            base[ahead, slots],
            spread[ahead, slots],
            given,
            self.memory,
            self.tails,
            self.period,
            slots.tolist(),
        )
        which = np.zeros(len(starts), dtype=int)
        return Expected(
            np.maximum(made.expected, self.floor),
            made.spread,
            made.before,
            which,
            [self.tails],
            np.full(len(starts), self.floor),
        )

    def _rows(self, count: int, special: Mapping[date, SpecialDay]) -> tuple[Values, Values]:
        """What is expected, and the spread, by row ahead and slot."""
        slots = GRAINS[self.period].slots
        base, spread = np.empty((2, count, slots))
        for ahead in range(count):
            day = day_of(ahead, self.period, self.day)
            base[ahead], spread[ahead] = row_ahead(self, ahead, special.get(day))
        return base, spread

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        plain = asdict(self)
        return {
            "version": VERSION,
            **{name: _plain(value) for name, value in plain.items()},
            "zone": str(self.zone),
        }


def row_ahead(profile: Profile, ahead: int, special: SpecialDay | None) -> tuple[Values, Values]:
    """What is expected of a row, and the spread around it, by slot; the profile has a pattern."""
    assert profile.pattern is not None
    place = profile.place + ahead
    plain = profile.pattern.row(place)
    base, wider = affected(plain, special, profile.effects, profile.pattern.multiplies)
    spread = profile.spread.around(base) * np.sqrt(1 + profile.drift * ahead)
    doubt = profile.pattern.doubt(place)
    wider = wider + doubt * (np.abs(base) if profile.pattern.multiplies else 3 * spread)
    return base, spread + wider


def from_json(kept: Mapping[str, Any]) -> Profile | None:
    """The profile that was kept; None where it was of another version."""
    if kept.get("version") != VERSION:
        return None
    pattern, spread, tails = kept["pattern"], kept["spread"], kept["tails"]
    return Profile(
        period=kept["period"],
        zone=ZoneInfo(kept["zone"]),
        day=date.fromisoformat(kept["day"]),
        place=kept["place"],
        floor=_number(kept["floor"]),
        pattern=pattern and Pattern(**_arrays(pattern, "shape", "seen")),
        spread=Spread(**_arrays(spread, "mean", "usual")),
        tails=Tails(**_arrays(tails, "below", "above", "momentum")),
        drift=kept["drift"],
        memory=Memory(**{name: tuple(value) for name, value in kept["memory"].items()}),
        effects={name: Effect(**_arrays(one, "factor")) for name, one in kept["effects"].items()},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date) else value


def _arrays(kept: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {**kept, **{name: np.array(kept[name], dtype=np.float64) for name in names}}


def _number(value: float | None) -> float:
    return -np.inf if value is None else value

"""Making profiles of a history, and what was expected of its periods before they began."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.expectation.averages import Values
from alerts.expectation.days import SpecialDay
from alerts.expectation.effects import Effect, effect_of
from alerts.expectation.expected import Expected
from alerts.expectation.grid import GRAINS, day_of, grid_of, places, row_of
from alerts.expectation.memory import Followed, features_of, followed, nothing_remembered
from alerts.expectation.misses import RUNS, Spread, Tails, spread_of, tails_of, unknown_tails
from alerts.expectation.pattern import pattern_of, shape_of
from alerts.expectation.profile import Profile, row_ahead
from sql.calendar import LongPeriod

# Shape, spread and tails are made anew for some of so many first rows, then once in a cycle.
_ALWAYS = 14
_FIRST = frozenset((2, 3, 4, 5, 6, 7, 8, 10, 12, 14))
# Misses of fewer rows than that say little of the spread: then the history fits itself, which
# it does closer than it will what comes after it.
_LEAST_ROWS = 3
_CLOSER = 1.4
# How far ahead misses are compared with those of the next row, to see how they grow.
_AHEAD = 7
_DRIFTS = (0.01, 1.0)
_MONDAY = date(2001, 1, 1)


@dataclass(frozen=True, slots=True)
class History:
    """Values of complete periods by their starts, the oldest first, NaN or left out where
    unknown; `special` days of it; `effects` of special days that are known from elsewhere.
    """

    period: LongPeriod
    zone: ZoneInfo
    starts: Sequence[datetime]
    values: Sequence[float]
    special: Mapping[date, SpecialDay] = field(default_factory=dict)
    effects: Mapping[str, Effect] = field(default_factory=dict)


def fit(history: History) -> Profile | None:
    """The profile of a history of whole rows (whole days, of hours); None where it is empty."""
    return fit_and_walk(history)[0] if len(history.starts) else None


def walk(history: History) -> Expected | None:
    """What was expected of each period of the history before it began; None where it is empty."""
    return fit_and_walk(history)[1] if len(history.starts) else None


def fit_and_walk(history: History) -> tuple[Profile, Expected]:
    """Both of a history that has a period."""
    gone = _Walk(history).through()
    rows, slots = places(history.starts, history.period, history.zone, gone.first)
    return gone.profile, gone.expected(rows * GRAINS[history.period].slots + slots)


@dataclass(slots=True)
class _Past:
    """What was expected of rows that are gone, by row and slot: `Followed` has the names."""

    base: Values
    spread: Values
    expected: Values
    around: Values
    units: Values
    predicted: Values
    before: Values
    features: Values
    ahead: Values
    which: NDArray[np.int_]

    @classmethod
    def empty(cls, rows: int, slots: int, memories: int) -> "_Past":
        """Nothing is known of so many rows."""
        base, spread, expected, around, units, predicted, ahead = np.full((7, rows, slots), np.nan)
        before, features = np.zeros((rows, slots, 2)), np.zeros((rows, slots, memories))
        which = np.zeros(rows, dtype=int)
        return cls(base, spread, expected, around, units, predicted, before, features, ahead, which)

    def note(self, row: int, base: Values, spread: Values, made: Followed, which: int) -> None:
        """What was expected of a row."""
        self.base[row], self.spread[row], self.which[row] = base, spread, which
        self.expected[row], self.around[row] = made.expected, made.spread
        self.units[row], self.predicted[row] = made.units, made.predicted
        self.before[row], self.features[row] = made.before, made.features


class _Walk:
    """Goes through the rows of a history: `profile` is what the rows before the next one say."""

    def __init__(self, history: History) -> None:
        grid = grid_of(history.starts, history.values, history.period, history.zone)
        self.first, self._rows = grid.day, grid.values
        self._history, self._grain = history, GRAINS[history.period]
        self._days = [day_of(row, history.period, grid.day) for row in range(len(self._rows) + 1)]
        self._past = _Past.empty(len(self._rows), self._grain.slots, features_of(history.period))
        self._ordinary = self._without_special()
        finite = np.isfinite(self._rows)
        self._known = np.concatenate([[0], finite.any(axis=1).cumsum()])
        lowest = np.where(finite, self._rows, np.inf).min(axis=1)
        self._least = np.concatenate([[np.inf], np.minimum.accumulate(lowest)])
        self._shape: Values | None = None
        self._tails: list[Tails] = []
        self._floors = np.full(len(self._rows), -np.inf)
        self.profile = self._empty()

    def through(self) -> "_Walk":
        """Go to the end of the history."""
        for row in range(len(self._rows)):
            self.profile = self._next(row)
            self._look(row)
        self.profile = self._next(len(self._rows))
        return self

    def expected(self, at: NDArray[np.int_]) -> Expected:
        """What was expected at places by their number."""
        past, slots = self._past, self._grain.slots
        floors = self._floors[at // slots]
        return Expected(
            np.maximum(past.expected.ravel()[at], floors),
            past.around.ravel()[at],
            past.before.reshape(-1, 2)[at],
            past.which[at // slots],
            self._tails,
            floors,
        )

    def _without_special(self) -> Values:
        special = [self._history.special.get(day) is not None for day in self._days[:-1]]
        return np.where(np.array(special)[:, None], np.nan, self._rows)

    def _empty(self) -> Profile:
        slots = self._grain.slots
        nothing = np.zeros(slots)
        return Profile(
            period=self._history.period,
            zone=self._history.zone,
            day=self.first,
            place=0,
            floor=-np.inf,
            pattern=None,
            spread=Spread(nothing, nothing, 0.0, False),
            tails=unknown_tails(features_of(self._history.period)),
            drift=_DRIFTS[0],
            memory=nothing_remembered(self._history.period),
            effects=self._history.effects,
        )

    def _next(self, row: int) -> Profile:
        """The profile for what comes after the rows before `row`."""
        before, profile = self._rows[:row], self.profile
        if self._known[row] < self._grain.least:
            return replace(profile, day=self._days[row], place=row)
        floor = 0.0 if self._least[row] >= 0 else -np.inf
        ordinary = self._ordinary[:row] if row >= _ALWAYS else before
        is_due = row in _FIRST or (row > _ALWAYS and self._is_cycle_start(row))
        is_due = is_due or profile.pattern is None or (floor < 0) != (profile.floor < 0)
        if is_due:
            self._shape = shape_of(ordinary, row, self._grain, multiplies=floor == 0)
        pattern = pattern_of(ordinary, row, self._grain, multiplies=floor == 0, shape=self._shape)
        profile = replace(profile, day=self._days[row], place=row, floor=floor, pattern=pattern)
        return self._measured(profile, ordinary) if is_due and pattern else profile

    def _is_cycle_start(self, row: int) -> bool:
        """Whether it is time to look at everything again: on the same days whenever the history
        begins.
        """
        return row_of(self._days[row], self.profile.period, _MONDAY) % self._grain.cycle == 0

    def _measured(self, profile: Profile, ordinary: Values) -> Profile:
        """With spread, tails and drift of the misses so far."""
        assert profile.pattern is not None
        row, past = len(ordinary), self._past
        since = max(0, row - self._grain.tested)
        base = past.base[since:row]
        seen = np.isfinite(base).any(axis=1)
        if seen.sum() >= _LEAST_ROWS:
            misses = ordinary[since:] - base
        else:
            base = np.array([profile.pattern.row(number) for number in range(since, row)])
            misses = (ordinary[since:] - base) * _CLOSER
        spread = spread_of(misses, base, grows=profile.pattern.multiplies)
        is_ordinary = np.isfinite(ordinary[since:])
        # Misses of the first rows, against a spread that was not known yet, until there are more.
        from_ = max(since, _ALWAYS) if row >= 2 * _ALWAYS else since
        now = spread.around(past.base[from_:row])
        tails = self._tails_of(slice(from_, row), now, is_ordinary[from_ - since :])
        self._tails.append(tails)
        return replace(profile, spread=spread, tails=tails, drift=self._drift(since, row))

    def _tails_of(self, rows: slice, now: Values, is_ordinary: NDArray[np.bool_]) -> Tails:
        """Of misses in spreads as they are `now`."""
        past = self._past
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.where((now > 0) & is_ordinary, past.spread[rows] / now, np.nan)
        return tails_of(
            (past.units[rows] * scale).ravel(),
            (past.predicted[rows] * scale).ravel(),
            past.before[rows].reshape(-1, len(RUNS) - 1),
            past.features[rows].reshape(-1, past.features.shape[2]),
        )

    def _drift(self, since: int, row: int) -> float:
        ahead, units = self._past.ahead[since:row], self._past.units[since:row]
        both = np.isfinite(ahead) & np.isfinite(units)
        if both.sum() < 2 * _AHEAD * self._grain.slots:
            return 0.1
        far, near = (np.minimum(np.abs(one[both]), 10.0).mean() for one in (ahead, units))
        grown = ((far / near) ** 2 - 1) / (_AHEAD - 1) if near > 0 else 0.0
        return float(np.clip(grown, *_DRIFTS))

    def _look(self, row: int) -> None:
        """Compare a row with what is expected of it."""
        profile, past, values = self.profile, self._past, self._rows[row]
        if profile.pattern is None:
            return
        special = self._history.special.get(self._days[row])
        base, spread = row_ahead(profile, 0, special)
        slots = range(self._grain.slots)
        made = followed(base, spread, values, profile.memory, profile.tails, profile.period, slots)
        past.note(row, base, spread, made, len(self._tails) - 1)
        self._floors[row] = profile.floor
        far = row + _AHEAD - 1
        if far < len(self._rows):
            past.ahead[far] = profile.pattern.row(far)
        with np.errstate(invalid="ignore", divide="ignore"):
            past.ahead[row] = np.where(spread > 0, (values - past.ahead[row]) / spread, np.nan)
        self.profile = replace(profile, memory=made.memory, effects=self._learnt(row, special))

    def _learnt(self, row: int, special: SpecialDay | None) -> Mapping[str, Effect]:
        """The effects, with that of a special day that was just seen."""
        profile = self.profile
        assert profile.pattern is not None
        if special is None or not profile.pattern.multiplies:
            return profile.effects
        effect = effect_of(self._rows[row], profile.pattern.row(row))
        return profile.effects if effect is None else {**profile.effects, special.name: effect}

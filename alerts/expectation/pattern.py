"""The level of a series and the pattern that repeats on it: hour of day, day of week."""

from dataclasses import dataclass

import numpy as np

from alerts.expectation.averages import Values, known_mean, known_median, robust_mean
from alerts.expectation.grid import Grain

# A row counts this much less than the one after it, for the level and for the pattern.
_LEVEL_DECAY = 0.85
_PATTERN_DECAY = 0.985
# A value counts in the level of its row up to so many times what is typical of the row.
_MOST = 3.0
# How far, as a share of its values, a row may be whose place in the cycle was not seen yet.
_UNSEEN = 0.35
# Before so many cycles are known, each place in them is taken to be like all others.
_FEW_CYCLES = 1.5
# Slopes are looked for in so many rows or more, and believed beyond so many standard errors
# (squared). Rows further than so many typical distances from the mean count as if they were there.
_LEAST_SLOPE = 7
_DOUBT = 4.0
_REACH = 4.0
# Of the rows of a cycle that are this share of their mean or less, so many make it sparse.
_NEXT_TO_NOTHING = 0.1
_MANY = 0.4
# The median distance from the median, of values that are distributed normally, is this share of
# their mean distance.
_TO_MEDIAN = 0.85


@dataclass(frozen=True, slots=True)
class Pattern:
    """`shape` by row of the cycle and slot, a multiple of `level` (or, where values may be
    negative, added to it).
    """

    level: float
    shape: Values
    multiplies: bool
    seen: Values

    def row(self, number: int) -> Values:
        """What is expected in a row by slot."""
        shape: Values = self.shape[number % len(self.shape)]
        return self.level * shape if self.multiplies else self.level + shape

    def doubt(self, number: int) -> float:
        """How far a row may be from what the others of the cycle say, as a share of its values."""
        return float(_UNSEEN / (1 + self.seen[number % len(self.seen)]) ** 2)


def pattern_of(
    rows: Values, number: int, grain: Grain, *, multiplies: bool, shape: Values | None = None
) -> Pattern | None:
    """The pattern of what came before row `number`: the last of `rows`; None where nothing is
    known. Where its `shape` was made before, only the level is.
    """
    if not np.isfinite(rows[-grain.used :]).any():
        return None
    if shape is None:
        shape = shape_of(rows, number, grain, multiplies=multiplies)
    recent = rows[-grain.level :]
    order = (np.arange(number - len(recent), number)) % grain.cycle
    weights = _LEVEL_DECAY ** np.arange(len(recent) - 1, -1, -1.0)
    if multiplies and _is_sparse(shape):
        level = _as_one(recent, shape[order], weights)
    else:
        level = _now(_levels(recent, shape[order], multiplies=multiplies), weights)
    if np.isnan(level):
        return None
    places = (number - len(rows) + np.flatnonzero(np.isfinite(rows).any(axis=1))) % grain.cycle
    seen = np.bincount(places[-grain.used :], minlength=grain.cycle).astype(np.float64)
    return Pattern(max(level, 0.0) if multiplies else level, shape, multiplies, seen)


def _is_sparse(shape: Values) -> bool:
    """Whether many rows of the cycle are next to nothing: they say nothing of the level."""
    heights = shape.mean(axis=1)
    return bool((heights <= _NEXT_TO_NOTHING * heights.mean()).mean() > _MANY)


def _as_one(rows: Values, shapes: Values, weights: Values) -> float:
    """The level that all rows together say."""
    known = np.isfinite(rows)
    if not known.any():
        return float("nan")
    usual = float((weights @ np.where(known, shapes, 0.0)).sum())
    total = float((weights @ np.where(known, rows, 0.0)).sum())
    return total / usual if usual > 0 else 0.0


def _now(levels: Values, weights: Values) -> float:
    """The level after the last one: their average, moved on by as much of their slope as chance
    does not explain.
    """
    mean = float(robust_mean(levels, weights))
    known = np.isfinite(levels)
    if known.sum() < _LEAST_SLOPE:
        return mean
    ages = np.arange(len(levels), 0, -1.0)[known]
    heavy = weights[known] / weights[known].sum()
    reach = _REACH * float(known_median(np.abs(levels[known] - mean)))
    drawn = np.clip(levels[known], mean - reach, mean + reach)
    centre = float(heavy @ ages)
    spread = float(heavy @ (ages - centre) ** 2)
    slope = float(heavy @ ((centre - ages) * drawn)) / spread
    misses = drawn - mean - slope * (centre - ages)
    error = float(heavy**2 @ ((centre - ages) ** 2 * misses**2)) / spread**2
    sure = max(0.0, 1 - _DOUBT * error / slope**2) if slope else 0.0
    return mean + sure * slope * centre


def shape_of(rows: Values, number: int, grain: Grain, *, multiplies: bool) -> Values:
    """What rows before `number` are relative to the level of their cycle, by place and slot."""
    used = rows[-grain.used :]
    cycle, slots = grain.cycle, grain.slots
    missing = -len(used) % cycle
    padded = np.concatenate([np.full((missing, slots), np.nan), used]) if missing else used
    cycles = padded.reshape(-1, cycle, slots)
    relative = _relative(cycles, multiplies=multiplies)
    decay = _PATTERN_DECAY ** (cycle * np.arange(len(cycles) - 1, -1, -1.0))
    known = (np.isfinite(relative) * decay[:, None, None]).sum(axis=0)
    each = robust_mean(relative, decay, _slot_spread(relative))
    common = _common(relative, decay, multiplies=multiplies)
    share = _share_in_common(relative, each, common, known)
    together = np.where(known > 0, share * common + (1 - share) * np.nan_to_num(each), common)
    # The oldest row is of the place in the cycle of this number.
    return np.roll(together, number % cycle, axis=0)


def _relative(cycles: Values, *, multiplies: bool) -> Values:
    """Each cycle against its own level: the mean over its slots of what is typical of them."""
    with np.errstate(invalid="ignore", divide="ignore"):
        level = known_mean(cycles, (1, 2))[:, None, None]
        if not multiplies:
            return cycles - level
        relative = cycles / np.where(level > 0, level, np.nan)
    # A cycle of nothing says that there is nothing in it, but before everything began.
    nothing = (level == 0) & np.logical_or.accumulate(level > 0, axis=0)
    return np.where(nothing & np.isfinite(cycles), 0.0, relative)


def _slot_spread(relative: Values) -> Values:
    """How far the values of a slot are from their median, whatever the row in the cycle."""
    off = np.abs(relative - known_median(relative)).reshape(-1, relative.shape[2])
    return np.nan_to_num(known_mean(off, 0)) * _TO_MEDIAN


def _share_in_common(relative: Values, each: Values, common: Values, known: Values) -> float:
    """How much what all rows have in common tells beside what each place in the cycle says of
    itself: the less, the more they differ beyond what chance makes of so few cycles.
    """
    within = float(np.nan_to_num(known_mean((relative - each) ** 2, (0, 1, 2))))
    cycles = float(known.mean())
    apart = float(np.nan_to_num(known_mean((each - common) ** 2, (0, 1))))
    if cycles < _FEW_CYCLES or apart <= 0:
        return 1.0 if cycles < _FEW_CYCLES else 0.0
    return min(1.0, within / (cycles - 1) / apart)


def _common(relative: Values, decay: Values, *, multiplies: bool) -> Values:
    """What the rows of a cycle have in common (the hour of the day), at the height of each."""
    cycle, slots = relative.shape[1:]
    weights = np.repeat(decay, cycle)
    by_slot = np.nan_to_num(robust_mean(relative.reshape(-1, slots), weights))
    by_row = robust_mean(known_mean(relative, 2), decay)
    usual = float(np.nan_to_num(known_mean(by_row, 0)))
    rows = np.where(np.isnan(by_row), usual, by_row)
    if multiplies:
        total = float(by_slot.mean())
        return np.outer(rows, by_slot / total if total > 0 else np.ones(slots))
    added: Values = rows[:, None] + (by_slot - by_slot.mean())
    return added


def _levels(rows: Values, shapes: Values, *, multiplies: bool) -> Values:
    """The level that each row alone would say."""
    known = np.isfinite(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        if not multiplies:
            return known_median((rows - shapes).T)
        typical = known_median(np.where(known & (shapes > 0), rows / shapes, np.nan).T)
        most = np.where(typical > 0, _MOST * typical, np.inf)[:, None] * shapes
        counted = np.where(known, np.minimum(rows, np.where(shapes > 0, most, np.inf)), 0.0)
        weight = np.where(known, shapes, 0.0).sum(axis=1)
        return np.where(weight > 0, counted.sum(axis=1) / weight, np.nan)

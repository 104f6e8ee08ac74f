"""Unusual values of what comes every few minutes: no pattern is fitted, each value is weighed
against what came before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.expectation.averages import Values

# Averages over so many values: what is now, what is usual, what is usual of that slot's misses.
_NOW = 5
_USUAL = 300
_BASE = 100
_SLOT_NOW = 6
_SLOT_USUAL = 500
# A slot of the day follows its values by this share of each miss.
_FOLLOWED = 0.3
_SLOT_SECONDS = 300.0
# What is far is told from so many values before, looked at anew every so many; the first of them
# are not weighed.
_MEMORY = 4000
_RENEWED = 20
_FIRST = 80
_SHOULDER = 0.9
_RAREST = 10.0
# One in ten to that power is unusual, unless another is asked for; so many values are one event.
_RARE = 2.25
_EVENT = 100


@dataclass(frozen=True, slots=True)
class Stream:
    """By value: what was `expected` before it came, and its `rarity`: it, how far it is from the
    value before, and from what its time of day lets expect, are together as rare as one in ten
    to that power.
    """

    expected: Values
    rarity: Values

    def events(self, rare: float = _RARE) -> list[int]:
        """The places of unusual values, of those close to each other the first."""
        found: list[int] = []
        for place in np.flatnonzero(self.rarity > rare).tolist():
            if not found or place - found[-1] >= _EVENT:
                found.append(place)
        return found


def stream_of(values: Sequence[float], slots: Sequence[int]) -> Stream:
    """The values of a series, the oldest first, and the slot of the day of each."""
    if not values:
        return Stream(np.zeros(0), np.zeros(0))
    given = np.array(values, dtype=np.float64)
    usual = _before(given, _USUAL)
    moved = np.abs(_with(given, _NOW) - usual)
    changed = np.abs(np.diff(given, prepend=given[0]))
    misses = _misses(given, _before(given, _BASE), slots)
    of_slot = _with(misses, _SLOT_NOW)
    apart = np.abs(of_slot - _before(of_slot, _SLOT_USUAL))
    rarity = (_rarity(moved) + _rarity(apart) + _rarity(changed)) / 3
    return Stream(usual, rarity)


def slots_of(seconds: Sequence[float]) -> list[int]:
    """The slot of the day of each instant, in seconds of local time."""
    apart = float(np.median(np.diff(seconds))) if len(seconds) > 1 else _SLOT_SECONDS
    return [int(second % 86400 // max(apart, _SLOT_SECONDS)) for second in seconds]


def _before(values: Values, length: int) -> Values:
    """The exponential average of what came before each value."""
    average, share = float(values[0]), 1 / length
    found = []
    for value in values.tolist():
        found.append(average)
        average += share * (value - average)
    return np.array(found)


def _with(values: Values, length: int) -> Values:
    """The same with the value itself."""
    return _before(np.append(values, values[-1]), length)[1:]


def _misses(values: Values, base: Values, slots: Sequence[int]) -> Values:
    """How far each value is from what those of its slot on the days before let expect."""
    known: dict[int, float] = {}
    found = []
    for value, otherwise, slot in zip(values.tolist(), base.tolist(), slots, strict=True):
        before = known.get(slot)
        found.append(value - (otherwise if before is None else before))
        known[slot] = value if before is None else before + _FOLLOWED * (value - before)
    return np.array(found)


def _rarity(far: Values) -> NDArray[np.float64]:
    """How rare it is to be so far, by what was before: beyond the shoulder an exponential tail."""
    found = np.zeros(len(far))
    for first in range(_FIRST, len(far), _RENEWED):
        past = np.sort(far[max(0, first - _MEMORY) : first])
        shoulder = float(past[int(_SHOULDER * len(past))])
        beyond = past[past > shoulder] - shoulder
        least = 1e-9 * max(1.0, abs(shoulder))
        excess = float(beyond.mean()) + least if len(beyond) else least
        now = far[first : first + _RENEWED]
        further = 1 + np.maximum(now - shoulder, 0.0) / excess / np.log(10)
        found[first : first + _RENEWED] = np.where(
            now > shoulder, np.minimum(further, _RAREST), 0.0
        )
    return found

"""Going from period to period: each is expected with what the misses before it left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alerts.expectation.averages import Values
from alerts.expectation.grid import GRAINS
from alerts.expectation.misses import Tails
from sql.calendar import LongPeriod

# A miss is remembered, in spreads, as at most this: an outage is not what is expected next.
_MOST = 2.0
# The misses of a row so far are believed as if there were so many more without any.
_ROW_DOUBT = 3.0
# In the judgement of a run, the misses before count as at most this.
_MOST_IN_RUN = 4.0


@dataclass(frozen=True, slots=True)
class Memory:
    """The averages of misses over the memories of the grain, the `sum` of those of the row so far
    and how many there are, and the last two misses that momentum does not explain, the newest
    first; all in spreads.
    """

    averages: tuple[float, ...]
    last: tuple[float, ...]
    row: tuple[float, ...] = (0.0, 0.0)


class Followed(NamedTuple):
    """By period: as in `expected.Expected`; `units` are misses in spreads, `predicted` what of
    them was expected by momentum, `features` the averages before.
    """

    expected: Values
    spread: Values
    before: Values
    units: Values
    predicted: Values
    features: Values
    memory: Memory


def nothing_remembered(period: LongPeriod) -> Memory:
    """The memory before the first period."""
    return Memory((0.0,) * len(GRAINS[period].memories), (0.0, 0.0))


def features_of(period: LongPeriod) -> int:
    """How many numbers tell what is remembered before a period."""
    return len(GRAINS[period].memories) + 1


def followed(
    base: Values,
    spread: Values,
    values: Values,
    memory: Memory,
    tails: Tails,
    period: LongPeriod,
    slots: Sequence[int],
) -> Followed:
    """What is expected of periods one after the other, where `base` and `spread` are so without
    the misses before them, by their slots. Where a value is unknown, what is remembered fades.
    """
    fading = [1 - 1 / length for length in GRAINS[period].memories]
    weights = tails.momentum.tolist()
    averages, (one, two), (total, seen) = list(memory.averages), memory.last, memory.row
    count = len(base)
    moved, before, wider = [0.0] * count, [(0.0, 0.0)] * count, [1.0] * count
    units, features = [np.nan] * count, []
    is_known = True
    pairs = zip(base.tolist(), spread.tolist(), values.tolist(), slots, strict=True)
    for number, (middle, reach, value, slot) in enumerate(pairs):
        if slot == 0:
            total = seen = 0.0
        told = (*averages, total / (seen + _ROW_DOUBT))
        features.append(told)
        pull = sum(weight * average for weight, average in zip(weights, told, strict=True))
        moved[number], before[number] = pull, (one, one + two)
        wider[number] = 1.0 if is_known else tails.apart
        is_known = value == value and reach > 0
        unit = min(max((value - middle) / reach, -1e6), 1e6) if is_known else pull
        if is_known:
            units[number] = unit
        left = min(max(unit - pull, -_MOST_IN_RUN), _MOST_IN_RUN)
        one, two = left, one
        drawn = min(max(unit, -_MOST), _MOST)
        total, seen = total + drawn, seen + 1
        for index, fade in enumerate(fading):
            averages[index] = fade * averages[index] + (1 - fade) * drawn
    predicted = np.array(moved)
    return Followed(
        base + spread * predicted,
        spread * np.array(wider),
        np.array(before).reshape(-1, 2),
        np.array(units),
        predicted,
        np.array(features).reshape(-1, len(fading) + 1),
        Memory(tuple(averages), (one, two), (total, seen)),
    )

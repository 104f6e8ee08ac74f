"""Leaves: what a change is made of, by the finest combination of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.metrics.query.selection import Group


class Amounts(NamedTuple):
    """What a value is made of, by leaf: the value itself where values add up; of a ratio `sums`
    over `numbers`, such as the sum of samples and how many they are.
    """

    sums: Sequence[float]
    numbers: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Leaves:
    """Amounts of each combination of labels (one for each of `names`), before and after."""

    names: tuple[str, ...]
    labels: Sequence[Group]
    before: Amounts
    after: Amounts

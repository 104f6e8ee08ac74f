"""Label sets: every combination of up to three labels that leaves have, numbered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from service.metrics.query.selection import Group
from sql.cached import cached_property

Values = NDArray[np.float64]
Numbers = NDArray[np.int64]

MOST_LABELS = 3


@dataclass(frozen=True)
class LabelSets:
    """Sets of labels that leaves share. `members` has a row for each combination of names, in it
    for each leaf the number of the set it is in; sets of a combination are numbered one after the
    other.
    """

    combinations: Sequence[tuple[int, ...]]
    members: Numbers

    @cached_property
    def count(self) -> int:
        """How many sets there are."""
        return int(self.members[-1].max()) + 1 if len(self.members) else 0

    @cached_property
    def depths(self) -> Numbers:
        """Of how many labels each set is."""
        depths = np.zeros(self.count, dtype=np.int64)
        for combination, row in zip(self.combinations, self.members, strict=True):
            depths[row] = len(combination)
        return depths

    def sums(self, of_leaves: Values) -> Values:
        """Of each set the sum of a value over its leaves."""
        weights = np.broadcast_to(of_leaves, self.members.shape)
        sums = np.bincount(self.members.ravel(), weights.ravel(), self.count)
        return sums.astype(np.float64)

    def leaves(self, number: int) -> NDArray[np.bool_]:
        """Which leaves are in a set."""
        inside: NDArray[np.bool_] = self.members[self._row(number)] == number
        return inside

    def labels(
        self, number: int, names: Sequence[str], groups: Sequence[Group]
    ) -> Mapping[str, str | None]:
        """The labels of a set, given those of the leaves."""
        group = groups[int(np.argmax(self.leaves(number)))]
        return {names[label]: group[label] for label in self.combinations[self._row(number)]}

    def nested(self, number: int) -> Numbers:
        """The sets with all labels of this one, or with none but some of its own."""
        inside = self.leaves(number)
        own = set(self.combinations[self._row(number)])
        rows = [own <= set(one) or own >= set(one) for one in self.combinations]
        return np.unique(self.members[rows][:, inside])

    def _row(self, number: int) -> int:
        return int(np.searchsorted(self.members.max(axis=1), number))


def label_sets(groups: Sequence[Group]) -> LabelSets:
    """The sets of labels of some leaves; a label that all have tells none apart."""
    columns = [_codes([group[label] for group in groups]) for label in range(len(groups[0]))]
    telling = [label for label, column in enumerate(columns) if column.max() > 0]
    chosen = [one for depth in range(1, MOST_LABELS + 1) for one in combinations(telling, depth)]
    rows = list(_numbered(chosen, columns))
    members = np.array(rows, dtype=np.int64).reshape(len(rows), len(groups))
    return LabelSets(chosen, members)


def _numbered(chosen: Sequence[tuple[int, ...]], columns: Sequence[Numbers]) -> Iterator[Numbers]:
    first = 0
    for combination in chosen:
        codes = np.zeros(len(columns[0]), dtype=np.int64)
        for label in combination:
            codes = codes * (int(columns[label].max()) + 1) + columns[label]
        found, numbers = np.unique(codes, return_inverse=True)
        yield numbers + first
        first += len(found)


def _codes(values: Sequence[str | None]) -> Numbers:
    codes: dict[str | None, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)

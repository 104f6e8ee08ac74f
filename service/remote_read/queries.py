"""Queries of remote read, and the series that answer them; instants are Unix milliseconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sql.vocabulary import Aggregation

# Of an operator of PromQL, the aggregations whose groups it combines into what is asked for.
_COMBINED: Mapping[str, frozenset[Aggregation]] = {
    "sum": frozenset({"sum", "count", "last"}),
    "min": frozenset({"min"}),
    "max": frozenset({"max"}),
}


class Matcher(NamedTuple):
    """What the value of a label must be, or with `negated` must not be."""

    name: str
    value: str
    is_regex: bool = False
    negated: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it is one value alone."""
        return not (self.is_regex or self.negated)


class Hints(NamedTuple):
    """How PromQL goes on with the samples: the step of its evaluations, the function or operator
    around them, its groups, and the range of ``[…]`` (0: it looks at one instant at a time).
    """

    step: int
    func: str
    grouping: tuple[str, ...]
    by: bool
    range: int

    def combines(self, aggregation: Aggregation) -> bool:
        """Whether groups of those labels alone come to the same."""
        combined = _COMBINED.get(self.func, frozenset())
        return self.by and not self.range and aggregation in combined


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """The samples from `since` to `until`, both inclusive, of series that match."""

    since: int
    until: int
    matchers: Sequence[Matcher]
    hints: Hints | None = None

    @property
    def is_of_instants(self) -> bool:
        """Whether PromQL looks at instants, not at all samples of a range."""
        return self.hints is not None and self.hints.range == 0 and self.hints.func != "series"

    def exact(self, label: str) -> str | None:
        """The one value that a label must have."""
        return next((m.value for m in self.matchers if m.name == label and m.is_exact), None)


class Series(NamedTuple):
    """Labels, and values with their instants, oldest first."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, int]]

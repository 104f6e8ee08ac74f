"""Contributions: how much of a change each of its causes makes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.metrics.explanation.leaves import Amounts, Leaves
from sql.decimals import exact_sum, rounded


class Cause(NamedTuple):
    """A set of labels, and the numbers of the leaves that have them."""

    labels: Mapping[str, str | None]
    leaves: Sequence[int]


@dataclass(frozen=True, slots=True)
class Contributor:
    """A set of labels with its own value and baseline; `share_of_change` is the part of the whole
    change that it makes, as a ratio (None of no change): of a ratio, that which there would not be
    had it kept its own.
    """

    labels: Mapping[str, str | None]
    value: float | None
    baseline: float | None
    change: float | None
    share_of_change: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """A change, those who make it, the likeliest first, and what of it they leave `unexplained`.
    What is not known is None.
    """

    value: float | None
    baseline: float | None
    change: float | None
    contributors: Sequence[Contributor] = ()
    unexplained: float | None = None


def account_of(
    leaves: Leaves, causes: Sequence[Cause], value: float | None, baseline: float | None
) -> Account:
    """The account of a change from `baseline` to `value`, those of all leaves together."""
    change = _difference(value, baseline)
    if change is None:
        return Account(value, baseline, None)
    contributors = [_contributor(leaves, cause, change) for cause in causes]
    explained = [_contributed(leaves, part) for part in _apart(causes)]
    unexplained = exact_sum([change, *(-one for one in explained)])
    return Account(value, baseline, change, contributors, unexplained)


def value_of(amounts: Amounts, leaves: Collection[int]) -> float | None:
    """The value of some leaves as one."""
    total = exact_sum(amounts.sums[one] for one in leaves)
    if amounts.numbers is None:
        return total
    number = exact_sum(amounts.numbers[one] for one in leaves)
    return rounded(total / number) if number else None


def _contributor(leaves: Leaves, cause: Cause, change: float) -> Contributor:
    value = value_of(leaves.after, cause.leaves)
    baseline = value_of(leaves.before, cause.leaves)
    share = rounded(_contributed(leaves, cause.leaves) / change) if change else None
    return Contributor(cause.labels, value, baseline, _difference(value, baseline), share)


def _contributed(leaves: Leaves, inside: Collection[int]) -> float:
    """What some leaves make of the change of all."""
    value, numbers = value_of(leaves.after, inside), leaves.after.numbers
    baseline = value_of(leaves.before, inside)
    if numbers is None:
        return _difference(value, baseline) or 0.0
    if baseline is None:
        baseline = value_of(leaves.before, range(len(numbers)))
    weight = exact_sum(numbers[one] for one in inside) / exact_sum(numbers)
    return (_difference(value, baseline) or 0.0) * weight


def _apart(causes: Sequence[Cause]) -> list[set[int]]:
    """The leaves of each cause that are in none before it."""
    parts: list[set[int]] = []
    known: set[int] = set()
    for cause in causes:
        parts.append(set(cause.leaves) - known)
        known |= parts[-1]
    return parts


def _difference(value: float | None, baseline: float | None) -> float | None:
    return None if value is None or baseline is None else exact_sum((value, -baseline))

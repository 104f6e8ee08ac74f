"""Causes: the sets of labels whose leaves moved alike, and unlike the others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.metrics.explanation.contributions import Cause
from service.metrics.explanation.label_sets import LabelSets, Values, label_sets
from service.metrics.explanation.leaves import Amounts, Leaves

MOST_CAUSES = 3
# Figures measured on incidents of a public data set (docs/explanations.md).
# A ratio of a leaf is shrunk to that of all by so many events.
_SHRINKAGE = 2.0
# Added to the events of a leaf, so that those without any have a logarithm.
_HALF = 0.25
# Of so few leaves all are looked at.
_FEW = 8
# How far leaves scatter by themselves, as the deviation of a logarithm.
_LEAST_SCATTER, _MOST_SCATTER = 0.03, 0.4
# The likelihood ratio of the best of so many sets that is reached by chance in one case of twenty,
# as a multiple of the logarithm of their number.
_CHANCE = 2.0
# A cause must move so many standard errors more than what is outside it.
_APART = 3.0
# Another cause must be as likely as that, also as a share of the first.
_LEAST_LIKELY, _LEAST_SHARE = 30.0, 0.4


@dataclass(frozen=True, slots=True)
class _Moves:
    """Of each leaf the logarithm of by how much it is more than expected, and its weight."""

    changes: Values
    weights: Values


def causes_of(leaves: Leaves) -> list[Cause]:
    """The sets of labels that account for a change, the likeliest first, none within another.
    None where everything moved alike, or nothing more than by chance.

    Each is the set with the largest likelihood ratio of one common factor inside it; then what
    is expected inside it is multiplied by that factor, and the next one searched.
    """
    if not leaves.labels:
        return []
    sets = label_sets(leaves.labels)
    expected, after = _events(leaves)
    if not sets.count or not (after.any() or expected.any()):
        return []
    return [
        Cause(
            sets.labels(one, leaves.names, leaves.labels),
            np.flatnonzero(sets.leaves(one)).tolist(),
        )
        for one in _found(sets, expected, after)
    ]


def _found(sets: LabelSets, expected: Values, after: Values) -> list[int]:
    rises = bool(after.sum() >= expected.sum())
    scatter = _scatter(expected, after)
    found: list[int] = []
    least = _CHANCE * np.log(sets.count)
    while len(found) < MOST_CAUSES:
        moves = _moves(expected, after, scatter)
        factors, scores = _scores(sets, moves, rises=rises)
        for one in found:
            scores[sets.nested(one)] = 0.0
        best = _best(sets, scores)
        inside = sets.leaves(best)
        if scores[best] < least or (not found and not _is_apart(inside, moves)):
            break
        if not found:
            least = max(_LEAST_SHARE * scores[best], _LEAST_LIKELY)
        found.append(best)
        expected = np.where(inside, expected * np.exp(factors[best]), expected)
    return found


def _events(leaves: Leaves) -> tuple[Values, Values]:
    """What was expected of each leaf and what came, in events: in units of which a leaf's amount
    has the variance that a number of events has.
    """
    after = np.array(leaves.after.sums)
    plain = _expected(leaves.before, leaves.after, 0.0)
    size = _event_size(plain, after)
    expected = _expected(leaves.before, leaves.after, _SHRINKAGE * size)
    return np.maximum(expected, 0.0) / size, np.maximum(after, 0.0) / size


def _expected(before: Amounts, after: Amounts, amount: float) -> Values:
    """The amount of each leaf at its ratio before, which is shrunk to that of all by an amount."""
    sums: Values = np.array(before.sums, dtype=np.float64)
    if before.numbers is None or after.numbers is None:
        return sums
    numbers = np.array(before.numbers)
    whole = sums.sum() / numbers.sum() if numbers.sum() else 0.0
    added = amount / whole if whole > 0 else 0.0
    known = numbers + added
    ratios: Values = np.where(known > 0, (sums + amount) / np.where(known > 0, known, 1.0), whole)
    return ratios * np.array(after.numbers, dtype=np.float64)


def _event_size(expected: Values, after: Values) -> float:
    """The variance of small leaves over their mean, of which a few that moved count little."""
    means = np.abs(expected + after) / 2
    if not means.any():
        return 1.0
    small = np.argsort(means[means > 0], kind="stable")[: max(3, 2 * np.count_nonzero(means) // 3)]
    squares = (after - expected)[means > 0] ** 2 / means[means > 0] / 1.25
    usual = 9 * np.median(squares[small])
    least = 1e-3 * means[means > 0].mean()
    return float(max(np.minimum(squares[small], usual).mean(), least))


def _scatter(expected: Values, after: Values) -> float:
    """How far the larger half of the leaves, or a few, scatter beyond what their events would."""
    means = (expected + after) / 2
    number = np.count_nonzero(means)
    large = np.argsort(-means, kind="stable")[: max(number // 2, min(number, _FEW))]
    changes = np.log((after[large] + _HALF) / (expected[large] + _HALF))
    # Of a normal distribution that is its deviation.
    spread = np.quantile(np.abs(changes - np.median(changes)), 0.7, method="lower")
    chance = np.median(1.25 / (means[large] + _HALF))
    return float(np.clip(np.sqrt(max(spread**2 - chance, 0.0)), _LEAST_SCATTER, _MOST_SCATTER))


def _moves(expected: Values, after: Values, scatter: float) -> _Moves:
    changes = np.log((after + _HALF) / (expected + _HALF))
    weights = 1 / (1 / ((after + expected) / 2 + _HALF) + scatter**2)
    return _Moves(changes, np.where((expected > 0) | (after > 0), weights, 0.0))


def _scores(sets: LabelSets, moves: _Moves, *, rises: bool) -> tuple[Values, Values]:
    """Of each set the common change of its leaves, and the likelihood ratio of it, as a logarithm;
    0 of a change that goes the other way.
    """
    weights = sets.sums(moves.weights)
    weighted = sets.sums(moves.weights * moves.changes)
    factors = weighted / np.maximum(weights, 1e-12)
    scores = weighted * factors / 2
    return factors, np.where(factors > 0 if rises else factors < 0, scores, 0.0)


def _best(sets: LabelSets, scores: Values) -> int:
    """The likeliest; of those with the same leaves that with the most labels."""
    alike = np.flatnonzero(scores >= scores.max() * (1 - 1e-9))
    return int(alike[np.argmax(sets.depths[alike])])


def _is_apart(inside: NDArray[np.bool_], moves: _Moves) -> bool:
    """Whether leaves inside moved more than those outside."""
    weights = moves.weights
    within, without = weights[inside].sum(), weights[~inside].sum()
    if not without:
        return False
    difference = np.average(moves.changes[inside], weights=weights[inside]) - np.average(
        moves.changes[~inside], weights=weights[~inside]
    )
    return bool(abs(difference) >= _APART * np.sqrt(1 / within + 1 / without))

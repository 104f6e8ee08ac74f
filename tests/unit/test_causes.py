"""Causes of changes that were made up: what moved is named, and nothing that did not."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest

from service.metrics.explanation.causes import causes_of
from service.metrics.explanation.contributions import Cause, account_of
from service.metrics.explanation.leaves import Amounts, Leaves

NAMES = ("region", "method", "affiliate")
REGIONS = {"SP": 5.0, "RJ": 3.0, "MG": 2.0, "RS": 1.0}
METHODS = {"pix": 5.0, "boleto": 1.0, "card": 4.0}
Labels = Mapping[str, str | None]


def orders(
    *moved: tuple[Labels, float], everywhere: float = 1.0, affiliates: int = 6, seed: int = 1
) -> Leaves:
    """Revenue of orders on two days, on the second with factors where labels are so."""
    chance = np.random.default_rng(seed)
    labels, before, after = [], [], []
    for region, method, number in product(REGIONS, METHODS, range(affiliates)):
        group = (region, method, f"a{number}")
        usual = 8 * REGIONS[region] * METHODS[method] / affiliates
        factor = everywhere
        for which, times in moved:
            if which.items() <= dict(zip(NAMES, group, strict=True)).items():
                factor *= times
        labels.append(group)
        before.append(revenue(chance, usual))
        after.append(revenue(chance, usual * factor))
    return Leaves(NAMES, labels, Amounts(before), Amounts(after))


def revenue(chance: np.random.Generator, usual: float) -> float:
    return float(chance.gamma(2, 40, chance.poisson(usual)).sum())


def named(leaves: Leaves) -> list[Labels]:
    return [dict(cause.labels) for cause in causes_of(leaves)]


@pytest.mark.parametrize(
    ("cause", "factor"),
    [
        ({"region": "SP"}, 0.4),
        ({"method": "pix"}, 0.4),
        ({"region": "SP", "method": "pix"}, 0.22),
        ({"region": "RJ", "method": "card"}, 3.0),
        ({"affiliate": "a3"}, 0.1),
        ({"region": "SP", "method": "pix", "affiliate": "a0"}, 8.0),
    ],
)
def test_the_labels_that_moved_are_named_alone(cause: Labels, factor: float) -> None:
    found = [named(orders((cause, factor), seed=seed)) for seed in range(8)]
    assert sum(one == [cause] for one in found) >= 7


def test_where_everything_moved_alike_nothing_is_named() -> None:
    found = [named(orders(everywhere=0.5, seed=seed)) for seed in range(20)]
    assert sum(bool(one) for one in found) <= 3


def test_chance_is_rarely_taken_for_a_cause() -> None:
    found = [named(orders(seed=seed)) for seed in range(40)]
    assert sum(bool(one) for one in found) <= 4


def test_two_causes_are_found_one_after_the_other() -> None:
    causes: list[Labels] = [{"region": "SP", "method": "pix"}, {"region": "RJ", "method": "card"}]
    found = named(orders((causes[0], 0.1), (causes[1], 0.05), affiliates=20))
    assert sorted(found, key=repr) == sorted(causes, key=repr)


def test_none_of_the_causes_is_within_another() -> None:
    for seed in range(20):
        moved = (({"region": "SP"}, 0.5), ({"region": "SP", "method": "pix"}, 0.3))
        found = [set(one.items()) for one in named(orders(*moved, affiliates=20, seed=seed))]
        assert not any(a < b for a in found for b in found)


def test_a_label_that_all_have_is_not_named() -> None:
    leaves = orders(({"region": "SP"}, 0.3))
    shop = Leaves(
        (*NAMES, "service"),
        [(*group, "shop") for group in leaves.labels],
        leaves.before,
        leaves.after,
    )
    assert named(shop) == [{"region": "SP"}]


def test_the_unit_that_amounts_are_in_does_not_matter() -> None:
    leaves = orders(({"region": "SP", "method": "pix"}, 0.22))
    cents = Leaves(
        leaves.names,
        leaves.labels,
        Amounts([100 * one for one in leaves.before.sums]),
        Amounts([100 * one for one in leaves.after.sums]),
    )
    assert named(cents) == named(leaves)


def test_a_ratio_that_rose_is_told_from_more_tries() -> None:
    chance = np.random.default_rng(3)
    labels = [*product(REGIONS, METHODS, ("a", "b"))]
    tries = [int(200 * REGIONS[one[0]] * METHODS[one[1]]) for one in labels]
    # Three times as many in RJ, that fail as often as before; pix fails four times as often.
    more = [
        3 * count if one[0] == "RJ" else count for one, count in zip(labels, tries, strict=True)
    ]
    rates = [0.08 if one[1] == "pix" else 0.02 for one in labels]
    before = [float(chance.binomial(count, 0.02)) for count in tries]
    after = [float(x) for x in chance.binomial(more, rates)]
    leaves = Leaves(NAMES, labels, Amounts(before, tries), Amounts(after, more))
    assert named(leaves) == [{"method": "pix"}]


def test_what_is_always_the_same_is_no_puzzle() -> None:
    labels = [*product(REGIONS, METHODS, ("a", "b"))]
    before = [100.0 * REGIONS[one[0]] for one in labels]
    after = [
        amount * (0.2 if one[:2] == ("SP", "pix") else 1)
        for one, amount in zip(labels, before, strict=True)
    ]
    leaves = Leaves(NAMES, labels, Amounts(before), Amounts(after))
    assert named(leaves) == [{"region": "SP", "method": "pix"}]
    assert named(Leaves(NAMES, labels, Amounts(before), Amounts(before))) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing_has_no_causes(count: int) -> None:
    labels = [("SP", "pix", f"a{number}") for number in range(count)]
    nothing = Amounts([0.0] * count)
    assert named(Leaves(NAMES, labels, nothing, nothing)) == []
    assert named(Leaves(NAMES, labels, nothing, Amounts([5.0] * count))) == []


def test_contributions_and_what_is_unexplained_make_the_change() -> None:
    labels = [("SP", "pix", "a"), ("SP", "card", "a"), ("RJ", "pix", "a"), ("RJ", "card", "a")]
    leaves = Leaves(NAMES, labels, Amounts([80.0, 10, 6, 4]), Amounts([20.0, 9.9, 3, 5.1]))
    causes = [Cause({"method": "pix"}, [0, 2]), Cause({"region": "SP"}, [0, 1])]
    account = account_of(leaves, causes, 38.0, 100.0)
    assert account.change == -62.0
    pix, sp = account.contributors
    assert (pix.value, pix.baseline, pix.change) == (23.0, 86.0, -63.0)
    assert pix.share_of_change == pytest.approx(63 / 62)
    assert sp.change == -60.1
    assert sp.share_of_change == pytest.approx(60.1 / 62)
    # SP pix is in both, and counts once.
    assert account.unexplained == 1.1


def test_a_ratio_changes_by_what_it_would_not_have_had_a_part_kept_its_own() -> None:
    labels = [("SP", "pix", "a"), ("RJ", "pix", "a")]
    leaves = Leaves(
        NAMES, labels, Amounts([10.0, 10], [100.0, 100]), Amounts([90.0, 10], [300.0, 100])
    )
    account = account_of(leaves, [Cause({"region": "SP"}, [0])], 0.25, 0.1)
    (sp,) = account.contributors
    assert (sp.value, sp.baseline, sp.change) == (0.3, 0.1, 0.2)
    assert sp.share_of_change == pytest.approx(1)
    assert account.unexplained == pytest.approx(0)

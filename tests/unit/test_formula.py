"""Formulas say what arithmetic says."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from operator import add, mul, sub, truediv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql.errors import Invalid
from sql.formula import dimension_of, is_linear, metrics_of, parse, usual_unit, value_of

Tree = tuple[str, "Tree", "Tree"] | str | int
APPLY = {"+": add, "-": sub, "*": mul, "/": truediv}
VALUES = {"orders": 6, "visits": 4, "a.b:c-d": 0}
leaves = st.one_of(st.sampled_from(sorted(VALUES)), st.integers(0, 9))
trees: st.SearchStrategy[Tree] = st.recursive(
    leaves, lambda some: st.tuples(st.sampled_from("+-*/"), some, some), max_leaves=8
)


def text_of(tree: Tree) -> str:
    if not isinstance(tree, tuple):
        return str(tree)
    sign, left, right = tree
    return f"({text_of(left)} {sign} {text_of(right)})"


def exactly(tree: Tree) -> Fraction | None:
    if not isinstance(tree, tuple):
        return Fraction(VALUES[tree] if isinstance(tree, str) else tree)
    left, right = exactly(tree[1]), exactly(tree[2])
    if left is None or right is None or (tree[0] == "/" and not right):
        return None
    found: Fraction = APPLY[tree[0]](left, right)
    return found


def computed(text: str, values: Mapping[str, int | None] = VALUES) -> Decimal | None:
    known = {name: None if one is None else Decimal(one) for name, one in values.items()}
    return value_of(parse(text), known)


@given(trees)
def test_any_formula_has_the_value_of_its_arithmetic(tree: Tree) -> None:
    expected, found = exactly(tree), computed(text_of(tree))
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert float(found) == pytest.approx(float(expected), abs=1e-20)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("10 - 4 - 3", "3"),
        ("24 / 4 / 3", "2"),
        ("-orders + 2*-3", "-12"),
        ("100*orders/visits", "150"),
        ("(1.5 + 1.5) * 2", "6.0"),
    ],
)
def test_products_come_before_sums_and_what_stands_left_first(text: str, value: str) -> None:
    assert computed(text) == Decimal(value)


def test_what_is_unknown_makes_all_unknown() -> None:
    assert computed("orders + visits", {"orders": 1, "visits": None}) is None
    assert computed("orders / visits", {"orders": 1, "visits": 0}) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "(1",
        "1)",
        "1 2",
        "a b",
        "1 ** 2",
        "a; b",
        "__import__('os')",
        "é",
        "(" * 99,
        "2x",
    ],
)
def test_what_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse(text)


def test_units_are_those_of_the_arithmetic() -> None:
    units = {"paid": "BRL", "sold": "BRL", "orders": "count", "time": "ms"}

    def unit(text: str) -> str | None:
        return usual_unit(dimension_of(parse(text), units))

    assert unit("paid + sold - 3") == "BRL"
    assert unit("paid / sold") is None
    assert unit("sold / orders") == "BRL"
    assert unit("2 * time") == "ms"
    assert unit("paid / sold * time") == "ms"
    for mixed in ("paid + time", "paid / sold + paid", "paid - orders"):
        with pytest.raises(Invalid):
            unit(mixed)


def test_sums_of_multiples_add_up_over_time() -> None:
    assert metrics_of(parse("a / b + a * c")) == ("a", "b", "c")
    assert all(is_linear(parse(text)) for text in ("a - b", "2 * a / 4", "-a"))
    assert not any(is_linear(parse(text)) for text in ("a / b", "a * b", "a + 1", "2 / a"))

"""Formulas: metrics and numbers with + - * / and parentheses; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sql.errors import Invalid, Problem
from sql.messages import Message

MAX_LENGTH = 500
_MOST_NESTED = 30
# A name may have a minus within: where one is subtracted, a blank stands before it.
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d{1,15}(?:\.\d{1,15})?)|(?P<name>[A-Za-z_][A-Za-z0-9_.:-]*)|(?P<sign>[-+*/()]))"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """Two terms with one of + - * / between them."""

    sign: str
    left: "Term"
    right: "Term"


# A number, the name of a metric, or an operation.
Term = Decimal | str | Operation
# By unit how often it is multiplied with, less how often it is divided by.
Dimension = Mapping[str, int]


def parse(text: str) -> Term:
    """The term that a formula says.

    Raises:
        Invalid: it says none.
    """
    return _Parser(text.rstrip()).whole()


class _Parser:
    """Reads a formula by recursive descent: a sum of products of factors."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._nested = 0

    def whole(self) -> Term:
        term = self._sum()
        if self._tokens:
            raise _unexpected(self._tokens[0][1])
        return term

    def _sum(self) -> Term:
        term = self._product()
        while sign := self._sign("+", "-"):
            term = Operation(sign, term, self._product())
        return term

    def _product(self) -> Term:
        term = self._factor()
        while sign := self._sign("*", "/"):
            term = Operation(sign, term, self._factor())
        return term

    def _factor(self) -> Term:
        self._nested += 1
        if self._nested > _MOST_NESTED:
            raise _invalid(Message("The formula is nested too deeply"))
        if self._sign("-"):
            term: Term = Operation("-", Decimal(), self._factor())
        elif self._sign("("):
            term = self._sum()
            if not self._sign(")"):
                raise _invalid(Message("A parenthesis is not closed"))
        else:
            term = self._operand()
        self._nested -= 1
        return term

    def _operand(self) -> Term:
        if not self._tokens:
            raise _invalid(Message("The formula ends too early"))
        kind, text = self._tokens.pop(0)
        if kind == "sign":
            raise _unexpected(text)
        return Decimal(text) if kind == "number" else text

    def _sign(self, *wanted: str) -> str | None:
        if self._tokens and self._tokens[0] in [("sign", one) for one in wanted]:
            return self._tokens.pop(0)[1]
        return None


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise _unexpected(text[place:].strip()[:20])
        yield match.lastgroup, match[match.lastgroup]
        place = match.end()


def metrics_of(term: Term) -> tuple[str, ...]:
    """The metrics that a term names, each once, in their order."""
    if isinstance(term, Operation):
        return tuple(dict.fromkeys((*metrics_of(term.left), *metrics_of(term.right))))
    return (term,) if isinstance(term, str) else ()


def value_of(term: Term, values: Mapping[str, Decimal | None]) -> Decimal | None:
    """The value of a term by those of its metrics; None where one is unknown or it would be
    divided by zero.
    """
    if not isinstance(term, Operation):
        return values[term] if isinstance(term, str) else term
    left, right = value_of(term.left, values), value_of(term.right, values)
    if left is None or right is None:
        return None
    match term.sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right if right else None


def dimension_of(term: Term, units: Mapping[str, str | None]) -> Dimension | None:
    """The units of a term's values by those of its metrics; None for a number, which fits any.

    Raises:
        Invalid: values of different units are added.
    """
    if not isinstance(term, Operation):
        return None if isinstance(term, Decimal) else _alone(units[term])
    left, right = dimension_of(term.left, units), dimension_of(term.right, units)
    if term.sign in "+-":
        if left is not None and right is not None and left != right:
            raise _invalid(Message("The formula adds values of different units"))
        return right if left is None else left
    if left is None and right is None:
        return None
    times = 1 if term.sign == "*" else -1
    sums = {
        unit: (left or {}).get(unit, 0) + times * (right or {}).get(unit, 0)
        for unit in {*(left or {}), *(right or {})}
    }
    return {unit: number for unit, number in sums.items() if number}


def usual_unit(dimension: Dimension | None) -> str | None:
    """The unit that values are shown in: the only one that they are multiples of, per count of
    something or not.
    """
    found = {unit: number for unit, number in (dimension or {}).items() if unit != "count"}
    unit, number = next(iter(found.items()), (None, 0))
    return unit if len(found) == 1 and number == 1 else None


def is_linear(term: Term) -> bool:
    """Whether its values of periods add up to that of all of them where its metrics' do."""
    if not isinstance(term, Operation):
        return isinstance(term, str)
    if term.sign in "+-":
        sides = [one for one in (term.left, term.right) if one != Decimal()]
        return all(map(is_linear, sides))
    numbers = isinstance(term.right, Decimal), isinstance(term.left, Decimal)
    return (numbers[0] and is_linear(term.left)) or (
        numbers[1] and term.sign == "*" and is_linear(term.right)
    )


def _alone(unit: str | None) -> Dimension:
    return {unit: 1} if unit else {}


def _unexpected(text: str) -> Invalid:
    return _invalid(Message("{text} is not expected there", {"text": text}))


def _invalid(message: Message) -> Invalid:
    return Invalid(Problem(message, "formula"))

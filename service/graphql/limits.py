"""Bounds of a document: its depth, fields and cost."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    VariableNode,
    get_variable_values,
)

MAX_TOKENS = 4000
MAX_DEPTH = 8
# Introspection is deep; its lists are bounded by a rule of graphql-core.
MAX_INTROSPECTION_DEPTH = 20
MAX_FIELDS = 1000
# As many panels as a dashboard may have, and some.
MAX_FIGURES = 50
MAX_COST = 5000
_FIGURES = frozenset({"aggregate", "breakdown", "forecast"})
_COSTS = {"aggregate": 20, "breakdown": 20, "forecast": 100}
_LISTS = frozenset({"metrics", "rules", "events", "services"})
_FIRST = 50


class Measures(NamedTuple):
    """Of a part of a document: its depth, the fields written in it, fragments each time, how many
    of them are figures, and what it costs: a field of a list as often as it has entries.
    """

    depth: int = 0
    fields: int = 0
    figures: int = 0
    cost: int = 0

    def beside(self, other: "Measures") -> "Measures":
        """Both parts."""
        return Measures(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.figures + other.figures,
            self.cost + other.cost,
        )


class _Measuring:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._fragments = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        # Measured once, as a few lines can have millions of fields.
        self._known: dict[str, Measures] = {}

    def of(self, selections: SelectionSetNode | None) -> Measures:
        found = Measures()
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                found = found.beside(self._field(selection))
            elif isinstance(selection, FragmentSpreadNode):
                found = found.beside(self._fragment(selection.name.value))
            elif isinstance(selection, InlineFragmentNode):
                found = found.beside(self.of(selection.selection_set))
        return found

    def _field(self, field: FieldNode) -> Measures:
        name, inner = field.name.value, self.of(field.selection_set)
        times = self._first(field) if name in _LISTS else 1
        return Measures(
            inner.depth + 1,
            inner.fields + 1,
            inner.figures * times + (name in _FIGURES),
            inner.cost * times + _COSTS.get(name, 1),
        )

    def _fragment(self, name: str) -> Measures:
        if name not in self._known:
            # One that has itself in it is refused by another rule.
            self._known[name] = Measures()
            fragment = self._fragments.get(name)
            self._known[name] = self.of(fragment.selection_set if fragment else None)
        return self._known[name]

    def _first(self, field: FieldNode) -> int:
        for argument in field.arguments or ():
            if argument.name.value == "first":
                value: Any = argument.value
                if isinstance(value, IntValueNode):
                    return max(int(value.value[:9]), 1)
                if isinstance(value, VariableNode):
                    given = self._variables.get(value.name.value)
                    return max(given, 1) if type(given) is int else _FIRST
        return _FIRST


def limits_rule(document: DocumentNode, variables: Mapping[str, Any]) -> type[ValidationRule]:
    """The rule that refuses a document, with these variables, that is too much."""

    class Limits(ValidationRule):
        """Refuses operations that are too deep, too large or cost too much."""

        def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
            """Measure the operation, with its variables as it will be given them."""
            definitions = node.variable_definitions or ()
            given = get_variable_values(self.context.schema, definitions, dict(variables))
            # Where they are wrong, nothing is resolved.
            values = {} if isinstance(given, list) else given.coerced
            measuring = _Measuring(document, values)
            for text in _excesses(measuring.of(node.selection_set), _introspects(node)):
                self.report_error(GraphQLError(text, node))

    return Limits


def _introspects(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(one, FieldNode) and one.name.value.startswith("__")
        for one in operation.selection_set.selections
    )


def _excesses(measures: Measures, introspects: bool) -> Iterator[str]:
    depth = MAX_INTROSPECTION_DEPTH if introspects else MAX_DEPTH
    if measures.depth > depth:
        yield f"The query is {measures.depth} levels deep, and may be {depth}"
    if measures.fields > MAX_FIELDS:
        yield f"The query has {measures.fields} fields, and may have {MAX_FIELDS}"
    if measures.figures > MAX_FIGURES:
        yield f"The query asks for figures {measures.figures} times, and may {MAX_FIGURES} times"
    if measures.cost > MAX_COST:
        yield f"The query costs {measures.cost}, and may cost {MAX_COST}: ask for fewer entries"

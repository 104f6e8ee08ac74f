"""Rules as code: a YAML file that can be exported, kept in version control and applied.

A field that a rule leaves out has its default, so the file holds only deliberate choices.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import yaml
from psycopg.rows import DictRow
from pydantic import ValidationError

from alerts.context import Author
from alerts.registry import (
    check_rule,
    create_rule,
    list_rules,
    remove_rule,
    replace_rule,
)
from alerts.rule_rows import as_stored, readable
from alerts.rules import Rule
from sql import strict_yaml
from sql.database import Pool
from sql.scope import Scope

Action = Literal["create", "change", "delete", "keep"]


class BadRulesFile(Exception):
    """The file cannot be read as rules; nothing was changed."""


class Step(NamedTuple):
    """The change of one rule; `fields` are those that differ."""

    action: Action
    name: str
    rule_id: int | None = None
    rule: Rule | None = None
    fields: Sequence[str] = ()


def exported(rows: Sequence[DictRow]) -> str:
    """The rules as a file, by name."""
    rules = [_shown(readable(row)) for row in sorted(rows, key=lambda row: str(row["rule_name"]))]
    text: str = yaml.safe_dump({"rules": rules}, sort_keys=False, allow_unicode=True, width=100)
    return text


def parsed(data: bytes) -> list[Rule]:
    """The rules of a file.

    Raises:
        BadRulesFile: naming every rule that is wrong, and what is wrong with it.
    """
    try:
        document = strict_yaml.read(data)
    except strict_yaml.BadYaml as error:
        raise BadRulesFile(str(error)) from error
    content = document.content
    listed = content.get("rules") if isinstance(content, dict) else None
    if not isinstance(listed, list) or set(content) != {"rules"}:
        raise BadRulesFile("The file must hold a list named rules, and nothing else")
    rules: list[Rule] = []
    problems: list[str] = []
    for number, item in enumerate(listed, start=1):
        try:
            rules.append(Rule.model_validate(item))
        except ValidationError as error:
            name = item.get("rule_name") if isinstance(item, dict) else None
            problems += _complaints(document, number - 1, name or f"rule {number}", error)
    names = [rule.rule_name for rule in rules]
    problems += [f"{name}: it is there twice" for name in sorted(_repeated(names))]
    if problems:
        raise BadRulesFile("\n".join(problems))
    return rules


def plan(rows: Sequence[DictRow], wanted: Sequence[Rule], *, prune: bool) -> list[Step]:
    """The steps after which the rules are the wanted ones; rules that the file does not
    name go only if `prune`.
    """
    existing = {row["rule_name"]: row for row in rows}
    steps = [_step(existing.get(rule.rule_name), rule) for rule in wanted]
    named = {rule.rule_name for rule in wanted}
    others: Action = "delete" if prune else "keep"
    return [step for step in steps if step.action != "keep"] + [
        Step(others, name, row["rule_id"])
        for name, row in sorted(existing.items())
        if name not in named
    ]


async def planned(pool: Pool, scope: Scope, data: bytes, *, prune: bool) -> list[Step]:
    """The plan for a file.

    Raises:
        BadRulesFile: it cannot be read.
        Invalid: a rule does not fit what the catalogue says of its metric.
    """
    rules = parsed(data)
    for rule in rules:
        await check_rule(pool, scope, rule)
    return plan(await list_rules(pool, scope), rules, prune=prune)


async def apply(pool: Pool, scope: Scope, steps: Sequence[Step], author: Author) -> None:
    """Carry the plan out; deletions first, so that a name may move."""
    for step in sorted(steps, key=lambda step: step.action != "delete"):
        if step.action == "delete" and step.rule_id is not None:
            await remove_rule(pool, scope, step.rule_id, author)
        elif step.action == "create" and step.rule:
            await create_rule(pool, scope, step.rule, author)
        elif step.action == "change" and step.rule and step.rule_id is not None:
            await replace_rule(pool, scope, step.rule_id, step.rule, author)


def _step(row: Mapping[str, Any] | None, rule: Rule) -> Step:
    if row is None:
        return Step("create", rule.rule_name, rule=rule)
    fields = [name for name, value in as_stored(rule).items() if row[name] != value]
    action: Action = "change" if fields else "keep"
    return Step(action, rule.rule_name, row["rule_id"], rule, fields)


def _shown(rule: Rule) -> dict[str, Any]:
    return rule.model_dump(by_alias=True, exclude_defaults=True)


def _complaints(
    document: strict_yaml.Document, position: int, name: str, error: ValidationError
) -> Iterator[str]:
    for entry in error.errors():
        field = ".".join(map(str, entry["loc"]))
        line = document.line_of(["rules", position, *entry["loc"]])
        yield f"line {line}: {name}: {field}: {entry['msg'].removeprefix('Value error, ')}"


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}

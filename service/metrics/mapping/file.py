"""A mapping as a YAML file."""

from collections.abc import Iterator

from pydantic import ValidationError

from service.metrics.mapping.rules import MappingRules
from sql import strict_yaml
from sql.errors import Invalid, Problem
from sql.messages import Message


def parsed(data: bytes) -> MappingRules:
    """The rules in a file.

    Raises:
        Invalid: everything that is wrong, with its line.
    """
    try:
        document = strict_yaml.read(data)
    except strict_yaml.BadYaml as error:
        raise Invalid(Problem(Message("{problem}", {"problem": str(error)}), "yaml")) from error
    try:
        return MappingRules.model_validate({} if document.content is None else document.content)
    except ValidationError as error:
        raise Invalid(*_problems(document, error)) from error


def _problems(document: strict_yaml.Document, error: ValidationError) -> Iterator[Problem]:
    for entry in error.errors():
        message = Message(
            "line {line}: {problem}",
            {
                "line": document.line_of(list(entry["loc"])),
                "problem": entry["msg"].removeprefix("Value error, "),
            },
        )
        yield Problem(message, ".".join(map(str, entry["loc"])) or "yaml")

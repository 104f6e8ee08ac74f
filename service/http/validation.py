"""pydantic's errors as problems, each by its type: a text of ours with pydantic's values."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from sql.errors import Problem
from sql.messages import Message

# A type among several, as pydantic calls it; names that somebody gave may have brackets, too.
_TRIED = re.compile(r"(?:literal|list|dict|function-[a-z]+)\[.+\]", re.DOTALL)
_TEXTS = {
    "extra_forbidden": Message("Unknown name"),
}


def problems_of(error: ValidationError) -> list[Problem]:
    """What is wrong, with the field as it is named in the body."""
    return [
        Problem(_message(entry), _place(entry["loc"]) or None)
        for entry in error.errors(include_url=False)
    ]


def _message(entry: Any) -> Message:
    context = entry.get("ctx") or {}
    # A validator's own: ValueError(Message(...)).
    if isinstance(cause := context.get("error"), ValueError):
        said = cause.args[0] if cause.args else ""
        return said if isinstance(said, Message) else Message(str(said))
    text = entry["msg"]
    return _TEXTS.get(entry["type"]) or Message(text)


def _place(loc: Sequence[int | str]) -> str:
    """Where in the body that is, without which of several types was tried there."""
    return ".".join(part for part in map(str, loc) if not _TRIED.fullmatch(part))

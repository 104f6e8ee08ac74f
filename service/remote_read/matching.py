"""Whether values of labels match. Regular expressions are matched by PostgreSQL, as Python's may
take for ever.
"""

import re
from collections.abc import Iterable, Sequence

from service.remote_read.queries import Matcher
from sql.database import Connections, fetch_all
from sql.errors import Invalid, Problem
from sql.messages import Message

MAX_PATTERN = 2000
_FLAGS = re.compile(r"\(\?([a-z]+)\)")
# A reference to what was matched, which RE2 has not, and which can take for ever.
_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")


class Regexes:
    """What regular expressions match as a whole, of the values that were loaded."""

    def __init__(self, reads: Connections) -> None:
        self._reads = reads
        self._known: dict[str, dict[str, bool]] = {}

    async def load(self, matchers: Iterable[Matcher], values: Iterable[str]) -> None:
        """Find out which of these values the expressions match.

        Raises:
            Invalid: one cannot be read.
            DataRejected: the same, to PostgreSQL.
        """
        texts = sorted(set(values))
        for pattern in {one.value for one in matchers if one.is_regex}:
            known = self._known.setdefault(pattern, {})
            params = {"values": texts, "pattern": _whole(pattern)}
            rows = await fetch_all(self._reads, "texts_matching", params)
            known.update(dict.fromkeys(texts, False))
            known.update((row["value"], True) for row in rows)

    def match(self, pattern: str, value: str) -> bool:
        """Whether a pattern matches that value, which was loaded for it."""
        return self._known[pattern][value]


def matches(matchers: Sequence[Matcher], value: str, regexes: Regexes) -> bool:
    """Whether a value is what all of them want; values of their expressions must be loaded."""
    return all(
        (regexes.match(one.value, value) if one.is_regex else one.value == value) != one.negated
        for one in matchers
    )


def _whole(pattern: str) -> str:
    """The pattern as PostgreSQL reads it, for whole values."""
    if len(pattern) > MAX_PATTERN or "\0" in pattern or _REFERENCE.search(pattern):
        message = Message(
            "Use a regular expression of up to {most} characters, without NUL and without "
            "references to what was matched",
            {"most": MAX_PATTERN},
        )
        raise Invalid(Problem(message))
    flags = ""
    if found := _FLAGS.match(pattern):
        pattern, flags = pattern[found.end() :], "(?i)" if "i" in found[1] else ""
    return f"{flags}^(?:{pattern})$"

"""YAML files that people write: what could be meant in two ways is an error with its line.

Beside YAML's own rules: UTF-8 only, no key twice, and of unquoted words only ``true``, ``false``,
``null`` and decimal numbers are no text. So ``010`` (eight to some readers) is refused, and
``1:30`` (ninety to some) stays the text that it is.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(\.[0-9]*)?")
# Types that PyYAML takes unquoted words for.
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
}
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class BadYaml(ValueError):
    """The file cannot be read, or could be read in two ways; the message names the line."""


class Document:
    """The content of a file, in Python's own types, and the line that each part stands on."""

    def __init__(self, root: Node | None) -> None:
        self._root = root
        self.content: Any = None if root is None else _value(root, ())

    def line_of(self, path: Sequence[str | int]) -> int:
        """The line, from 1, of the part at that path of keys and positions; of what is around it
        where there is no such part.
        """
        node = self._root
        for step in path:
            below = _child(node, step)
            if below is None:
                break
            node = below
        return 1 if node is None else _line(node)


def read(data: bytes) -> Document:
    """The one document in a file.

    Raises:
        BadYaml: it is no UTF-8 or no YAML, or one of the rules above is broken.
    """
    text = _decoded(data)
    try:
        return Document(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _bad(line, f"the character U+{ord(text[error.position]):04X} is not text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = " ".join(filter(None, (error.context, error.problem)))
        raise _bad(line, f"this is no YAML: {reason}") from error
    except RecursionError as error:
        raise BadYaml("this is nested too deeply") from error


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the byte 0x{data[error.start]:02X} is not UTF-8: save the file as UTF-8"
        raise _bad(line, message) from error


def _value(node: Node, above: tuple[Node, ...]) -> Any:
    if any(node is one for one in above):
        raise _bad(_line(node), "this contains itself")
    inside = (*above, node)
    match node:
        case MappingNode():
            return {key: _value(value, inside) for key, value in _pairs(node)}
        case SequenceNode():
            return [_value(item, inside) for item in node.value]
    assert isinstance(node, ScalarNode)
    return _scalar(node)


def _pairs(node: MappingNode) -> Iterator[tuple[str, Node]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise _bad(_line(key), "a key must be one word or text")
        name = str(key.value)
        if name in seen:
            raise _bad(_line(key), f"{name} is there already, in line {seen[name]}")
        seen[name] = _line(key)
        yield name, value


def _scalar(node: ScalarNode) -> Any:
    text = str(node.value)
    if node.style is not None:
        return text
    if node.tag not in _PLAIN_TAGS:
        raise _bad(_line(node), f"the tag {node.tag} is not understood")
    if _LEADING_ZERO.fullmatch(text):
        raise _bad(_line(node), f"{text} begins with a zero: write it without, or '{text}' as text")
    return _plain(text)


def _plain(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text) and len(text) < 400:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _child(node: Node | None, step: str | int) -> Node | None:
    match node:
        case MappingNode():
            return next((value for key, value in node.value if key.value == step), None)
        case SequenceNode() if isinstance(step, int) and step < len(node.value):
            child: Node = node.value[step]
            return child
    return None


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _bad(line: int, message: str) -> BadYaml:
    return BadYaml(f"line {line}: {message}")

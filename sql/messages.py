"""Messages: an English text with named values, made where it arises and rendered for a reader.

The text is the id of its translations (gettext): whoever renders a message in another language
looks the text up and writes the values as that language does. ``str(message)`` is English.
Messages are kept as JSON (`to_json`, `from_json`).
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec


class Term(msgspec.Struct, frozen=True, tag="term"):
    """A word of the vocabulary, such as ``hour``, ``sum`` or ``rule``: translated."""

    text: str

    def __str__(self) -> str:
        return self.text


class Quantity(msgspec.Struct, frozen=True, tag="quantity"):
    """A number and its unit, written in the reader's format."""

    value: float
    unit: str | None = None

    def __str__(self) -> str:
        return f"{_digits(self.value)} {self.unit or ''}".rstrip()


class Listing(msgspec.Struct, frozen=True, tag="list"):
    """Several values in their order, the last after `word` (``or``, ``and``) if there is one."""

    items: tuple["Value", ...]
    word: str | None = None

    def __str__(self) -> str:
        *first, last = map(str, self.items)
        if self.word and first:
            return f"{', '.join(first)} {self.word} {last}"
        return ", ".join([*first, last])


class Message(msgspec.Struct, frozen=True, tag="message"):
    """`text` with ``{name}`` for each of its `values`; texts are others' own words, not
    translated, and whole numbers are written as they are.
    """

    text: str
    values: Mapping[str, "Value"] = {}

    def __str__(self) -> str:
        return self.text.format_map(self.values) if self.values else self.text


Value = str | int | float | Term | Quantity | Listing | Message

_decoder = msgspec.json.Decoder(Message)


def to_json(message: Message) -> str:
    """The message as it is kept."""
    return msgspec.json.encode(message).decode()


def from_json(text: str | bytes) -> Message:
    """A message that was kept."""
    return _decoder.decode(text)


def terms(words: Mapping[str, object] | list[str] | tuple[str, ...]) -> Listing:
    """Words of the vocabulary, separated by commas."""
    return Listing(tuple(Term(word) for word in words))


def choices(words: Mapping[str, object] | list[str] | tuple[str, ...]) -> Listing:
    """The allowed values as they are written: ``'sum', 'avg' or 'max'``."""
    return Listing(tuple(f"'{word}'" for word in words), "or")


def _digits(value: float) -> str:
    """Six digits after the point, or six significant ones where that would leave fewer."""
    if abs(value) >= 1e15:
        return f"{value:g}"
    text = f"{value:.6f}" if abs(value) >= 1 else f"{Decimal(f'{value:.6g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

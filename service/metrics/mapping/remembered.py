"""Remembered: what was found out about series that come again and again, within bounds."""

from collections.abc import Hashable
from typing import Generic, TypeVar

# Of one memory. Whoever sends ever new names gets nothing out of it.
MOST_ENTRIES = 100_000
MOST_CHARACTERS = 32 * 1024 * 1024

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by keys. Where there are too many entries, or their texts are too long together, all
    are forgotten.
    """

    def __init__(
        self, most_entries: int = MOST_ENTRIES, most_characters: int = MOST_CHARACTERS
    ) -> None:
        self._values: dict[Key, Value] = {}
        self._most_entries = most_entries
        self._most_characters = most_characters
        self._characters = 0

    def get(self, key: Key) -> Value | None:
        """The value, where it is remembered."""
        return self._values.get(key)

    def put(self, key: Key, value: Value, characters: int) -> None:
        """Remember a value in place of any other; its texts are so long."""
        if len(self._values) >= self._most_entries or self._characters > self._most_characters:
            self._values.clear()
            self._characters = 0
        self._values[key] = value
        self._characters += characters

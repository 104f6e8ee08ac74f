"""Texts that others wrote, made harmless for subjects, chats and telephones."""


def one_line(text: str) -> str:
    """The text on one line without control and direction characters."""
    visible = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(visible.split())


def bounded(text: str, length: int) -> str:
    """At most so many characters, with dots where some were cut."""
    return text if len(text) <= length else text[: length - 3] + "..."

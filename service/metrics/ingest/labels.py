"""Names of metrics and texts of labels: as they are stored, and what none can be."""

import re
import unicodedata

from sql.messages import Message
from sql.vocabulary import NONE

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_CONTROL = Message("Control characters are not allowed")
_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_NO_NAME = Message("Use only letters, digits and _ . : -")


def name_problem(text: str) -> Message | None:
    """Why no metric can be called so."""
    return None if _NAME.fullmatch(text) else _NO_NAME


def label_text(text: str) -> str:
    """As it is stored: Unicode's NFC without blanks around it. A text with control characters
    stays as it is: it is refused.
    """
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    return text if _CONTROL.search(text) else unicodedata.normalize("NFC", text).strip()


def label_problem(field: str, text: str | None) -> Message | None:
    """Why a label cannot be stored."""
    if text and _CONTROL.search(text):
        return _NO_CONTROL
    if text == NONE:
        return Message("{none} stands for no {field}: leave it out", {"none": NONE, "field": field})
    return None

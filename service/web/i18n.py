"""The languages that pages are written in, and which one a reader gets."""

import io
import re
from collections.abc import Iterator
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SERVICE = Path(__file__).parent.parent
# By the tag of <html lang>; the first is for readers of none of them.
LANGUAGES = {"en": "English", "pt-BR": "Português"}
DEFAULT = "en"
_ACCEPTED = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([0-9.]{1,5}))?\s*")


def marked(text: str) -> str:
    """`text` itself, to be translated where it is shown."""
    return text


@cache
def translations(language: str) -> NullTranslations:
    """The catalogues of a language; English is what the sources are written in."""
    found = NullTranslations()
    name = language.replace("-", "_")
    # Each feature has its own; what several say is in web/locale.
    for path in sorted(SERVICE.glob(f"*/locale/{name}.po")):
        catalogue = _compiled(path)
        catalogue.add_fallback(found)
        found = catalogue
    return found


def _compiled(path: Path) -> GNUTranslations:
    with path.open("rb") as source:
        catalogue = read_po(source)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def negotiated(chosen: str | None, accept: str) -> tuple[str, Locale]:
    """Language and number format: what was chosen, else the best of ``Accept-Language``.
    A reader of ``en-GB`` reads English with British dates.
    """
    tags = list(_accepted(accept[:500]))
    language = chosen if chosen in LANGUAGES else next(filter(None, map(_language, tags)), DEFAULT)
    variants = (tag for tag in tags if "-" in tag and _language(tag) == language)
    return language, _locale(next(variants, language))


def _accepted(header: str) -> Iterator[str]:
    """The tags by preference; what cannot be read is left out."""
    weighed: list[tuple[float, int, str]] = []
    for part in header.split(","):
        if match := _ACCEPTED.fullmatch(part):
            try:
                weight = float(match[2] or 1)
            except ValueError:
                continue
            weighed.append((-weight, len(weighed), match[1]))
    return (tag for weight, _, tag in sorted(weighed) if weight)


def _language(tag: str) -> str | None:
    main = tag.partition("-")[0].lower()
    return next((one for one in LANGUAGES if one.partition("-")[0] == main), None)


@cache
def _parsed(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _locale(tag: str) -> Locale:
    found = _parsed(tag) or _parsed(tag.partition("-")[0])
    assert found is not None
    return found

"""Which language and number format a reader gets, from what they chose and what they accept."""

import re
from collections.abc import Iterator
from functools import cache

from babel import Locale, UnknownLocaleError

from service.language.translations import DEFAULT, LANGUAGES

_ACCEPTED = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([0-9.]{1,5}))?\s*")


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

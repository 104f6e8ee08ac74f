"""Numbers as a locale writes them: digits, money, very large and very small ones."""

from functools import cache

from babel import Locale
from babel.numbers import (
    NumberPattern,
    get_currency_precision,
    get_currency_symbol,
    parse_pattern,
)

# From here on a double has no hundredths, and up to there one can be read at a glance.
HUGE = 1e15
_TINY = 1e-6
# Added to a value it leaves no -0.0, which would be written with its sign.
NO_SIGN = 0.0


@cache
def pattern(text: str) -> NumberPattern:
    """Reading a pattern takes longer than writing a number by it."""
    return parse_pattern(text)


def digits_of(value: float | None) -> int:
    """How many digits behind the point a value is written with, of at most two."""
    if value is None or abs(value) >= HUGE:
        return 0
    return next((digits for digits in (0, 1) if round(value, 2) == round(value, digits)), 2)


def with_digits(value: float, digits: int, locale: Locale, behind: str = "", least: int = 0) -> str:
    """With up to so many digits behind the point, and at least `least`; more where none would
    be left.
    """
    size = abs(value)
    if size >= HUGE or 0 < size < _TINY:
        return scientific(value, locale, behind)
    shown = round(value, digits + 2 if behind else digits) + NO_SIGN
    if value and digits and not shown:
        return str(pattern(f"@##{behind}").apply(value, locale))
    places = "0" * least + "#" * (digits - least)
    return str(pattern(f"#,##0.{places}{behind}").apply(shown, locale))


def scientific(value: float, locale: Locale, behind: str = "") -> str:
    """``1.5E300``: Babel writes out no number of so many digits."""
    return str(pattern(f"0.###E0{behind}").apply(value, locale))


@cache
def money(currency: str, locale: Locale) -> NumberPattern:
    """How a locale writes that currency, with its symbol and digits put in once and for all."""
    usual = locale.currency_formats["standard"].pattern
    symbol = get_currency_symbol(currency, locale).replace("'", "''")
    found = parse_pattern(usual.replace("¤", f"'{symbol}'"))
    found.frac_prec = (get_currency_precision(currency),) * 2
    return found

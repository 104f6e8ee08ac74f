"""How figures and times are written for one reader."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from gettext import NullTranslations
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    format_timedelta,
    get_datetime_format,
)
from babel.numbers import (
    NumberFormatError,
    format_compact_currency,
    format_compact_decimal,
    format_decimal,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    parse_decimal,
)

from service.language.names import title_of
from service.language.numbers import (
    HUGE,
    NO_SIGN,
    digits_of,
    money,
    pattern,
    scientific,
    with_digits,
)
from service.language.sizes import in_unit
from service.language.translations import N_, built_in, translations
from sql.cached import cached_property
from sql.calendar import Period
from sql.messages import Listing, Message, Quantity, Term, Value

NOTHING = "–"
# Narrow enough not to break a line between a number and its unit.
_SPACE = "\N{NARROW NO-BREAK SPACE}"
_PERCENT = frozenset({"percent", "%", "percentage"})
_COMPACT_FROM = 100_000
# Written figures of a unit that are kept: as many as a page shows, in half a megabyte.
_KEPT = 2_000
# A length of time beyond it is written as it: Python has no longer ones.
_LONGEST = timedelta(days=999_999_999)
# As many as any double has, written out.
_ALL_DIGITS = Context(prec=700)
_SYMBOLS = {
    "milliseconds": "ms",
    "seconds": "s",
    "minutes": "min",
    "requests_per_second": "req/s",
    "requests_per_minute": "req/min",
}
N_("requests/s")
N_("users")
N_("points")


@dataclass(frozen=True)
class Reader:
    """A reader of `language`, with numbers and dates as `locale` writes them and times in
    `zone`, the business time zone. `names` are those of values of labels, by label and value.
    """

    language: str
    locale: Locale
    zone: ZoneInfo
    names: Mapping[tuple[str, str], str] = field(default_factory=dict, compare=False)

    @cached_property
    def _words(self) -> NullTranslations:
        return translations(self.language)

    def message(self, message: Message) -> str:
        """A message in the reader's language, with its values as the reader writes them."""
        text = self._words.gettext(message.text)
        said = {name: self._value(value) for name, value in message.values.items()}
        return text.format_map(said) if said else text

    def _value(self, value: Value) -> str:
        match value:
            case Message():
                return self.gettext(value)
            case Term():
                return self.gettext(value.text)
            case Quantity():
                return f"{self.number(value.value, 6)} {self.unit(value.unit)}".strip()
            case Listing():
                *first, last = map(self._value, value.items)
                if value.word and first:
                    return f"{', '.join(first)} {self.gettext(value.word)} {last}"
                return ", ".join([*first, last])
            case float():
                return self.number(value, 6)
        return str(value)

    def gettext(self, message: str | Message) -> str:
        """`message` in the reader's language."""
        if isinstance(message, Message):
            if message.values:
                return self.message(message)
            message = message.text
        return self._words.gettext(message) if message else ""

    def built_in(self, text: str) -> str:
        """A text that the installation came with, in the reader's language; a user's text stays as
        it is.
        """
        return built_in(self.language).gettext(text) if text else text

    def label(self, label: str, value: str) -> str:
        """A value of a label by the name that it has, if it has one."""
        return self.names.get((label, value)) or self.built_in(value)

    def values_named(self, label: str, search: str) -> list[str]:
        """The values of a label whose name contains a text, in capital or small letters."""
        wanted = search.casefold()
        return [
            value
            for (of, value), name in self.names.items()
            if of == label and wanted and wanted in name.casefold()
        ]

    def metric(self, name: str) -> str:
        """A metric's name in the reader's words."""
        return self.built_in(title_of(name))

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The one of both that goes with `number`, in the reader's language."""
        return self._words.ngettext(singular, plural, number)

    def number(self, value: float | None, digits: int = 2) -> str:
        """A number with up to so many digits behind the point."""
        if value is None:
            return NOTHING
        return with_digits(value, digits, self.locale)

    def plain_number(self, value: float) -> str:
        """A number with all its digits, for a field: `read_number` gives the same again."""
        with localcontext(_ALL_DIGITS):
            text = format_decimal(
                Decimal(repr(value)).normalize(),
                locale=self.locale,
                decimal_quantization=False,
                group_separator=False,
            )
        return str(text)

    def read_number(self, text: str) -> float | None:
        """A number as the reader's locale writes it; None for anything else, such as what is
        one in another locale alone.
        """
        signs = {get_decimal_symbol(self.locale), get_group_symbol(self.locale)}
        if not set(text) <= {*"+-0123456789", " ", *signs}:
            return None
        try:
            with localcontext(_ALL_DIGITS):
                return float(parse_decimal(text, self.locale, strict=True))
        except NumberFormatError:
            return None

    def figure(self, value: float | None, unit: str | None, *, compact: bool = False) -> str:
        """A value with its unit: money as money, percent as such; `compact` shortens large
        ones (``R$ 1.2M``).
        """
        if value is None:
            return NOTHING
        if not compact or not _COMPACT_FROM <= abs(value) < HUGE or unit in _PERCENT:
            return _writer(self, unit)(value + NO_SIGN)
        if unit and unit in self.locale.currencies:
            return str(format_compact_currency(value, unit, locale=self.locale, fraction_digits=1))
        text = format_compact_decimal(value, locale=self.locale, fraction_digits=1)
        return text + self._suffix(unit)

    def figures(self, values: Sequence[float | None], unit: str | None) -> list[str]:
        """Each value with the unit, and where they stand below each other with as many digits."""
        is_money = unit in self.locale.currencies
        least = 0 if is_money else max(map(digits_of, values), default=0)
        write = _writer(self, unit, least)
        return [NOTHING if value is None else write(value + NO_SIGN) for value in values]

    def _suffix(self, unit: str | None) -> str:
        return _SPACE + self.unit(unit) if unit and unit != "count" else ""

    def unit(self, unit: str | None) -> str:
        """A unit as it is written behind a number."""
        return _SYMBOLS.get(unit or "") or self.gettext((unit or "").replace("_", " "))

    def size(self, count: int) -> str:
        """So many bytes, in the unit that leaves few digits."""
        amount, unit = in_unit(count)
        return self.number(amount, 1) + _SPACE + unit

    def share(self, ratio: float | None, digits: int = 1) -> str:
        """A ratio (0 to 1) in percent."""
        if ratio is None:
            return NOTHING
        return with_digits(ratio, digits, self.locale, "%")

    def change(self, ratio: float | None) -> str:
        """A relative change with its sign: ``+12.5%``; one too small to be seen has none."""
        if ratio is None:
            return NOTHING
        shown = round(ratio, 3) + NO_SIGN
        if abs(shown) >= HUGE:
            return scientific(shown, self.locale, "%")
        signed = "+#,##0.0%;−#,##0.0%" if shown else "#,##0.0%"
        return str(pattern(signed).apply(shown, self.locale))

    def moment(self, instant: datetime | None) -> str:
        """Date and time of day in the business time zone."""
        if instant is None:
            return NOTHING
        frame = str(get_datetime_format("medium", self.locale)).replace("'", "")
        return frame.format(self.clock(instant), self.day(instant))

    def clock(self, instant: datetime | None) -> str:
        """The time of day in the business time zone."""
        return NOTHING if instant is None else format_time(instant, "short", self.zone, self.locale)

    def day(self, value: date | datetime | None) -> str:
        """A date; of an instant, in the business time zone."""
        if value is None:
            return NOTHING
        day = value.astimezone(self.zone).date() if isinstance(value, datetime) else value
        return format_date(day, "medium", self.locale)

    def period(self, start: datetime, period: Period) -> str:
        """The period that starts then, as a row of a table calls it."""
        return _period_name(self, start, period)

    def ago(self, instant: datetime | None, now: datetime | None = None) -> str:
        """How long ago: ``3 minutes ago``."""
        if instant is None:
            return NOTHING
        past = instant - (now or datetime.now(UTC))
        return format_timedelta(past, add_direction=True, locale=self.locale)

    def duration(self, span: timedelta | float | None) -> str:
        """A length of time (of a number: seconds) in one unit."""
        if span is None:
            return NOTHING
        if not isinstance(span, timedelta):
            span = timedelta(seconds=min(span, _LONGEST.total_seconds()))
        return format_timedelta(span, locale=self.locale, threshold=1.5)


@lru_cache(maxsize=64)
def _writer(reader: Reader, unit: str | None, least: int = 0) -> Callable[[float], str]:
    """Writes values with that unit, but for money with at least so many digits. What it wrote it
    keeps: pages that are looked at again show the figures of all periods but the last again.
    """
    locale = reader.locale
    if unit and unit in locale.currencies:
        written, symbol = money(unit, locale), get_currency_symbol(unit, locale)
        return lru_cache(maxsize=_KEPT)(
            lambda value: (
                written.apply(value, locale)
                if abs(value) < HUGE
                else f"{symbol}{_SPACE}{scientific(value, locale)}"
            )
        )
    if unit in _PERCENT:
        return lru_cache(maxsize=_KEPT)(
            lambda value: with_digits(value / 100, 2, locale, "%", least)
        )
    suffix = reader._suffix(unit)
    return lru_cache(maxsize=_KEPT)(
        lambda value: with_digits(value, 2, locale, least=least) + suffix
    )


@lru_cache(maxsize=10_000)
def _period_name(reader: Reader, start: datetime, period: Period) -> str:
    """Kept, as the same few thousand hours and days are shown again and again."""
    local = start.astimezone(reader.zone)
    if period in ("minute", "hour"):
        return reader.moment(start)
    skeletons = {"month": "yMMMM", "quarter": "yQQQ", "year": "y"}
    return format_skeleton(skeletons.get(period, "yMMMEd"), local, locale=reader.locale)

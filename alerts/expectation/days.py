"""Days that are unlike others of their weekday: holidays, the days around them, Black Friday."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

_BLACK_FRIDAY = "Black Friday"
_CARNIVAL = ("Carnaval", "Carnival")
# Days before and after that may differ as well, once it is known how.
_AROUND = (-1, 1)
_AROUND_CARNIVAL = (-4, -3, -2, -1, 1)
_AROUND_BLACK_FRIDAY = (-4, -3, -2, -1, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """`name` is the same every year; `is_main` where the day itself is one, not only near one."""

    name: str
    is_main: bool


def check_country(code: str) -> None:
    """Raise ValueError unless `code` is a country, or one of its states: ``BR``, ``BR-SP``."""
    _named(code, 2000)


def special_days(code: str, years: Iterable[int]) -> Mapping[date, SpecialDay]:
    """The special days of these years in a country or one of its states (``BR-SP``); none where
    `code` is empty.
    """
    found: dict[date, SpecialDay] = {}
    for year in sorted(set(years)) if code else ():
        found |= _of_year(code, year)
    return found


def is_holiday(code: str, day: date) -> bool:
    """True on a holiday of a country or one of its states; on no day where `code` is empty."""
    return bool(code) and day in _named(code, day.year)


@lru_cache(maxsize=256)
def _of_year(code: str, year: int) -> Mapping[date, SpecialDay]:
    named = _named(code, year)
    black_friday = _black_friday(year)
    mains = {day: name for day, name in named.items() if day.year == year}
    mains.setdefault(black_friday, _BLACK_FRIDAY)
    days: dict[date, SpecialDay] = {}
    for day, name in mains.items():
        for offset in _offsets(name):
            near = SpecialDay(f"{name} {offset:+}", is_main=False)
            days.setdefault(day + timedelta(days=offset), near)
    return days | {day: SpecialDay(name, is_main=True) for day, name in mains.items()}


def _offsets(name: str) -> tuple[int, ...]:
    if name == _BLACK_FRIDAY:
        return _AROUND_BLACK_FRIDAY
    return _AROUND_CARNIVAL if name.startswith(_CARNIVAL) else _AROUND


def _black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 22)


@lru_cache(maxsize=256)
def _named(code: str, year: int) -> Mapping[date, str]:
    """Holidays by day; of several days of one name in a year, each has its own."""
    # Imported where it is used first: a service that expects nothing does not need it.
    import holidays

    country, _, state = code.partition("-")
    try:
        known = holidays.country_holidays(country, subdiv=state or None)
        offered = {"public", "optional"} & set(known.supported_categories)
        found = holidays.country_holidays(
            country, subdiv=state or None, years=[year], categories=tuple(offered)
        )
    except NotImplementedError as error:
        raise ValueError(f"no holidays are known of {code!r}") from error
    days: dict[date, str] = {}
    for day, name in sorted(found.items()):
        times = sum(other.split(" #")[0] == name for other in days.values())
        days[day] = f"{name} #{times + 1}" if times else name
    return days

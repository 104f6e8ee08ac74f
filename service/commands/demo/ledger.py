"""The demo's money, in whole cents, so that hours, days and months agree exactly."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from service.commands.demo.platform import (
    AFFILIATE_METHODS,
    AFFILIATES,
    COMMISSION_RATE,
    HOUR,
    PAYMENT_METHODS,
    REGIONS,
    Day,
    campaign,
    growth,
    payments_up,
    pix_up,
    rhythm,
    trade,
)

_MEAN_CENTS_AN_HOUR = 310_000
_DAYS_KEPT = 400


@dataclass(frozen=True, slots=True)
class Sales:
    """Revenue of one hour, region and payment method, brought in by an affiliate or by none."""

    hour: datetime
    region: str
    payment_method: str
    affiliate_id: str | None
    cents: int


@dataclass(frozen=True, slots=True)
class Referral:
    """Revenue that one affiliate brought in one hour, and the commission on it."""

    hour: datetime
    affiliate_id: str
    cents: int
    commission_cents: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """A whole day's money."""

    sales: tuple[Sales, ...]
    referrals: tuple[Referral, ...]

    def cents_by_region(self) -> dict[str, int]:
        """Revenue of the day."""
        return {
            region: sum(each.cents for each in self.sales if each.region == region)
            for region in REGIONS
        }

    def cents_by_affiliate(self) -> dict[str, int]:
        """Revenue of the day that affiliates brought in."""
        return {
            affiliate: sum(each.cents for each in self.referrals if each.affiliate_id == affiliate)
            for affiliate in AFFILIATES
        }

    @property
    def commission_cents(self) -> int:
        """Commission of the day."""
        return sum(each.commission_cents for each in self.referrals)

    @property
    def commission_percent(self) -> float:
        """Commission on the revenue that affiliates brought in."""
        return 100 * self.commission_cents / sum(each.cents for each in self.referrals)


@lru_cache(maxsize=_DAYS_KEPT)
def ledger(day: Day) -> Ledger:
    """The money of that day, all of it, even of a day that is not over."""
    sales = tuple(_sales(day))
    return Ledger(sales, tuple(_referrals(day, sales)))


def month_cents_by_region(first: date, zone: ZoneInfo) -> dict[str, int]:
    """Revenue of the month that begins on ``first``."""
    totals = dict.fromkeys(REGIONS, 0)
    day = first
    while day.month == first.month:
        for region, cents in ledger(Day(day, zone)).cents_by_region().items():
            totals[region] += cents
        day += timedelta(days=1)
    return totals


def _sales(day: Day) -> Iterator[Sales]:
    noise, whose = day.noise("revenue"), day.noise("affiliates")
    for hour in day.ticks(HOUR):
        level = _mean_cents(day, hour) * noise.gauss(1, 0.04)
        for region, share in REGIONS.items():
            for method, part in PAYMENT_METHODS.items():
                part *= pix_up(day.date, day.local_hour(hour)) if method == "pix" else 1.0
                cents = max(0, round(level * share * part * noise.gauss(1, 0.15)))
                yield from _shared_out(Sales(hour, region, method, None, cents), whose)


def _shared_out(sales: Sales, chance: Random) -> Iterator[Sales]:
    """The share of the sales that an affiliate referred, if any, and the rest."""
    referred = round(sales.cents * AFFILIATE_METHODS.get(sales.payment_method, 0.0))
    if referred:
        (affiliate,) = chance.choices(list(AFFILIATES), list(AFFILIATES.values()))
        yield replace(sales, affiliate_id=affiliate, cents=referred)
    yield replace(sales, cents=sales.cents - referred)


def _mean_cents(day: Day, hour: datetime) -> float:
    clock = day.local_hour(hour)
    return (
        _MEAN_CENTS_AN_HOUR
        * growth(day.date)
        * trade(day.date)
        * rhythm(clock)
        * payments_up(day.date, clock)
        * campaign(day.date, clock)
    )


def _referrals(day: Day, sales: Iterable[Sales]) -> Iterator[Referral]:
    """Every affiliate's share of every hour, also where it is nothing."""
    noise = day.noise("referrals")
    cents: Counter[tuple[datetime, str | None]] = Counter()
    for each in sales:
        cents[each.hour, each.affiliate_id] += each.cents
    for hour in day.ticks(HOUR):
        for affiliate in AFFILIATES:
            earned = cents[hour, affiliate]
            commission = max(0, round(earned * COMMISSION_RATE * noise.gauss(1, 0.05)))
            yield Referral(hour, affiliate, earned, commission)

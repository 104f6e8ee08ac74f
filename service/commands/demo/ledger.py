"""The demo's money, in whole cents, so that hours, days and months agree exactly."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.commands.demo.platform import (
    AFFILIATES,
    COMMISSION_RATE,
    HOUR,
    PAYMENT_METHODS,
    REGIONS,
    Day,
    campaign,
    growth,
    payments_up,
    rhythm,
    trade,
)

_MEAN_CENTS_AN_HOUR = 310_000
_DAYS_KEPT = 400


@dataclass(frozen=True, slots=True)
class Sales:
    """Revenue of one hour, region and payment method."""

    hour: datetime
    region: str
    payment_method: str
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
    by_hour: dict[datetime, int] = {}
    for each in sales:
        by_hour[each.hour] = by_hour.get(each.hour, 0) + each.cents
    return Ledger(sales, tuple(_referrals(day, by_hour)))


def month_cents_by_region(first: date, zone: ZoneInfo) -> dict[str, int]:
    """Revenue of the month that begins on ``first``."""
    totals = dict.fromkeys(REGIONS, 0)
    day = first
    while day.month == first.month:
        for region, cents in ledger(Day(day, zone)).cents_by_region().items():
            totals[region] += cents
        day += timedelta(days=1)
    return totals


def _sales(day: Day) -> list[Sales]:
    noise = day.noise("revenue")
    found = []
    for hour in day.ticks(HOUR):
        level = _mean_cents(day, hour) * noise.gauss(1, 0.04)
        for region, share in REGIONS.items():
            for method, part in PAYMENT_METHODS.items():
                cents = max(0, round(level * share * part * noise.gauss(1, 0.15)))
                found.append(Sales(hour, region, method, cents))
    return found


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


def _referrals(day: Day, cents_by_hour: dict[datetime, int]) -> list[Referral]:
    noise = day.noise("referrals")
    found = []
    for hour, total in cents_by_hour.items():
        for affiliate, share in AFFILIATES.items():
            cents = max(0, round(total * share * noise.gauss(1, 0.12)))
            commission = max(0, round(cents * COMMISSION_RATE * noise.gauss(1, 0.05)))
            found.append(Referral(hour, affiliate, cents, commission))
    return found

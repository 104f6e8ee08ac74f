"""The platform that the demo data describes: who sells, where, and how days go.

Everything is a pure function of the calendar: the same day always has the same figures,
whenever and however often they are generated.
"""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)

# Share of the trade, roughly that of Brazilian online retail.
REGIONS = {
    "SP": 0.42,
    "RJ": 0.15,
    "MG": 0.13,
    "RS": 0.08,
    "PR": 0.07,
    "BA": 0.06,
    "SC": 0.05,
    "PE": 0.04,
}
PAYMENT_METHODS = {"credit_card": 0.55, "pix": 0.35, "boleto": 0.10}
# How they share among them what they bring in.
AFFILIATES = {
    "afiliado-aurora": 0.26,
    "afiliado-bandeira": 0.21,
    "afiliado-cruzeiro": 0.17,
    "afiliado-dourado": 0.14,
    "afiliado-estrela": 0.12,
    "afiliado-farol": 0.10,
}
# The part of each payment method's revenue that affiliates bring in: 70 % of it all.
AFFILIATE_METHODS = {"credit_card": 0.78, "pix": 0.77}
COMMISSION_RATE = 0.10

# Activity by local hour, mean 1: quiet before dawn, a lunch break, an evening peak.
_HOURS = (
    0.84, 0.76, 0.71, 0.70, 0.70, 0.72, 0.76, 0.84,
    0.94, 1.03, 1.09, 1.12, 1.14, 1.10, 1.08, 1.07,
    1.06, 1.08, 1.12, 1.19, 1.28, 1.30, 1.19, 1.00,
)  # fmt: skip
_TRADE_BY_WEEKDAY = (1.04, 1.03, 1.02, 1.03, 1.08, 0.92, 0.88)
_FIRST_DAY_OF_GROWTH = date(2026, 1, 1)
_GROWTH_A_DAY = 0.30 / 365


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day of the business time zone."""

    date: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """Its first instant, in UTC."""
        return _midnight(self.date, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant of the next day, in UTC."""
        return _midnight(self.date + timedelta(days=1), self.zone)

    def ticks(self, spacing: timedelta) -> list[datetime]:
        """Instants in UTC that far apart; by the hour 23 or 25 where the clocks change."""
        start = self.start
        return [start + spacing * index for index in range((self.end - start) // spacing)]

    def local_hour(self, instant: datetime) -> int:
        """The hour that clocks show at an instant."""
        return instant.astimezone(self.zone).hour

    def noise(self, purpose: str) -> random.Random:
        """A source of chance that repeats itself for this day and purpose."""
        return random.Random(f"{self.date.isoformat()} {purpose}")  # noqa: S311


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def day_of(instant: datetime, zone: ZoneInfo) -> Day:
    """The day an instant falls on."""
    return Day(instant.astimezone(zone).date(), zone)


def rhythm(hour: int) -> float:
    """Activity at a local hour; 1 on average."""
    return _HOURS[hour]


def growth(day: date) -> float:
    """Size of the platform; 1 at the beginning of 2026, 2.5 % more each month."""
    return max(0.5, 1 + _GROWTH_A_DAY * (day - _FIRST_DAY_OF_GROWTH).days)


def trade(day: date) -> float:
    """Purchases of a day against an average one: weekends are weak, paydays strong."""
    payday = 1.08 if 5 <= day.day <= 8 else 1.0
    return _TRADE_BY_WEEKDAY[day.weekday()] * payday


def is_weekend(day: date) -> bool:
    """Whether it is a Saturday or a Sunday."""
    return day.weekday() >= 5


def payments_up(day: date, hour: int) -> float:
    """Share of payments that go through: nearly none fail but in an outage, every 29 days."""
    return 0.22 if day.toordinal() % 29 == 11 and 14 <= hour < 17 else 1.0


def pix_up(day: date, hour: int) -> float:
    """Share of pix that goes through: little of it in three hours, every 8 days."""
    return 0.08 if day.toordinal() % 8 == 3 and 10 <= hour < 13 else 1.0


def campaign(day: date, hour: int) -> float:
    """Lift of an evening's flash sale, every 30 days."""
    return 1.75 if day.toordinal() % 30 == 4 and 19 <= hour < 23 else 1.0


def slowdown(day: date, minute: int) -> float:
    """How much slower the APIs answer, by minute of the local day: 45 minutes every 13 days."""
    return 7.0 if day.toordinal() % 13 == 6 and 20 * 60 + 15 <= minute < 21 * 60 else 1.0

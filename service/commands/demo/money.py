"""The demo's revenue and commission metrics, as samples of the ledger."""

from collections.abc import Iterator
from datetime import date, timedelta

from service.commands.demo.ledger import ledger, month_cents_by_region
from service.commands.demo.platform import HOUR, Day
from service.commands.demo.shapes import Shape
from service.commands.submission.submit import Sample

_PAY, _AFFILIATE = "payment-service", "affiliate-service"

_REVENUE_HOURLY = Shape("revenue_hourly", "revenue", "BRL", _PAY)
_REVENUE_DAILY = Shape("revenue_daily", "revenue", "BRL", _PAY)
_REVENUE_MONTHLY = Shape("revenue_monthly", "revenue", "BRL", _PAY)
_PAID = Shape("commission_paid", "commission", "BRL", _AFFILIATE)
_PENDING = Shape("commission_pending", "commission", "BRL", _AFFILIATE)
_RATE = Shape("commission_rate", "commission", "%", _AFFILIATE)
_TOP = Shape("top_affiliates_revenue", "commission", "BRL", _AFFILIATE)

# Part of the commission waits for approval until the pay-out on Monday.
_CARRIED_OVER_CENTS, _WAITING_PERCENT = 450_000, 30


def hourly_money(day: Day) -> Iterator[Sample]:
    """Every hour of a day: revenue by region, payment method and affiliate, commission by
    affiliate.
    """
    for sale in ledger(day).sales:
        labels = {"region": sale.region}
        if sale.affiliate_id is not None:
            labels["affiliate_id"] = sale.affiliate_id
        sample = _REVENUE_HOURLY.sample("hourly", sale.hour, sale.cents / 100, **labels)
        yield sample | {"metadata": {"payment_method": sale.payment_method}}
    for referral in ledger(day).referrals:
        yield _PAID.sample(
            "hourly",
            referral.hour,
            referral.commission_cents / 100,
            affiliate_id=referral.affiliate_id,
        )
    yield from _pending(day)


def daily_money(day: Day) -> Iterator[Sample]:
    """The closing figures of a day; its revenue is the sum of its hours, to the cent."""
    for region, cents in ledger(day).cents_by_region().items():
        yield _REVENUE_DAILY.sample("daily", day.start, cents / 100, region=region)
    for affiliate, cents in ledger(day).cents_by_affiliate().items():
        yield _TOP.sample("daily", day.start, cents / 100, affiliate_id=affiliate)
    yield _RATE.sample("daily", day.start, round(ledger(day).commission_percent, 2))


def monthly_money(first: Day) -> Iterator[Sample]:
    """The closing figures of the month that begins on that day."""
    for region, cents in month_cents_by_region(first.date, first.zone).items():
        yield _REVENUE_MONTHLY.sample("monthly", first.start, cents / 100, region=region)


def _pending(day: Day) -> Iterator[Sample]:
    earned = sum(ledger(each).commission_cents for each in _since_payout(day))
    for hour in day.ticks(HOUR):
        earned += sum(each.commission_cents for each in ledger(day).referrals if each.hour == hour)
        cents = _CARRIED_OVER_CENTS + earned * _WAITING_PERCENT // 100
        yield _PENDING.sample("hourly", hour, cents / 100)


def _since_payout(day: Day) -> list[Day]:
    """The days of the same week before this one."""
    monday: date = day.date - timedelta(days=day.date.weekday())
    return [Day(monday + timedelta(days=index), day.zone) for index in range(day.date.weekday())]

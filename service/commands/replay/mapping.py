"""Replay of real orders as metrics of the platform.

Each payment becomes two samples: its revenue, and the affiliate's commission on it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from service.commands.replay.orders import Order, read_orders
from service.commands.submission.submit import Sample, Sent, Submit
from service.commands.submission.windows import Windows, finest, why_left_out
from sql.vocabulary import Frequency

# Orders are single events of hourly metrics; only age moves them to a coarser grain.
PREFERRED: tuple[Frequency, ...] = ("hourly", "daily", "monthly")
COMMISSION = Decimal("0.10")
SAMPLES_A_ROW = 2
SOURCE_TIMEZONE = ZoneInfo("America/Sao_Paulo")


@dataclass(frozen=True, slots=True)
class Placed:
    """An order at the instant and in the frequency it is sent with."""

    order: Order
    instant: datetime
    frequency: Frequency


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows that will be sent, in the order of time, and counts of those left out, by reason."""

    placed: Sequence[Placed]
    left_out: Counter[str]

    @property
    def samples(self) -> int:
        """How many samples the placed rows make."""
        return SAMPLES_A_ROW * len(self.placed)

    @property
    def revenue(self) -> Decimal:
        """Exact sum of the placed rows in BRL."""
        return sum((each.order.value for each in self.placed), Decimal(0))


def replay(
    file: Path,
    *,
    shift_to: datetime | None,
    timezone: ZoneInfo,
    windows: Windows,
    submit: Submit,
    now: datetime,
    source_timezone: ZoneInfo = SOURCE_TIMEZONE,
) -> Plan:
    """Send the file's orders and print a summary, in the business time zone.

    ``shift_to`` is the instant the newest order moves to; None leaves all where they are.

    Raises:
        BadFile: some rows are malformed; nothing was sent.
        SubmitError: the service refused a batch, or went away.
    """
    plan = plan_of(read_orders(file, source_timezone), shift_to, windows, now)
    # Newest first: to a rule that watches the newest hour, older ones alone would look like one
    # without sales.
    sent = submit(slices_of(plan), plan.samples)
    click.echo(summary(plan, sent, timezone))
    return plan


def plan_of(
    orders: Sequence[Order], shift_to: datetime | None, windows: Windows, now: datetime
) -> Plan:
    """Place every order in time and in the finest frequency that accepts it."""
    placed: list[Placed] = []
    left_out: Counter[str] = Counter()
    offset = _offset(orders, shift_to)
    reference = _reference(shift_to, now, windows)
    for order in orders:
        instant = order.purchased_at + offset
        frequency = finest(instant, reference, windows, PREFERRED)
        if frequency is None:
            left_out[why_left_out(instant, reference, windows, PREFERRED)] += 1
        else:
            placed.append(Placed(order, instant, frequency))
    return Plan(sorted(placed, key=lambda each: each.instant), left_out)


def samples_of(row: Order, instant: datetime, frequency: Frequency) -> list[Sample]:
    """The two samples of one payment: revenue and commission, in BRL."""
    common = {"unit": "BRL", "frequency": frequency, "timestamp": instant.isoformat()}
    revenue: Sample = {
        "metric_name": "revenue_hourly",
        "metric_type": "revenue",
        "value": float(row.value),
        **common,
        "service_name": "payment-service",
        "region": row.state,
        "metadata": {"payment_method": row.payment_type, "order_id": row.order_id},
    }
    commission: Sample = {
        "metric_name": "commission_paid",
        "metric_type": "commission",
        "value": float(row.value * COMMISSION),
        **common,
        "service_name": "commission-service",
        "affiliate_id": row.seller_id,
    }
    return [revenue, commission]


def slices_of(plan: Plan) -> Iterator[list[Sample]]:
    """The samples in slices of one month and frequency, newest first.

    A run continued much later finds a few rows moved to a coarser frequency; cut like this,
    that changes the batches next to the edge and leaves the others as they were sent.
    """
    for _, group in groupby(reversed(plan.placed), key=_slice_of):
        yield [
            sample
            for each in group
            for sample in samples_of(each.order, each.instant, each.frequency)
        ]


def summary(plan: Plan, sent: Sent, timezone: ZoneInfo) -> str:
    """Counts of rows and samples sent and left out, and the revenue, for the terminal."""
    lines = [
        f"replayed {len(plan.placed):,} rows as {sent.samples:,} samples",
        f"revenue {plan.revenue:,.2f} BRL",
    ]
    if plan.placed:
        first, last = plan.placed[0].instant, plan.placed[-1].instant
        lines.append(f"from {_local(first, timezone)} to {_local(last, timezone)} ({timezone.key})")
    by_frequency = Counter(each.frequency for each in plan.placed)
    lines += [
        f"{SAMPLES_A_ROW * by_frequency[each]:,} samples {each}"
        for each in PREFERRED
        if by_frequency[each]
    ]
    lines += [f"left out {count:,} rows: {why}" for why, count in sorted(plan.left_out.items())]
    if plan.left_out and not plan.placed:
        lines.append("no row fits the windows; SHIFT=now moves the newest order to now")
    if sent.repeated:
        lines.append(f"{sent.repeated:,} samples had arrived before and were not counted again")
    return "\n".join(lines)


def _offset(orders: Sequence[Order], shift_to: datetime | None) -> timedelta:
    if shift_to is None or not orders:
        return timedelta()
    return shift_to.astimezone(UTC) - max(order.purchased_at for order in orders)


def _reference(shift_to: datetime | None, now: datetime, windows: Windows) -> datetime:
    """The instant that ages count from.

    A run continued while the margin lasts counts as the first one did: a row whose frequency
    changed in between would change its batch, and the service would count that again.
    """
    if shift_to is not None and timedelta(0) <= now - shift_to <= windows.margin:
        return shift_to
    return now


def _slice_of(placed: Placed) -> tuple[str, int, int]:
    return placed.frequency, placed.instant.year, placed.instant.month


def _local(instant: datetime, timezone: ZoneInfo) -> str:
    return f"{instant.astimezone(timezone):%Y-%m-%d %H:%M}"

"""Ninety days of demo data for every metric of the platform.

Samples come in slices cut by the calendar alone (a quarter of an hour, an hour, a day, a
month): whatever the time of a second run, a slice it shares with the first is the same,
and the service does not count it again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from service.commands.demo.money import daily_money, hourly_money, monthly_money
from service.commands.demo.platform import HOUR, Day, day_of
from service.commands.demo.shapes import (
    daily_samples,
    hourly_samples,
    live_samples,
    live_samples_by_hour,
)
from service.commands.submission.submit import Sample, Submit
from service.commands.submission.windows import Windows
from sql.vocabulary import Frequency

DAYS = 90
LIVE_DAYS = 2
MONTHS = 3
_QUARTER = timedelta(minutes=15)

Slices = Iterator[list[Sample]]

HEALTH_REPORTS: tuple[dict[str, object], ...] = tuple(
    {
        "service_name": name,
        "status": status,
        "response_time_ms": response_time,
        "error_rate": error_rate,
        "cpu_usage": cpu,
        "memory_usage": memory,
        "version": version,
        "uptime_seconds": uptime,
    }
    for name, status, response_time, error_rate, cpu, memory, version, uptime in (
        ("api-gateway", "healthy", 92.0, 0.003, 0.41, 0.55, "3.8.1", 1_209_600),
        ("payment-service", "healthy", 138.0, 0.004, 0.36, 0.62, "5.2.0", 864_000),
        ("affiliate-service", "healthy", 74.0, 0.002, 0.22, 0.48, "2.14.3", 2_419_200),
        ("user-service", "healthy", 58.0, 0.001, 0.27, 0.51, "4.0.7", 604_800),
        ("gamification-service", "degraded", 310.0, 0.021, 0.88, 0.79, "1.9.2", 43_200),
        ("validation-service", "healthy", 104.0, 0.003, 0.33, 0.58, "2.3.5", 1_814_400),
    )
)


@dataclass(frozen=True, slots=True)
class _Span:
    """The days to fill, and what the service accepts of them."""

    now: datetime
    timezone: ZoneInfo
    windows: Windows

    @property
    def today(self) -> Day:
        return day_of(self.now, self.timezone)

    def days(self, count: int, frequency: Frequency) -> list[Day]:
        """Today and that many days before it, without those the frequency is too late for."""
        today = self.today.date
        days = (Day(today - timedelta(days=ago), self.timezone) for ago in range(count, -1, -1))
        return [day for day in days if self.windows.accepts(frequency, day.start, self.now)]

    def past(self, samples: Iterable[Sample], length: timedelta) -> Slices:
        """Samples in slices of that length, oldest first, without those not over yet."""
        slices: dict[datetime, list[Sample]] = {}
        for sample in samples:
            instant = datetime.fromisoformat(str(sample["timestamp"]))
            start = instant - timedelta(seconds=instant.timestamp() % length.total_seconds())
            if start + length <= self.now:
                slices.setdefault(start, []).append(sample)
        return (slices[start] for start in sorted(slices))


def demo_slices(now: datetime, timezone: ZoneInfo, windows: Windows) -> Slices:
    """All demo data up to ``now``, in slices of up to a day and one frequency.

    Only whole periods: the hour, day or month that is not over has no sample yet.
    """
    span = _Span(now, timezone, windows)
    yield from _monthly(span)
    yield from _daily(span)
    yield from _hourly(span)
    yield from _live(span)


def _monthly(span: _Span) -> Slices:
    month = span.today.date
    firsts: list[Day] = []
    for _ in range(MONTHS):
        month = _month_before(month)
        firsts.insert(0, Day(month, span.timezone))
    for first in firsts:
        if span.windows.accepts("monthly", first.start, span.now):
            yield list(monthly_money(first))


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def _daily(span: _Span) -> Slices:
    for day in span.days(DAYS, "daily"):
        if day.end <= span.now:
            yield [*daily_money(day), *daily_samples(day)]


def _hourly(span: _Span) -> Slices:
    live_from = _live_days(span)[0].start if _live_days(span) else span.now
    for day in span.days(DAYS, "hourly"):
        if day.end <= live_from:
            # Apart from the hours below: which days are live moves on at midnight.
            yield list(live_samples_by_hour(day))
        yield from span.past((*hourly_money(day), *hourly_samples(day)), HOUR)


def _live(span: _Span) -> Slices:
    for day in _live_days(span):
        yield from span.past(live_samples(day), _QUARTER)


def _live_days(span: _Span) -> list[Day]:
    return span.days(LIVE_DAYS, "real_time")


def load_demo(
    *,
    now: datetime,
    timezone: ZoneInfo,
    windows: Windows,
    submit: Submit,
    report_health: Callable[[dict[str, object]], None],
) -> None:
    """Send the demo data and print a summary.

    Raises:
        SubmitError: the service refused something, or went away.
    """
    slices = list(demo_slices(now, timezone, windows))
    counts = Counter(str(sample["frequency"]) for each in slices for sample in each)
    # Newest first: a rule watches the newest hour. Were others there before it, it would look
    # like an hour without sales.
    sent = submit(reversed(slices), counts.total())
    for report in HEALTH_REPORTS:
        report_health(report)
    by_frequency = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    click.echo(f"loaded {sent.samples:,} samples of {DAYS} days: {by_frequency}")
    if sent.repeated:
        click.echo(f"{sent.repeated:,} of them were there already and were not counted again")

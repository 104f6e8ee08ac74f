"""Ninety days of demo data for every metric of the platform, and what comes after them.

Samples come in slices cut by the calendar alone (five minutes, an hour, a day, a month):
whatever the time of a second run, a slice it shares with the first is the same, and the
service does not count it again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from service.commands.demo.health import health_reports
from service.commands.demo.money import daily_money, hourly_money, monthly_money
from service.commands.demo.platform import HOUR, Day, day_of
from service.commands.demo.shapes import (
    TICK,
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
_ALWAYS = datetime.min.replace(tzinfo=UTC)

Slices = Iterator[list[Sample]]


@dataclass(frozen=True, slots=True)
class _Span:
    """The days to fill, and what the service accepts of them; slices that were whole at `since`
    are left out.
    """

    now: datetime
    timezone: ZoneInfo
    windows: Windows
    since: datetime = _ALWAYS

    @property
    def today(self) -> Day:
        return day_of(self.now, self.timezone)

    def days(self, count: int, frequency: Frequency) -> list[Day]:
        """Today and that many days before it, without those the frequency is too late for."""
        today = self.today.date
        days = (Day(today - timedelta(days=ago), self.timezone) for ago in range(count, -1, -1))
        return [
            day
            for day in days
            if day.end > self.since and self.windows.accepts(frequency, day.start, self.now)
        ]

    def is_due(self, instant: datetime) -> bool:
        """Whether what is known from that instant on was not known at `since`."""
        return self.since < instant <= self.now

    def past(self, samples: Iterable[Sample], length: timedelta, wait: timedelta) -> Slices:
        """Samples in slices of that length, oldest first, of those whose values are known:
        they are `wait` after a slice's start.
        """
        slices: dict[datetime, list[Sample]] = {}
        for sample in samples:
            instant = datetime.fromisoformat(str(sample["timestamp"]))
            start = instant - timedelta(seconds=instant.timestamp() % length.total_seconds())
            if self.is_due(start + wait):
                slices.setdefault(start, []).append(sample)
        return (slices[start] for start in sorted(slices))


def demo_slices(
    now: datetime, timezone: ZoneInfo, windows: Windows, since: datetime = _ALWAYS
) -> Slices:
    """All demo data up to ``now``, in slices of up to a day and one frequency; with ``since``
    what was not known then.

    Only whole periods: the hour, day or month that is not over has no sample yet.
    """
    span = _Span(now, timezone, windows, since)
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
        end = Day(_month_after(first.date), span.timezone).start
        if span.is_due(end) and span.windows.accepts("monthly", first.start, span.now):
            yield list(monthly_money(first))


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _daily(span: _Span) -> Slices:
    for day in span.days(DAYS, "daily"):
        if span.is_due(day.end):
            yield [*daily_money(day), *daily_samples(day)]


def _hourly(span: _Span) -> Slices:
    live_from = _live_days(span)[0].start if _live_days(span) else span.now
    for day in span.days(DAYS, "hourly"):
        if day.end <= live_from and span.since == _ALWAYS:
            # Apart from the hours below: which days are live moves on at midnight.
            yield list(live_samples_by_hour(day))
        yield from span.past((*hourly_money(day), *hourly_samples(day)), HOUR, wait=HOUR)


def _live(span: _Span) -> Slices:
    for day in _live_days(span):
        yield from span.past(live_samples(day), TICK, wait=timedelta())


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
    for report in health_reports(now, timezone):
        report_health(report)
    by_frequency = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    click.echo(f"loaded {sent.samples:,} samples of {DAYS} days: {by_frequency}")
    if sent.repeated:
        click.echo(f"{sent.repeated:,} of them were there already and were not counted again")

"""The demo while it is left running: samples as their time comes, health every half minute."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.commands.demo.health import Report, health_reports
from service.commands.demo.load import demo_slices
from service.commands.submission.submit import Sample
from service.commands.submission.windows import Windows

EVERY_SECONDS = 30.0


def go_on(
    since: datetime,
    *,
    timezone: ZoneInfo,
    windows: Windows,
    submit: Callable[[Iterable[Sequence[Sample]]], object],
    report_health: Callable[[Report], None],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Send what happens after ``since``, until interrupted.

    Raises:
        SubmitError: the service refused something, or went away.
    """
    while True:
        now = clock()
        submit(demo_slices(now, timezone, windows, since))
        for report in health_reports(now, timezone):
            report_health(report)
        since = now
        sleep(EVERY_SECONDS)

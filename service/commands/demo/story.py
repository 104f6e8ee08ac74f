"""What people of the demo add to its figures: targets, what happened, a rule of what is unusual.

Like the figures, a function of the calendar: targets are of the periods under way, and a second run
finds what the first one added.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from service.commands.demo.ledger import ledger
from service.commands.demo.platform import HOUR, Day, campaign, day_of, payments_up, pix_up

DAYS = 90
_ROUND_CENTS = 100_000
TARGETS, ANNOTATIONS, RULES = "/api/targets", "/api/annotations", "/api/alerts/rules"
Body = dict[str, Any]


class Asker(Protocol):
    """The service, as it is asked for entries and given more."""

    def entries(self, path: str, **params: str) -> list[dict[str, object]]:
        """What a list of the API has."""

    def add(self, path: str, body: Mapping[str, object]) -> None:
        """One entry more."""

    def change(self, path: str, body: Mapping[str, object]) -> None:
        """Change an entry."""


@dataclass(frozen=True, slots=True)
class _Aim:
    """A target, as a part of what its period will bring."""

    name: str
    metric_name: str
    period: str
    part: float
    direction: str = "at_least"


# One of them is about half reached on nearly every day; the quarter's is too ambitious.
_AIMS = (
    _Aim("Revenue of the week", "revenue_hourly", "week", 0.96),
    _Aim("Revenue of the month", "revenue_hourly", "month", 0.97),
    _Aim("Revenue of the quarter", "revenue_hourly", "quarter", 1.15),
    _Aim("Commission of the month", "commission_paid", "month", 1.06, "at_most"),
)
# Of a date and an hour: whether something is on.
_SPELLS: tuple[tuple[str, str, Callable[[date, int], bool]], ...] = (
    ("Flash sale of the evening", "campaign", lambda day, hour: campaign(day, hour) > 1),
    ("Payment provider is down", "incident", lambda day, hour: payments_up(day, hour) < 1),
    ("Pix fails at the bank", "incident", lambda day, hour: pix_up(day, hour) < 1),
)
UNUSUAL: Body = {
    "rule_name": "Revenue is unusually low",
    "description": "Revenue of an hour is far below what is usual at that hour of that weekday.",
    "metric_name": "revenue_hourly",
    "type": "anomaly",
    "direction": "below",
    "sensitivity": "medium",
    "window": "hour",
    "severity": "high",
    "notification_channels": [],
}


def tell_story(service: Asker, now: datetime, zone: ZoneInfo) -> None:
    """Add what is not there yet, and set targets anew.

    Raises:
        SubmitError: the service refused something, or went away.
    """
    _set_targets(service, now, zone)
    _annotate(service, now, zone)
    known = {rule["rule_name"] for rule in service.entries(RULES)}
    if UNUSUAL["rule_name"] not in known:
        service.add(RULES, UNUSUAL)


def targets_of(now: datetime, zone: ZoneInfo) -> list[Body]:
    """Targets of the periods that `now` is in."""
    return [_target(aim, now, zone) for aim in _AIMS]


def annotations_of(now: datetime, zone: ZoneInfo) -> Iterator[Body]:
    """What happened in the last days, the oldest first of each kind."""
    today = day_of(now, zone).date
    days = [Day(today - timedelta(days=ago), zone) for ago in range(DAYS, -1, -1)]
    for text, tag, is_on in _SPELLS:
        for day in days:
            hours = [hour for hour in day.ticks(HOUR) if is_on(day.date, day.local_hour(hour))]
            if hours and hours[0] <= now:
                end = hours[-1] + HOUR
                spell = {"from": hours[0].isoformat(), "to": end.isoformat()}
                yield {**spell, "text": text, "tags": [tag]}


def _target(aim: _Aim, now: datetime, zone: ZoneInfo) -> Body:
    cents = sum(_cents(Day(day, zone), aim.metric_name) for day in _days(aim.period, now, zone))
    value = round(cents * aim.part / _ROUND_CENTS) * _ROUND_CENTS / 100
    return {
        "name": aim.name,
        "metric_name": aim.metric_name,
        "period": aim.period,
        "value": value,
        "direction": aim.direction,
    }


def _days(period: str, now: datetime, zone: ZoneInfo) -> Iterator[date]:
    """The days of the period that `now` is in."""
    day = day_of(now, zone).date
    if period == "week":
        first = day - timedelta(days=day.weekday())
        yield from (first + timedelta(days=ahead) for ahead in range(7))
        return
    months = 1 if period == "month" else 3
    first = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    last = (first + timedelta(days=31 * months)).replace(day=1)
    while first < last:
        yield first
        first += timedelta(days=1)


def _cents(day: Day, metric_name: str) -> int:
    money = ledger(day)
    if metric_name == "commission_paid":
        return money.commission_cents
    return sum(money.cents_by_region().values())


def _set_targets(service: Asker, now: datetime, zone: ZoneInfo) -> None:
    known = {target["name"]: target for target in service.entries(TARGETS)}
    for body in targets_of(now, zone):
        if target := known.get(body["name"]):
            service.change(f"{TARGETS}/{target['id']}", {"value": body["value"]})
        else:
            service.add(TARGETS, body)


def _annotate(service: Asker, now: datetime, zone: ZoneInfo) -> None:
    first = f"{now - timedelta(days=DAYS + 2):%Y-%m-%d}"
    found = service.entries(ANNOTATIONS, start_date=first, limit="1000")
    known = {(one["text"], datetime.fromisoformat(cast("str", one["from"]))) for one in found}
    for body in annotations_of(now, zone):
        if (body["text"], datetime.fromisoformat(body["from"]).astimezone(UTC)) not in known:
            service.add(ANNOTATIONS, body)

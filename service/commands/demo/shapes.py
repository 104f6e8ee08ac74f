"""How the demo's other metrics behave: one line each, and one function that draws them."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean

from service.commands.demo.platform import (
    AFFILIATES,
    HOUR,
    REGIONS,
    Day,
    growth,
    is_weekend,
    payments_up,
    rhythm,
    slowdown,
)
from service.commands.submission.submit import Sample

TICK = timedelta(minutes=5)
_QUARTERS = tuple(HOUR / 4 * index for index in range(4))


@dataclass(frozen=True, slots=True)
class Shape:
    """One metric of one service.

    ``swing`` says how far it follows the daily rhythm, ``weekend`` its level on Saturdays
    and Sundays, ``outage`` the power to which it follows failing payments, ``slow`` that of
    slow APIs. ``across`` gives one series per value of a label, ``shared`` splits the level
    among them instead of repeating it.
    """

    metric_name: str
    metric_type: str
    unit: str
    service_name: str = ""
    base: float = 0.0
    swing: float = 0.0
    weekend: float = 1.0
    noise: float = 0.05
    digits: int = 2
    grows: bool = False
    outage: float = 0.0
    slow: float = 0.0
    across: str = ""
    shared: bool = False

    def level(self, day: Day, instant: datetime) -> float:
        """The value without chance."""
        local = instant.astimezone(day.zone)
        return (
            self.base
            * (growth(day.date) if self.grows else 1.0)
            * (self.weekend if is_weekend(day.date) else 1.0)
            * math.pow(rhythm(local.hour), self.swing)
            * math.pow(payments_up(day.date, local.hour), self.outage)
            * math.pow(slowdown(day.date, local.hour * 60 + local.minute), self.slow)
        )

    def drawn(self, level: float, chance: random.Random) -> float:
        """The value with chance; never negative, a percentage never over 100."""
        value = max(0.0, level * chance.gauss(1, self.noise))
        return round(min(value, 100.0) if self.unit == "%" else value, self.digits)

    def sample(self, frequency: str, instant: datetime, value: float, **labels: str) -> Sample:
        """A sample of this metric."""
        return {
            "metric_name": self.metric_name,
            "metric_type": self.metric_type,
            "value": value,
            "unit": self.unit,
            "frequency": frequency,
            "timestamp": instant.isoformat(),
            "service_name": self.service_name,
            **labels,
        }


_API, _PAY, _USERS = "api-gateway", "payment-service", "user-service"
_PLAY, _CHECK, _AFFILIATE = "gamification-service", "validation-service", "affiliate-service"

HOURLY = (
    Shape("average_order_value", "revenue", "BRL", _PAY, 162, noise=0.07, across="region"),
    Shape(
        "new_registrations", "user_activity", "users", _USERS, 64, swing=1.3, weekend=0.9,
        noise=0.15, digits=0, grows=True, across="region", shared=True,
    ),
    # A level: at two frequencies it would be added up.
    Shape(
        "active_users", "user_activity", "users", _USERS, 430, swing=1.4, weekend=1.12,
        noise=0.04, digits=0, grows=True,
    ),
    Shape("session_duration", "user_activity", "s", _USERS, 412, swing=0.3, weekend=1.15),
    Shape(
        "conversion_rate", "conversion", "%", _PAY, 3.9, swing=0.12, weekend=0.96, noise=0.03,
        outage=0.8, across="region",
    ),
    Shape("funnel_completion", "conversion", "%", _PAY, 61, noise=0.03, outage=0.8),
    Shape("bounce_rate", "conversion", "%", _API, 38, swing=-0.15, noise=0.04, slow=0.2),
    Shape(
        "click_through_rate", "conversion", "%", _AFFILIATE, 2.6, swing=0.2, weekend=1.08,
        noise=0.08, across="affiliate_id",
    ),
    Shape(
        "chests_opened", "gamification", "count", _PLAY, 240, swing=1.2, weekend=1.35,
        noise=0.1, digits=0, grows=True,
    ),
    Shape(
        "rewards_distributed", "gamification", "count", _PLAY, 150, swing=1.2, weekend=1.3,
        noise=0.1, digits=0, grows=True,
    ),
    Shape(
        "indication_validations", "validation", "count", _CHECK, 88, swing=1.1, weekend=0.8,
        noise=0.1, digits=0, grows=True,
    ),
    Shape("validation_success_rate", "validation", "%", _CHECK, 94.5, noise=0.012),
    Shape("fraud_detection_rate", "validation", "%", _CHECK, 1.7, swing=-0.4, noise=0.15),
    Shape(
        "manual_review_required", "validation", "count", _CHECK, 6, swing=1.1, weekend=0.8,
        noise=0.3, digits=0, grows=True,
    ),
)  # fmt: skip

DAILY = (
    Shape("user_retention_rate", "user_activity", "%", _USERS, 68, weekend=1.03, noise=0.015),
    Shape("user_engagement_score", "gamification", "points", _PLAY, 71, weekend=1.08, noise=0.03),
    Shape("achievement_completion", "gamification", "%", _PLAY, 44, weekend=1.1, noise=0.04),
)


def _of_services(shape: Shape, bases: Mapping[str, float]) -> list[Shape]:
    return [replace(shape, service_name=name, base=base) for name, base in bases.items()]


# Real-time metrics: by the five minutes lately, by the hour before that.
LIVE = (
    *_of_services(
        Shape("api_response_time", "performance", "ms", swing=0.35, noise=0.08, slow=1.0),
        {_API: 92, _PAY: 138, _AFFILIATE: 74, _USERS: 58, _PLAY: 66, _CHECK: 104},
    ),
    *_of_services(
        Shape("error_rate", "performance", "%", noise=0.25, slow=1.2, outage=-1.0),
        {_API: 0.30, _PAY: 0.42, _AFFILIATE: 0.2, _USERS: 0.15, _PLAY: 0.25, _CHECK: 0.35},
    ),
    *_of_services(
        Shape(
            "throughput", "performance", "requests/s", swing=1.3, noise=0.06, grows=True,
            outage=0.2,
        ),
        {_API: 85, _PAY: 9, _AFFILIATE: 24, _USERS: 31, _PLAY: 18, _CHECK: 7},
    ),
    *_of_services(
        Shape("database_query_time", "performance", "ms", swing=0.3, noise=0.1, slow=0.8),
        {_PAY: 11, _AFFILIATE: 8, _USERS: 6, _CHECK: 14},
    ),
)  # fmt: skip


def hourly_samples(day: Day) -> Iterator[Sample]:
    """A whole day of the metrics of ``HOURLY``."""
    for shape in HOURLY:
        chance = day.noise(shape.metric_name)
        for hour in day.ticks(HOUR):
            level = shape.level(day, hour)
            for labels, factor in _series(shape):
                value = shape.drawn(level * factor, chance)
                yield shape.sample("hourly", hour, value, **labels)


def daily_samples(day: Day) -> Iterator[Sample]:
    """The day's figures of the metrics of ``DAILY``."""
    for shape in DAILY:
        level = shape.level(day, day.start)
        value = shape.drawn(level, day.noise(shape.metric_name))
        yield shape.sample("daily", day.start, value)


def live_samples(day: Day) -> Iterator[Sample]:
    """A whole day of the metrics of ``LIVE``, every five minutes."""
    for shape in LIVE:
        chance = day.noise(f"{shape.metric_name} {shape.service_name}")
        for instant in day.ticks(TICK):
            value = shape.drawn(shape.level(day, instant), chance)
            yield shape.sample("real_time", instant, value)


def live_samples_by_hour(day: Day) -> Iterator[Sample]:
    """A whole day of the same metrics, by the hour."""
    for shape in LIVE:
        chance = day.noise(f"{shape.metric_name} {shape.service_name} by the hour")
        for hour in day.ticks(HOUR):
            level = fmean(shape.level(day, hour + quarter) for quarter in _QUARTERS)
            yield shape.sample("hourly", hour, shape.drawn(level, chance))


def _series(shape: Shape) -> list[tuple[dict[str, str], float]]:
    """The labels of each series and its factor on the level."""
    if not shape.across:
        return [({}, 1.0)]
    shares = REGIONS if shape.across == "region" else AFFILIATES
    return [
        ({shape.across: name}, share if shape.shared else _character(name))
        for name, share in shares.items()
    ]


def _character(name: str) -> float:
    """A lasting difference of up to 6 % between regions or affiliates."""
    return 0.94 + 0.12 * random.Random(name).random()  # noqa: S311

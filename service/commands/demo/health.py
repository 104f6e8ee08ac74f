"""Health reports of the demo's services: six of them, one of which is often busy."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.commands.demo.platform import day_of, payments_up, rhythm, slowdown

REPORT_EVERY = timedelta(minutes=5)
HISTORY = timedelta(days=7)
_BUSY = 0.8

Report = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Service:
    """A service on an ordinary day; `lasts` is how long it runs until it is deployed again."""

    name: str
    response_time_ms: float
    error_rate: float
    cpu_usage: float
    memory_usage: float
    version: str
    lasts: timedelta


SERVICES = (
    _Service("api-gateway", 92.0, 0.003, 0.41, 0.55, "3.8.1", timedelta(days=14)),
    _Service("payment-service", 138.0, 0.004, 0.36, 0.62, "5.2.0", timedelta(days=10)),
    _Service("affiliate-service", 74.0, 0.002, 0.22, 0.48, "2.14.3", timedelta(days=28)),
    _Service("user-service", 58.0, 0.001, 0.27, 0.51, "4.0.7", timedelta(days=7)),
    _Service("gamification-service", 310.0, 0.021, 0.68, 0.79, "1.9.2", timedelta(hours=12)),
    _Service("validation-service", 104.0, 0.003, 0.33, 0.58, "2.3.5", timedelta(days=21)),
)


def health_reports(instant: datetime, zone: ZoneInfo) -> list[Report]:
    """A report of every service, as it is at that instant."""
    return [_report(service, instant, zone) for service in SERVICES]


def past_reports(now: datetime, zone: ZoneInfo) -> Iterator[Report]:
    """Reports every five minutes of the days before `now`, each with its `ts`."""
    first = (now - HISTORY).timestamp() // REPORT_EVERY.total_seconds() + 1
    instant = datetime.fromtimestamp(first * REPORT_EVERY.total_seconds(), tz=now.tzinfo)
    while instant <= now:
        for report in health_reports(instant, zone):
            yield {"ts": instant.isoformat(), **report}
        instant += REPORT_EVERY


def _report(service: _Service, instant: datetime, zone: ZoneInfo) -> Report:
    day, local = day_of(instant, zone), instant.astimezone(zone)
    minute = local.hour * 60 + local.minute
    chance = day.noise(f"health {service.name} {minute // 5}")
    slow, busy = slowdown(day.date, minute), rhythm(local.hour)
    failing = 1.0
    if service.name == "payment-service":
        failing = payments_up(day.date, local.hour)
    noise = chance.gauss(1, 0.06)
    return {
        "service_name": service.name,
        "status": _status(service, slow, failing, busy),
        "response_time_ms": round(service.response_time_ms * busy**0.35 * slow * noise, 1),
        "error_rate": round(min(1.0, service.error_rate * slow * noise / failing**2), 4),
        "cpu_usage": round(min(0.97, service.cpu_usage * busy * noise), 3),
        "memory_usage": round(min(0.97, service.memory_usage * (0.9 + 0.1 * noise)), 3),
        "version": service.version,
        "uptime_seconds": int(instant.timestamp() % service.lasts.total_seconds()),
    }


def _status(service: _Service, slow: float, failing: float, busy: float) -> str:
    if failing < 1:
        return "unhealthy"
    if slow > 1 or (service.name == "gamification-service" and busy > _BUSY):
        return "degraded"
    return "healthy"

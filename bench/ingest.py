"""How fast samples come in over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime

from bench.copying import Copying
from bench.figures import Figures, Ingest, Paced
from bench.requests import posts
from bench.scale import Scale
from bench.stack import Service
from bench.stats import latency
from bench.traffic import Outcome, Plan

Drive = Callable[[Plan], Outcome]
Tell = Callable[[str], None]

# Samples in a request, and how many different requests are sent over and over.
SIZES = {1: 2000, 100: 200, 1000: 50}
RATE = 500.0
_PACED_CONNECTIONS = 32


def measure_ingest(
    figures: Figures, service: Service, copying: Copying, scale: Scale, drive: Drive, tell: Tell
) -> None:
    """Requests of every size, each size between two runs of the reference."""
    now = datetime.now(UTC)
    warm_up = Plan(service.port, posts(now, 1000, 20), 4, scale.ingest_seconds)
    drive(warm_up).check()
    copying.take(scale.copy_rows)
    figures.copy_rates.append(copying.rate())
    for size, count in SIZES.items():
        requests = posts(now, size, count)
        found = [_one(service, requests, size, n, scale, drive) for n in scale.connections]
        figures.copy_rates.append(copying.rate())
        reference = sum(figures.copy_rates[-2:]) / 2
        for connections, outcome, cpu in found:
            per_second = outcome.per_second * size
            figures.ingest.append(
                Ingest(
                    size=size,
                    connections=connections,
                    per_second=per_second,
                    ratio=per_second / reference,
                    latency=latency(outcome.durations),
                    cpu=cpu / (outcome.answered * size) * 1e6,
                )
            )
            tell(f"{size} in a request, {connections} connections: {per_second:,.0f}/s")


def measure_paced(figures: Figures, service: Service, scale: Scale, drive: Drive) -> None:
    """Single inserts at a steady rate."""
    requests = posts(datetime.now(UTC), 1, SIZES[1])
    plan = Plan(
        service.port, requests, _PACED_CONNECTIONS, scale.paced_seconds, warm_up=1.0, rate=RATE
    )
    outcome = drive(plan)
    outcome.check()
    figures.paced = Paced(RATE, outcome.per_second, latency(outcome.durations))


def _one(
    service: Service, requests: list[bytes], size: int, connections: int, scale: Scale, drive: Drive
) -> tuple[int, Outcome, float]:
    plan = Plan(service.port, requests, connections, scale.ingest_seconds, warm_up=0.5)
    before = service.cpu_seconds()
    outcome = drive(plan)
    outcome.check()
    return connections, outcome, service.cpu_seconds() - before

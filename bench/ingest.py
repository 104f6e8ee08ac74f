"""How fast samples come in over HTTP."""

from datetime import UTC, datetime

from bench.copying import Copying
from bench.figures import Figures, Ingest, Paced
from bench.requests import posts
from bench.scale import Kit
from bench.stack import Service
from bench.stats import latency
from bench.traffic import Outcome, Plan

# Samples in a request, and how many different requests are sent over and over.
SIZES = {1: 2000, 100: 200, 1000: 50}
RATE = 500.0
_PACED_CONNECTIONS = 32


def measure_ingest(figures: Figures, kit: Kit, service: Service, copying: Copying) -> None:
    """Requests of every size, each size between two runs of the reference."""
    now = datetime.now(UTC)
    kit.tell(f"ingest, workers: {service.workers}")
    warm_up = Plan(service.port, posts(now, 1000, 20), 4, kit.scale.ingest_seconds)
    kit.drive(warm_up).check()
    copying.take(kit.scale.copy_rows)
    figures.copy_rates.append(copying.rate())
    for size, count in SIZES.items():
        requests = posts(now, size, count)
        found = [_one(kit, service, requests, n) for n in kit.scale.connections]
        figures.copy_rates.append(copying.rate())
        reference = sum(figures.copy_rates[-2:]) / 2
        for connections, outcome, cpu in found:
            per_second = outcome.per_second * size
            figures.ingest.append(
                Ingest(
                    size=size,
                    workers=service.workers,
                    connections=connections,
                    per_second=per_second,
                    ratio=per_second / reference,
                    latency=latency(outcome.durations),
                    cpu=cpu / (outcome.answered * size) * 1e6,
                )
            )
            kit.tell(f"{size} in a request, {connections} connections: {per_second:,.0f}/s")


def measure_paced(kit: Kit, service: Service) -> Paced:
    """Single inserts at a steady rate."""
    kit.tell("single inserts at a steady rate")
    requests = posts(datetime.now(UTC), 1, SIZES[1])
    seconds = kit.scale.paced_seconds
    plan = Plan(service.port, requests, _PACED_CONNECTIONS, seconds, warm_up=1.0, rate=RATE)
    outcome = kit.drive(plan)
    outcome.check()
    return Paced(RATE, latency(outcome.durations))


def _one(
    kit: Kit, service: Service, requests: list[bytes], connections: int
) -> tuple[int, Outcome, float]:
    """Number of connections, what came of it, CPU seconds of the service."""
    plan = Plan(service.port, requests, connections, kit.scale.ingest_seconds, warm_up=0.5)
    before = service.cpu_seconds()
    outcome = kit.drive(plan)
    outcome.check()
    return connections, outcome, service.cpu_seconds() - before

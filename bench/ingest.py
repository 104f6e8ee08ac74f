"""How fast samples come in over HTTP."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median

from bench.copying import Copying
from bench.figures import Figures, Ingest, Paced
from bench.requests import posts
from bench.scale import Kit
from bench.stack import Service
from bench.stats import latency, median_latency
from bench.traffic import Outcome, Plan

# Samples in a request, and how many different requests are sent over and over.
SIZES = {1: 2000, 100: 200, 1000: 50}
RATE = 500.0
_PACED_CONNECTIONS = 32


def measure_ingest(figures: Figures, kit: Kit, service: Service, copying: Copying) -> None:
    """Requests of every size, in turns: of each figure the median counts, which one bad moment of
    the machine does not change.
    """
    now = datetime.now(UTC)
    kit.tell(f"ingest, workers: {service.workers}")
    warm_up = Plan(service.port, posts(now, 1000, 20), 4, kit.scale.ingest_seconds)
    kit.drive(warm_up).check()
    copying.take(kit.scale.copy_rows)
    requests = {size: posts(now, size, count) for size, count in SIZES.items()}
    turns = []
    for _ in range(kit.scale.turns):
        figures.copy_rates.append(copying.rate())
        turns.append(
            [
                one
                for size in SIZES
                for one in _of_size(figures, kit, service, copying, size, requests[size])
            ]
        )
    figures.ingest += [_median(those) for those in zip(*turns, strict=True)]


def _of_size(
    figures: Figures,
    kit: Kit,
    service: Service,
    copying: Copying,
    size: int,
    requests: list[bytes],
) -> list[Ingest]:
    """By the number of connections, between two runs of the reference."""
    found = [_one(kit, service, requests, n) for n in kit.scale.connections]
    figures.copy_rates.append(copying.rate())
    reference = sum(figures.copy_rates[-2:]) / 2
    measured = []
    for connections, outcome, cpu in found:
        per_second = outcome.per_second * size
        measured.append(
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
    return measured


def _median(turns: Sequence[Ingest]) -> Ingest:
    """Of every figure by itself."""
    return replace(
        turns[0],
        per_second=median(one.per_second for one in turns),
        ratio=median(one.ratio for one in turns),
        latency=median_latency([one.latency for one in turns]),
        cpu=median(one.cpu for one in turns),
    )


def measure_paced(kit: Kit, service: Service) -> Paced:
    """Single inserts at a steady rate."""
    kit.tell("single inserts at a steady rate")
    requests = posts(datetime.now(UTC), 1, SIZES[1])
    seconds = kit.scale.paced_seconds
    plan = Plan(service.port, requests, _PACED_CONNECTIONS, seconds, warm_up=1.0, rate=RATE)
    turns = []
    for _ in range(kit.scale.turns):
        outcome = kit.drive(plan)
        outcome.check()
        turns.append(latency(outcome.durations))
    return Paced(RATE, median_latency(turns))


def _one(
    kit: Kit, service: Service, requests: list[bytes], connections: int
) -> tuple[int, Outcome, float]:
    """Number of connections, what came of it, CPU seconds of the service."""
    plan = Plan(service.port, requests, connections, kit.scale.ingest_seconds, warm_up=0.5)
    before = service.cpu_seconds()
    outcome = kit.drive(plan)
    outcome.check()
    return connections, outcome, service.cpu_seconds() - before

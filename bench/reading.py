"""How fast aggregates are answered over HTTP."""

from collections.abc import Iterator, Sequence

from bench.dataset import DAYS, Dataset
from bench.figures import PROMPT_SECONDS, Figures, Reads, Repeated
from bench.requests import get
from bench.scale import Kit
from bench.stack import Service
from bench.stats import latency
from bench.traffic import Outcome, Plan

PERIODS = ("hour", "day", "week", "month")
CONNECTIONS = (1, 16)
# The metrics that `SERIES` makes are called figure_1 and so on.
SERIES = "series_of_figures"
METRICS = 20
_ROUTE = "/api/metrics/aggregate"
# Different questions, so that none is answered from the cache of equal ones; more than are
# asked in the second that it keeps an answer.
_QUESTIONS = 1250
_MAX_LIMIT = 10_000
_TURNS = 4

Served = tuple[Service, Dataset]


def measure_reads(figures: Figures, kit: Kit, served: Sequence[Served]) -> None:
    """Every period over 90 days, with one connection and with many."""
    for period in PERIODS:
        for connections in CONNECTIONS:
            for found in _in_turns(kit, served, period, connections):
                figures.reads.append(found)
                kit.tell(
                    f"{found.samples:,} samples, {period}, {connections} connections: "
                    f"p50 {found.latency.p50:.1f} ms"
                )


def measure_cached(figures: Figures, kit: Kit, served: Served) -> None:
    """The same question again and again: most answers are those of the second before."""
    service, dataset = served
    connections = CONNECTIONS[-1]
    requests = questions(dataset, "day")[:1]
    plan = Plan(service.port, requests, connections, kit.scale.query_seconds, warm_up=0.5)
    outcome = kit.drive(plan)
    outcome.check()
    figures.cached = Repeated(connections, outcome.per_second, latency(outcome.durations))


def questions(dataset: Dataset, period: str, turn: int = 0, metrics: int = METRICS) -> list[bytes]:
    """Requests for the sums of one metric after the other, no two of them equal, in whichever
    turn: the limit on rows, which none of them reaches, gets smaller.
    """
    since = dataset.before - DAYS
    return [
        get(
            _ROUTE,
            {
                "metric_name": f"figure_{number % metrics + 1}",
                "period": period,
                "start_date": since.isoformat(),
                "end_date": dataset.before.isoformat(),
                "limit": str(_MAX_LIMIT - number),
            },
        )
        for number in range(turn * _QUESTIONS, (turn + 1) * _QUESTIONS)
    ]


def _in_turns(kit: Kit, served: Sequence[Served], period: str, connections: int) -> Iterator[Reads]:
    """Figures of each database under the same load. They take turns, so that none has the
    machine at a better time than the others.
    """
    seconds = kit.scale.query_seconds / _TURNS
    outcomes = [Outcome() for _ in served]
    before = [service.answers(_ROUTE, PROMPT_SECONDS) for service, _ in served]
    for turn in range(_TURNS):
        for (service, dataset), outcome in zip(served, outcomes, strict=True):
            requests = questions(dataset, period, turn)
            plan = Plan(service.port, requests, connections, seconds, warm_up=0.2)
            outcome.add(kit.drive(plan))
    for (service, dataset), outcome, earlier in zip(served, outcomes, before, strict=True):
        outcome.check()
        later = service.answers(_ROUTE, PROMPT_SECONDS)
        yield Reads(
            samples=dataset.samples,
            period=period,
            connections=connections,
            per_second=outcome.per_second,
            latency=latency(outcome.durations),
            prompt=(later[0] - earlier[0]) / (later[1] - earlier[1]),
        )

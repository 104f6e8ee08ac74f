"""How fast aggregates are answered over HTTP."""

from bench.dataset import DAYS, METRICS, Dataset
from bench.figures import Figures, Reads
from bench.requests import get
from bench.scale import Kit
from bench.stack import Service
from bench.stats import latency
from bench.traffic import Outcome, Plan

PERIODS = ("hour", "day", "week", "month")
CONNECTIONS = (1, 16)
# Different questions, so that none is answered from the cache of equal ones; more than are
# asked in the second that it keeps an answer.
_QUESTIONS = 5000
_MAX_LIMIT = 10_000


def measure_reads(figures: Figures, kit: Kit, service: Service, dataset: Dataset) -> None:
    """Every period over 90 days, with one connection and with many."""
    for period in PERIODS:
        requests = questions(dataset, period)
        for connections in CONNECTIONS:
            plan = Plan(service.port, requests, connections, kit.scale.query_seconds, warm_up=0.5)
            found = _reads(dataset, period, plan, kit.drive(plan))
            figures.reads.append(found)
            kit.tell(
                f"{dataset.samples:,} samples, {period}, {connections} connections: "
                f"p50 {found.latency.p50:.1f} ms"
            )


def measure_cached(figures: Figures, kit: Kit, service: Service, dataset: Dataset) -> None:
    """The same question again and again: most answers are those of the second before."""
    requests = questions(dataset, "day")[:1]
    plan = Plan(service.port, requests, CONNECTIONS[-1], kit.scale.query_seconds, warm_up=0.5)
    figures.cached = _reads(dataset, "day", plan, kit.drive(plan))


def questions(dataset: Dataset, period: str) -> list[bytes]:
    """Requests for the sums of one metric after the other, no two of them equal: the limit on
    rows, which none of them reaches, gets smaller.
    """
    since = dataset.before - DAYS
    return [
        get(
            "/api/metrics/aggregate",
            {
                "metric_name": f"figure_{number % METRICS + 1}",
                "period": period,
                "start_date": since.isoformat(),
                "end_date": dataset.before.isoformat(),
                "limit": str(_MAX_LIMIT - number),
            },
        )
        for number in range(_QUESTIONS)
    ]


def _reads(dataset: Dataset, period: str, plan: Plan, outcome: Outcome) -> Reads:
    outcome.check()
    return Reads(
        samples=dataset.samples,
        period=period,
        connections=plan.connections,
        per_second=outcome.per_second,
        latency=latency(outcome.durations),
    )

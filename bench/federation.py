"""How fast a hub answers over its members, beside the members themselves."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from psycopg.conninfo import make_conninfo

from bench.dataset import Dataset, load, migrated
from bench.figures import Federated, Figures
from bench.reading import SERIES, questions
from bench.scale import Kit
from bench.stack import Service, new_database, running_service
from bench.stats import latency
from bench.traffic import Outcome, Plan
from sql.embedded import EmbeddedServer
from sql.federation import federate
from sql.hub_access import let_hub_in

MEMBERS = ("north", "south", "west")
PERIODS = ("day", "month")
_TURNS = 4

Served = tuple[Service, Dataset]


def measure_federation(figures: Figures, kit: Kit, server: EmbeddedServer, folder: Path) -> None:
    """90 days of all members by the hub, and of each by itself, in turns and one question at a
    time.
    """
    with ExitStack() as stack:
        kit.tell(f"loading {kit.scale.member_samples:,} samples for each member")
        datasets = [
            load(
                stack.enter_context(new_database(server.url, f"benchmark_{name}")),
                kit.scale.member_samples,
                SERIES,
            )
            for name in MEMBERS
        ]
        hub = stack.enter_context(new_database(server.url, "benchmark_hub"))
        migrated(hub)
        for name, dataset in zip(MEMBERS, datasets, strict=True):
            # Roles are of the whole server: each member has one of its own.
            role = f"benchmark_hub_{name}"
            made = let_hub_in(dataset.url, role)
            federate(hub, name, make_conninfo(dataset.url, user=role, password=made.password))
        served = [
            (stack.enter_context(running_service(folder, dataset.url)), dataset)
            for dataset in datasets
        ]
        served.append((stack.enter_context(running_service(folder, hub)), datasets[0]))
        for period in PERIODS:
            figures.federated.append(_in_turns(kit, served, period))


def _in_turns(kit: Kit, served: Sequence[Served], period: str) -> Federated:
    outcomes = [Outcome() for _ in served]
    for turn in range(_TURNS):
        for (service, dataset), outcome in zip(served, outcomes, strict=True):
            plan = Plan(
                service.port,
                questions(dataset, period, turn),
                connections=1,
                seconds=kit.scale.query_seconds / _TURNS,
                warm_up=0.2,
            )
            outcome.add(kit.drive(plan))
    for outcome in outcomes:
        outcome.check()
    *members, hub = (latency(outcome.durations) for outcome in outcomes)
    slowest = max(members, key=lambda one: one.p50)
    found = Federated(period, kit.scale.member_samples, slowest, hub)
    kit.tell(f"{period} over {len(MEMBERS)} members: {found.ratio:.2f} times the slowest")
    return found

"""How much is measured, and what every measurement works with."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.traffic import Outcome, Plan


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes, connections and seconds of each measurement, turns of those of writing; together they
    bound the run.
    """

    connections: tuple[int, ...]
    turns: int
    ingest_seconds: float
    paced_seconds: float
    copy_rows: int
    import_rows: int
    samples: tuple[int, ...]
    query_seconds: float
    page_samples: int
    page_seconds: float
    member_samples: int
    neighbour_samples: int
    neighbour_seconds: float
    alert_metrics: int


WHOLE = Scale(
    connections=(1, 4, 16, 64),
    turns=3,
    ingest_seconds=4,
    paced_seconds=15,
    copy_rows=300_000,
    import_rows=5_000_000,
    samples=(1_000_000, 10_000_000, 50_000_000),
    query_seconds=4,
    page_samples=1_000_000,
    page_seconds=60,
    member_samples=3_000_000,
    neighbour_samples=1_800_000,
    neighbour_seconds=20,
    alert_metrics=1000,
)
QUICK = Scale(
    connections=(1, 16),
    turns=1,
    ingest_seconds=1,
    paced_seconds=2,
    copy_rows=50_000,
    import_rows=40_000,
    samples=(50_000, 200_000),
    query_seconds=0.5,
    page_samples=50_000,
    page_seconds=3,
    member_samples=50_000,
    neighbour_samples=100_000,
    neighbour_seconds=3,
    alert_metrics=50,
)


@dataclass(frozen=True, slots=True)
class Kit:
    """`drive` sends load from another process; `tell` reports the progress of the run."""

    scale: Scale
    drive: Callable[[Plan], Outcome]
    tell: Callable[[str], None]

"""Figures of a benchmark run."""

from dataclasses import dataclass, field

from bench.machine import Machine
from bench.stats import Latency


@dataclass(frozen=True, slots=True)
class Ingest:
    """Samples in requests of `size` over so many connections to so many workers; `ratio` to
    \\copy, `cpu` of the service in microseconds for each sample.
    """

    size: int
    workers: int
    connections: int
    per_second: float
    ratio: float
    latency: Latency
    cpu: float


@dataclass(frozen=True, slots=True)
class Paced:
    """Single inserts at a steady rate."""

    rate: float
    latency: Latency


@dataclass(frozen=True, slots=True)
class Consumed:
    """Samples from Kafka in messages of `size`; `ratio` to the same samples over HTTP, `cpu` of
    the consumer in microseconds for each sample.
    """

    size: int
    per_second: float
    ratio: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Points of a protocol, 1000 in a request; `ratio` to batches of JSON, `cpu` of the service in
    microseconds for each point.
    """

    protocol: str
    per_second: float
    ratio: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Imported:
    """Samples of history from a file of that form: those stored in a second, and those counted in
    all figures, with their ratios to \\copy of the same rows; `cpu` of the service in microseconds
    for each sample.
    """

    form: str
    stored_per_second: float
    stored_ratio: float
    counted_per_second: float
    counted_ratio: float
    cpu: float


# An answer by day is promised within these seconds at the service itself.
PROMPT_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Reads:
    """Aggregate questions over 90 days with so many samples in the database; `prompt` is the
    share of them that took the service itself `PROMPT_SECONDS` at most.
    """

    samples: int
    period: str
    connections: int
    per_second: float
    latency: Latency
    prompt: float


@dataclass(frozen=True, slots=True)
class Repeated:
    """One aggregate question, asked again and again over so many connections."""

    connections: int
    per_second: float
    latency: Latency


# A page is promised within these seconds at the service itself.
PAGE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class PageViews:
    """Views of the pages of one route with so many samples in the database; `prompt` is the
    share of them that took the service itself `PAGE_SECONDS` at most.
    """

    route: str
    samples: int
    views: int
    prompt: float


@dataclass(frozen=True, slots=True)
class Federated:
    """90 days by a period, asked of each of three members with so many samples, of which `member`
    is the slowest, and of their hub.
    """

    period: str
    samples: int
    member: Latency
    hub: Latency

    @property
    def ratio(self) -> float:
        """How many times as long the hub takes."""
        return self.hub.p50 / self.member.p50


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Questions of a small tenant at a steady rate, and what another tenant did meanwhile; the
    first is ``alone``.
    """

    beside: str
    latency: Latency


@dataclass(frozen=True, slots=True)
class Ticks:
    """Seconds that judging so many active rules takes: the first time, and after that."""

    rules: int
    metrics: int
    first: float
    steady: float


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes a sample takes as a row and in columns, indexes included."""

    as_row: float
    in_columns: float


@dataclass(slots=True)
class Figures:
    """All of one run; rates of \\copy in rows a second, memory in bytes."""

    machine: Machine
    copy_rates: list[float] = field(default_factory=list)
    ingest: list[Ingest] = field(default_factory=list)
    consumed: list[Consumed] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    consumer_memory: int = 0
    imported: list[Imported] = field(default_factory=list)
    import_memory: int = 0
    paced: Paced | None = None
    paced_after: Paced | None = None
    reads: list[Reads] = field(default_factory=list)
    cached: Repeated | None = None
    storage: Storage | None = None
    pages: list[PageViews] = field(default_factory=list)
    federated: list[Federated] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    ticks: list[Ticks] = field(default_factory=list)
    peak_memory: int = 0

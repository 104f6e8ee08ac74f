"""Performance promises of the product, judged on the figures of a run."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import PAGE_SECONDS, PROMPT_SECONDS, Figures, Ingest, Reads

MIB = 1024 * 1024
# A batch waits for those of the other connections, so its latency is judged at few of them.
_BATCH_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Floor:
    """A promise in words, what was measured, and whether that keeps it."""

    promise: str
    measured: str
    met: bool


def floors(figures: Figures) -> list[Floor]:
    """Every promise."""
    return [
        *_of_ingest(figures),
        *_of_kafka(figures),
        *_of_protocols(figures),
        *_of_imports(figures),
        *_of_reads(figures),
        _of_pages(figures),
        *_of_federation(figures),
        *_of_neighbours(figures),
        *_of_alerts(figures),
        _of_memory(figures),
    ]


def _of_ingest(figures: Figures) -> Iterator[Floor]:
    batches = _fastest(figures, 1000)
    yield Floor(
        "1000 in a request: at least 0.5 of \\copy",
        f"{batches.ratio:.2f}",
        batches.ratio >= 0.5,
    )
    yield Floor(
        "1000 in a request: at least 100,000 samples/s",
        f"{batches.per_second:,.0f}/s{_by(batches)}",
        batches.per_second >= 100_000,
    )
    few = max(
        (one for one in _of_size(figures, 1000) if one.connections <= _BATCH_CONNECTIONS),
        key=lambda one: one.connections,
    )
    yield Floor(
        f"1000 in a request, {few.connections} connections: p99 below 200 ms",
        f"{few.latency.p99:.0f} ms",
        few.latency.p99 < 200,
    )
    singles = _fastest(figures, 1)
    yield Floor(
        "single inserts: at least 3,000/s",
        f"{singles.per_second:,.0f}/s{_by(singles)}",
        singles.per_second >= 3000,
    )
    assert figures.paced is not None
    yield Floor(
        f"single inserts at {figures.paced.rate:.0f}/s: p99 below 50 ms",
        f"{figures.paced.latency.p99:.1f} ms",
        figures.paced.latency.p99 < 50,
    )


def _of_kafka(figures: Figures) -> Iterator[Floor]:
    """None where there is no broker."""
    for one in figures.consumed:
        yield Floor(
            f"Kafka, {one.size} in a message: at least 0.7 of the same over HTTP",
            f"{one.ratio:.2f}",
            one.ratio >= 0.7,
        )
    if figures.consumed:
        peak = figures.consumer_memory / MIB
        yield Floor("memory of the consumer below 300 MiB", f"{peak:.0f} MiB", peak < 300)


def _of_protocols(figures: Figures) -> Iterator[Floor]:
    for one in figures.taken:
        least = 0.7 if one.protocol == "OTLP" else 1.0
        yield Floor(
            f"{one.protocol}, 1000 in a request: at least {least:.1f} of batches of JSON",
            f"{one.ratio:.2f}",
            one.ratio >= least,
        )


def _of_imports(figures: Figures) -> Iterator[Floor]:
    for one in figures.imported:
        yield Floor(
            f"import of {one.form}: rows stored at 0.6 of \\copy at least",
            f"{one.stored_ratio:.2f}",
            one.stored_ratio >= 0.6,
        )
    peak = figures.import_memory / MIB
    yield Floor(
        "memory of the service while it imports below 300 MiB", f"{peak:.0f} MiB", peak < 300
    )


def _of_reads(figures: Figures) -> Iterator[Floor]:
    days = [one for one in figures.reads if one.period == "day" and one.connections == 1]
    few, many = days[0], days[-1]
    yield Floor(
        f"90 days by day, {many.samples:,} samples: p50 at the service below "
        f"{1000 * PROMPT_SECONDS:.0f} ms",
        f"{many.prompt:.0%} within it",
        many.prompt > 0.5,
    )
    yield Floor(
        f"90 days by day, {many.samples:,} samples: p99 below 100 ms",
        f"{many.latency.p99:.1f} ms",
        many.latency.p99 < 100,
    )
    times = growth(few, many)
    yield Floor(
        f"90 days by day: {many.samples:,} samples at most 1.5 times {few.samples:,}",
        f"{times:.2f} times",
        times <= 1.5,
    )


def _of_pages(figures: Figures) -> Floor:
    slowest = min(figures.pages, key=lambda one: one.prompt)
    return Floor(
        f"every page, {slowest.samples:,} samples: p95 at the service below "
        f"{1000 * PAGE_SECONDS:.0f} ms",
        f"{slowest.prompt:.1%} within it ({slowest.route})",
        slowest.prompt > 0.95,
    )


def _of_federation(figures: Figures) -> Iterator[Floor]:
    for one in figures.federated:
        yield Floor(
            f"a hub over three members, 90 days by {one.period}: at most 1.5 times the slowest",
            f"{one.ratio:.2f} times",
            one.ratio <= 1.5,
        )


def _of_neighbours(figures: Figures) -> Iterator[Floor]:
    alone, *others = figures.neighbours
    for one in others:
        times = one.latency.p99 / alone.latency.p99
        yield Floor(
            f"another tenant's questions beside {one.beside}: p99 at most twice that alone",
            f"{times:.2f} times",
            times <= 2,
        )


def _of_alerts(figures: Figures) -> Iterator[Floor]:
    few, many = figures.ticks
    yield Floor(
        f"{many.rules:,} alert rules over {many.metrics:,} metrics: a tick below 2 s",
        f"{max(many.first, many.steady):.2f} s",
        max(many.first, many.steady) < 2,
    )
    times = (many.steady / many.rules) / (few.steady / few.rules)
    yield Floor(
        f"a rule costs no more with {many.rules:,} than with {few.rules:,}",
        f"{times:.2f} times",
        times <= 1,
    )


def _of_memory(figures: Figures) -> Floor:
    peak = figures.peak_memory / MIB
    return Floor("memory of the service below 300 MiB", f"{peak:.0f} MiB", peak < 300)


def growth(few: Reads, many: Reads) -> float:
    """How many times as long the median answer takes with more samples."""
    return many.latency.p50 / few.latency.p50


def _of_size(figures: Figures, size: int) -> list[Ingest]:
    return [one for one in figures.ingest if one.size == size]


def _by(one: Ingest) -> str:
    return f" ({one.workers} workers)" if one.workers > 1 else ""


def _fastest(figures: Figures, size: int) -> Ingest:
    return max(_of_size(figures, size), key=lambda one: one.per_second)

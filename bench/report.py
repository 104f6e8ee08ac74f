"""The figures as tables: for the terminal, and as docs/benchmarks.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import PAGE_SECONDS, PROMPT_SECONDS, Figures, Reads
from bench.floors import MIB, floors, growth
from bench.machine import Machine
from bench.stats import Latency

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_TEMPLATE = Path(__file__).parent / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under a title."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def text(figures: Figures) -> str:
    """For the terminal."""
    return "\n\n".join([_machine(figures.machine), *map(_aligned, _tables(figures))])


def document(figures: Figures) -> str:
    """All of docs/benchmarks.md."""
    tables = {table.title: _markdown(table) for table in _tables(figures)}
    filled = _TEMPLATE.read_text(encoding="utf-8")
    for title, rows in tables.items():
        filled = filled.replace(f"{{{title}}}", rows)
    filled = filled.replace("{Machine}", _machine(figures.machine))
    return filled.replace("{Date}", figures.machine.day.isoformat())


def _tables(figures: Figures) -> Iterator[Table]:
    yield _ingest(figures)
    yield _kafka(figures)
    yield _protocols(figures)
    yield _imports(figures)
    yield _reads(figures)
    yield _pages(figures)
    yield _federation(figures)
    yield _neighbours(figures)
    yield _others(figures)
    yield Table(
        "Floors",
        ("floor", "measured", ""),
        [
            (each.promise, each.measured, "met" if each.met else "NOT MET")
            for each in floors(figures)
        ],
    )


def _ingest(figures: Figures) -> Table:
    reference = sum(figures.copy_rates) / len(figures.copy_rates)
    return Table(
        "Ingest",
        ("in a request", "workers", "connections", "samples/s", "of \\copy", *_MS, "CPU µs/sample"),
        [
            ("psql \\copy", "", "1", f"{reference:,.0f}", "1.00", "", "", "", ""),
            *(
                (
                    str(one.size),
                    str(one.workers),
                    str(one.connections),
                    f"{one.per_second:,.0f}",
                    f"{one.ratio:.2f}",
                    *_milliseconds(one.latency),
                    f"{one.cpu:.1f}",
                )
                for one in figures.ingest
            ),
        ],
    )


def _kafka(figures: Figures) -> Table:
    return Table(
        "Kafka",
        ("in a message", "samples/s", "of the same over HTTP", "CPU µs/sample"),
        [
            (str(one.size), f"{one.per_second:,.0f}", f"{one.ratio:.2f}", f"{one.cpu:.1f}")
            for one in figures.consumed
        ],
    )


def _protocols(figures: Figures) -> Table:
    return Table(
        "Protocols",
        ("1000 points in a request", "points/s", "of batches of JSON", "CPU µs/point"),
        [
            (one.protocol, f"{one.per_second:,.0f}", f"{one.ratio:.2f}", f"{one.cpu:.1f}")
            for one in figures.taken
        ],
    )


def _imports(figures: Figures) -> Table:
    return Table(
        "Imports",
        ("form", "stored/s", "of \\copy", "counted/s", "of \\copy", "CPU µs/sample"),
        [
            (
                one.form,
                f"{one.stored_per_second:,.0f}",
                f"{one.stored_ratio:.2f}",
                f"{one.counted_per_second:,.0f}",
                f"{one.counted_ratio:.2f}",
                f"{one.cpu:.1f}",
            )
            for one in figures.imported
        ],
    )


def _reads(figures: Figures) -> Table:
    return Table(
        "Aggregates",
        (
            "90 days by",
            "samples",
            "connections",
            *_MS,
            f"within {1000 * PROMPT_SECONDS:.0f} ms at the service",
            "answers/s",
            "p50 to the fewest",
        ),
        [
            (
                one.period,
                f"{one.samples:,}",
                str(one.connections),
                *_milliseconds(one.latency),
                f"{one.prompt:.0%}",
                f"{one.per_second:,.0f}",
                f"{growth(_fewest(figures, one), one):.2f}",
            )
            for one in sorted(figures.reads, key=_by_question)
        ],
    )


def _pages(figures: Figures) -> Table:
    return Table(
        "Pages",
        ("page", "views", f"within {1000 * PAGE_SECONDS:.0f} ms at the service"),
        [(one.route, str(one.views), f"{one.prompt:.1%}") for one in figures.pages],
    )


def _federation(figures: Figures) -> Table:
    return Table(
        "Federation",
        ("90 days by", "samples of each member", "slowest member p50 ms", "hub p50 ms", "times"),
        [
            (
                one.period,
                f"{one.samples:,}",
                f"{one.member.p50:.1f}",
                f"{one.hub.p50:.1f}",
                f"{one.ratio:.2f}",
            )
            for one in figures.federated
        ],
    )


def _neighbours(figures: Figures) -> Table:
    alone = figures.neighbours[0].latency.p99
    return Table(
        "Neighbours",
        ("beside", *_MS, "p99 to that alone"),
        [
            (one.beside, *_milliseconds(one.latency), f"{one.latency.p99 / alone:.2f}")
            for one in figures.neighbours
        ],
    )


def _others(figures: Figures) -> Table:
    rows = [("memory of the service, most", f"{figures.peak_memory / MIB:.0f} MiB")]
    for paced, when in (
        (figures.paced, ""),
        (figures.paced_after, ", while the load above is rolled up"),
    ):
        if paced:
            latency = " / ".join(_milliseconds(paced.latency))
            name = f"single inserts at {paced.rate:.0f}/s{when}: p50 / p95 / p99"
            rows.append((name, f"{latency} ms"))
    if cached := figures.cached:
        name = f"the same question again, {cached.connections} connections: p50 / p95 / p99"
        rows.append((name, f"{' / '.join(_milliseconds(cached.latency))} ms"))
        rows.append(("the same question again: answers/s", f"{cached.per_second:,.0f}"))
    for ticks in figures.ticks:
        name = f"judging {ticks.rules:,} alert rules: the first time / after that"
        rows.append((name, f"{ticks.first:.2f} / {ticks.steady:.2f} s"))
    if storage := figures.storage:
        rows.append(("bytes of a sample as a row", f"{storage.as_row:.0f}"))
        rows.append(("bytes of a sample in columnstore", f"{storage.in_columns:.1f}"))
        times = storage.as_row / storage.in_columns
        rows.append(("columnstore is smaller by", f"{times:.1f} times"))
    return Table("Other figures", ("", ""), rows)


_MS = ("p50 ms", "p95 ms", "p99 ms")


def _milliseconds(latency: Latency) -> tuple[str, str, str]:
    return f"{latency.p50:.1f}", f"{latency.p95:.1f}", f"{latency.p99:.1f}"


def _fewest(figures: Figures, one: Reads) -> Reads:
    return min(
        (r for r in figures.reads if (r.period, r.connections) == (one.period, one.connections)),
        key=lambda r: r.samples,
    )


def _by_question(one: Reads) -> tuple[int, int, int]:
    return ("hour", "day", "week", "month").index(one.period), one.connections, one.samples


def _machine(machine: Machine) -> str:
    engine = f"TimescaleDB {machine.timescaledb}" if machine.timescaledb else "no TimescaleDB"
    return (
        f"{machine.cores} cores ({machine.cpu}), PostgreSQL {machine.postgresql}, {engine}, "
        f"Python {machine.python}; load average before the run {machine.load:.1f}"
    )


def _aligned(table: Table) -> str:
    rows = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join([table.title, "=" * len(table.title), *filter(None, lines)])


def _markdown(table: Table) -> str:
    rows = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)

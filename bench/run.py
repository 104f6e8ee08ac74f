"""One run: starts what it needs, measures one thing after the other, ends everything."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from bench.alerts import measure_ticks
from bench.copying import Copying
from bench.dataset import load, migrated, storage
from bench.federation import measure_federation
from bench.figures import Figures
from bench.imports import measure_imports
from bench.ingest import measure_ingest, measure_paced
from bench.kafka import measure_kafka
from bench.machine import this_machine
from bench.neighbours import measure_neighbours
from bench.pages import measure_pages
from bench.protocols import measure_protocols
from bench.reading import SERIES, measure_cached, measure_reads
from bench.scale import Kit
from bench.stack import BenchmarkError, new_database, running_service
from sql.embedded import EmbeddedServer

# Rows, their indexes and the write-ahead log while they are loaded.
_BYTES_PER_SAMPLE = 250
_SPARE_BYTES = 5_000_000_000


def measure(kit: Kit, server: EmbeddedServer, folder: Path) -> Figures:
    """All figures of a run on that PostgreSQL, with files in `folder`."""
    _check_space(folder, max(kit.scale.samples))
    figures = _writes(kit, server, folder)
    measure_imports(figures, kit, server, folder)
    _reads(figures, kit, server, folder)
    with new_database(server.url, "benchmark_pages") as url:
        measure_pages(figures, kit, folder, url)
    measure_federation(figures, kit, server, folder)
    with new_database(server.url, "benchmark_neighbours") as url:
        measure_neighbours(figures, kit, folder, url)
    with new_database(server.url, "benchmark_alerts") as url:
        migrated(url)
        measure_ticks(figures, kit, url)
    return figures


def _writes(kit: Kit, server: EmbeddedServer, folder: Path) -> Figures:
    busy = os.getloadavg()[0]
    with new_database(server.url, "benchmark_ingest") as url:
        migrated(url)
        figures = Figures(this_machine(url, busy))
        copying = Copying(server.installation.bin / "psql", url, folder)
        with running_service(folder, url) as service:
            # At its own pace first, with nothing to catch up with; then after millions came in.
            figures.paced = measure_paced(kit, service)
            measure_ingest(figures, kit, service, copying)
            figures.paced_after = measure_paced(kit, service)
            measure_kafka(figures, kit, service, folder, url)
            measure_protocols(figures, kit, service)
            figures.peak_memory = service.peak_memory()
    # Anew: jobs refresh and convert what the first service took in.
    with new_database(server.url, "benchmark_ingest_workers") as url:
        migrated(url)
        copying = Copying(server.installation.bin / "psql", url, folder)
        with running_service(folder, url, workers=figures.machine.cores) as service:
            measure_ingest(figures, kit, service, copying)
    return figures


def _reads(figures: Figures, kit: Kit, server: EmbeddedServer, folder: Path) -> None:
    """All sizes at once, each in a database and with a service of its own."""
    with ExitStack() as stack:
        datasets = []
        for samples in kit.scale.samples:
            url = stack.enter_context(new_database(server.url, f"benchmark_{samples}"))
            kit.tell(f"loading {samples:,} samples")
            datasets.append(load(url, samples, SERIES))
        served = [
            (stack.enter_context(running_service(folder, dataset.url)), dataset)
            for dataset in datasets
        ]
        measure_reads(figures, kit, served)
        measure_cached(figures, kit, served[-1])
        figures.storage = storage(datasets[-1].url)
        peaks = [service.peak_memory() for service, _ in served]
        figures.peak_memory = max(figures.peak_memory, *peaks)


def _check_space(folder: Path, samples: int) -> None:
    needed = _SPARE_BYTES + _BYTES_PER_SAMPLE * samples
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BenchmarkError(
            f"{folder} has {free / 1e9:.0f} GB free, {needed / 1e9:.0f} GB are needed: "
            "point TMPDIR elsewhere"
        )

"""One run: starts what it needs, measures one thing after the other, ends everything."""

import shutil
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from bench.copying import Copying
from bench.dataset import load, migrated, storage
from bench.figures import Figures
from bench.ingest import Drive, Tell, measure_ingest, measure_paced
from bench.machine import this_machine
from bench.reading import measure_cached, measure_reads
from bench.scale import Scale
from bench.stack import BenchmarkError, new_database, running_service
from bench.traffic import Outcome, Plan, drive
from sql.embedded import EmbeddedServer

# Rows, their indexes and the write-ahead log while they are loaded.
_BYTES_PER_SAMPLE = 250
_SPARE_BYTES = 5_000_000_000


def measure(
    server: EmbeddedServer, folder: Path, scale: Scale, loader: ProcessPoolExecutor, tell: Tell
) -> Figures:
    """All figures of a run; `loader` is the process that sends the requests."""
    _check_space(folder, scale)

    def driven(plan: Plan) -> Outcome:
        outcome: Future[Outcome] = loader.submit(drive, plan)
        return outcome.result()

    figures = _writes(server, folder, scale, driven, tell)
    for samples in scale.samples:
        _reads(figures, server, folder, samples, scale, driven, tell)
    return figures


def _writes(
    server: EmbeddedServer, folder: Path, scale: Scale, drive: Drive, tell: Tell
) -> Figures:
    with new_database(server.url, "benchmark_ingest") as url:
        migrated(url)
        figures = Figures(this_machine(url))
        copying = Copying(server.installation.bin / "psql", url, folder)
        with running_service(folder, url) as service:
            measure_ingest(figures, service, copying, scale, drive, tell)
            tell("single inserts at a steady rate")
            measure_paced(figures, service, scale, drive)
            figures.peak_memory = service.peak_memory()
    return figures


def _reads(
    figures: Figures,
    server: EmbeddedServer,
    folder: Path,
    samples: int,
    scale: Scale,
    drive: Drive,
    tell: Tell,
) -> None:
    with new_database(server.url, f"benchmark_{samples}") as url:
        tell(f"loading {samples:,} samples")
        dataset = load(url, samples)
        with running_service(folder, url) as service:
            measure_reads(figures, service, dataset, scale, drive, tell)
            if samples == scale.samples[-1]:
                measure_cached(figures, service, dataset, scale, drive)
                figures.storage = storage(url)
            figures.peak_memory = max(figures.peak_memory, service.peak_memory())


def _check_space(folder: Path, scale: Scale) -> None:
    needed = _SPARE_BYTES + _BYTES_PER_SAMPLE * max(scale.samples)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BenchmarkError(
            f"{folder} has {free / 1e9:.0f} GB free, {needed / 1e9:.0f} GB are needed: "
            "point TMPDIR elsewhere"
        )

"""Hardware and versions that the benchmark ran on."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg

from bench.statements import statement


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware and versions; `timescaledb` is None on the plain engine. `load` is how many
    processes wanted a core in the minute before: others than those of the benchmark.
    """

    cores: int
    cpu: str
    postgresql: str
    timescaledb: str | None
    python: str
    load: float
    day: date


def this_machine(database_url: str, load: float) -> Machine:
    """The machine and the versions of a database that is migrated."""
    with psycopg.connect(database_url) as conn:
        row = conn.execute(statement("versions")).fetchone()
    assert row is not None
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu_model(),
        postgresql=row[0].partition(" ")[0],
        timescaledb=row[1],
        python=platform.python_version(),
        load=load,
        day=datetime.now(UTC).date(),
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()

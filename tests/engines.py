"""On which engines each test runs.

By default, and with ``--engines=all``, every test that asks for `engine` runs on each engine that
is available. With ``--engines=each`` tests marked ``one_engine``, whose subject is the same on all,
run on one: TimescaleDB where it is available, which is what production runs on. With the name of
an engine everything runs on that alone.
"""

import os
from functools import cache
from pathlib import Path

import pytest

from sql.embedded import EmbeddedPostgresError, find_installation
from sql.engine import Engine


@cache
def installations() -> dict[Engine, str]:
    """The engines that can be tested here, and on what."""
    home = os.environ.get("FATURE_POSTGRES_HOME")
    found: dict[Engine, str] = {}
    plain = find_installation(postgres_home=None, engine="plain", data_version=None)
    found["plain"] = plain.describe()
    try:
        timescale = find_installation(
            postgres_home=Path(home) if home else None, engine="timescale", data_version=None
        )
    except EmbeddedPostgresError:
        return found
    if timescale.timescaledb:
        found["timescale"] = timescale.describe()
    return found


def chosen(config: pytest.Config) -> list[Engine]:
    """The engines that the run is about."""
    choice = config.getoption("--engines")
    return [engine for engine in installations() if choice in ("each", "all", engine)]


def engines_of(metafunc: pytest.Metafunc) -> list[Engine]:
    """The engines that a test runs on."""
    engines = chosen(metafunc.config)
    is_neutral = metafunc.definition.get_closest_marker("one_engine") is not None
    return (
        engines[-1:] if is_neutral and metafunc.config.getoption("--engines") == "each" else engines
    )


def in_words(config: pytest.Config) -> list[str]:
    """Lines that say which engines run on which installation."""
    engines = chosen(config)
    lines = [f"engine {engine}: {installations()[engine]}" for engine in engines]
    if config.getoption("--engines") == "each" and len(engines) > 1:
        lines.append(f"engine {engines[-1]} alone for tests marked one_engine (--engines=each)")
    if "timescale" not in installations():
        lines.append("TimescaleDB was not found: ONLY THE PLAIN ENGINE IS TESTED")
    elif len(engines) == 1:
        lines.append(f"ONLY THE ENGINE {engines[0]} IS TESTED (--engines)")
    return lines

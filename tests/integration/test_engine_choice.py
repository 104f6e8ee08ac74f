"""Servers whose TimescaleDB is not the one that is needed: treated as plain, and said so."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from sql.embedded import embedded_postgres, find_installation
from sql.engine import EngineMismatch
from sql.migrator import migrate, recorded_engine, status
from sql.vocabulary import FREQUENCIES
from tests import forks
from tests.engines import installations
from tests.integration.rollups import (
    all_differences,
    new_series,
    number,
    session,
    store,
    timescale_only,
)

pytestmark = timescale_only


@dataclass(frozen=True)
class Limited:
    """A server that cannot be the timescale engine, a word that says why, and where it has
    one, a database that was set up when it still could.
    """

    url: str
    why: str
    set_up_before: str | None = None

    def new_database(self) -> str:
        name = f"test_{os.urandom(6).hex()}"
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"{self.url.rpartition('/')[0]}/{name}"


def timescale_home() -> Path:
    """The installation under test that has TimescaleDB."""
    home = os.environ.get("FATURE_POSTGRES_HOME")
    assert "timescale" in installations()
    return find_installation(
        postgres_home=Path(home) if home else None, engine="timescale", data_version=None
    ).bin


@pytest.fixture(scope="module")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    """TimescaleDB under the Apache licence, where it was the community's before."""
    folder, home = tmp_path_factory.mktemp("apache"), timescale_home()
    settings = {"timescaledb.max_background_workers": "0"}
    with embedded_postgres(folder, postgres_home=home, engine="timescale", settings=settings) as s:
        before = Limited(s.url, "").new_database()
        migrate(before, engine="auto", timezone="UTC")
    settings |= {"timescaledb.license": "apache"}
    with embedded_postgres(folder, postgres_home=home, engine="timescale", settings=settings) as s:
        yield Limited(s.url, "Apache-only", before)


@pytest.fixture(scope="module")
def not_preloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    """TimescaleDB's files are there, but the server does not preload its library."""
    folder = tmp_path_factory.mktemp("not-preloaded")
    with embedded_postgres(folder, postgres_home=timescale_home(), engine="plain") as s:
        with session(s.url) as conn:
            available = "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"
            assert number(conn, available) == 1
        yield Limited(s.url, "cannot be created")


@pytest.fixture(params=["apache", "not_preloaded"])
def limited(request: pytest.FixtureRequest) -> Limited:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Limited)
    return found


def test_it_is_treated_as_plain_and_said_so(limited: Limited) -> None:
    url = limited.new_database()
    capability, _ = migrate(url, engine="auto", timezone="UTC")
    assert capability.engine == "plain"
    assert limited.why in capability.reason
    found = status(url)
    assert found is not None
    assert (found.capability, found.pending) == (capability, [])
    assert recorded_engine(url) == "plain"


def test_its_figures_are_computed_from_samples(limited: Limited) -> None:
    url = limited.new_database()
    migrate(url, engine="auto", timezone="UTC")
    with session(url) as conn:
        assert number(conn, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 0
        for frequency in FREQUENCIES:
            store(conn, frequency, [(datetime.now(UTC), 1, new_series(conn, frequency), 1.0)])
            assert all_differences(conn, frequency) == {}


def test_the_timescale_engine_is_refused_there_and_leaves_nothing_behind(
    limited: Limited,
) -> None:
    url = limited.new_database()
    with pytest.raises(EngineMismatch, match=f"FATURE_ENGINE asks for .*{limited.why}"):
        migrate(url, engine="timescale", timezone="UTC")
    with session(url) as conn:
        assert number(conn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'fature'") == 0


def test_the_command_line_says_both(limited: Limited) -> None:
    url = limited.new_database()
    refused = run_command(url, "migrate", engine="timescale")
    assert refused.returncode == 1
    assert "error: FATURE_ENGINE asks for the engine timescale, but" in refused.stderr
    assert limited.why in refused.stderr
    assert "Traceback" not in refused.stderr
    taken = run_command(url, "migrate", engine="auto")
    assert taken.returncode == 0
    assert "engine plain" in taken.stdout
    assert limited.why in taken.stdout


def test_a_database_set_up_with_timescaledb_is_refused_when_it_is_gone(apache: Limited) -> None:
    assert apache.set_up_before is not None
    with pytest.raises(EngineMismatch, match=r"set up with the engine timescale, but .*Apache"):
        migrate(apache.set_up_before, engine="auto", timezone="UTC")
    with pytest.raises(EngineMismatch, match=r"set up with the engine timescale, but .*Apache"):
        status(apache.set_up_before)
    assert recorded_engine(apache.set_up_before) == "timescale"


def run_command(url: str, command: str, *, engine: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
    environment |= {"FATURE_DATABASE_URL": url, "FATURE_ENGINE": engine}
    return forks.run(command, environment=environment, timeout=120)

"""A forked process of the service is one of its own: what it gets, prints and how it ends."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests import forks
from tests.conftest import free_port
from tests.instances import environment
from tests.killable import until


def test_what_it_prints_and_its_exit_code_are_its_own() -> None:
    told = forks.run("--help", environment=environment(), timeout=60)
    refused = forks.run("no-such-command", environment=environment(), timeout=60)
    assert (told.returncode, refused.returncode) == (0, 2)
    assert "Usage" in told.stdout
    assert "no-such-command" in refused.stderr


def test_it_has_exactly_the_environment_that_is_given() -> None:
    wrong = forks.run("migrate", environment=environment(FATURE_PORT="x"), timeout=60)
    assert (wrong.returncode, "FATURE_PORT" in wrong.stderr) == (1, True)
    assert "FATURE_PORT" not in os.environ


def test_it_runs_until_a_signal_ends_it(tmp_path: Path) -> None:
    mine = environment(FATURE_DATA_DIR=str(tmp_path), FATURE_PORT=str(free_port()))
    with (tmp_path / "log").open("w") as log:
        process = forks.start("run", environment=mine, stdout=log)
    until(lambda: "embedded PostgreSQL" in (tmp_path / "log").read_text())
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    process.kill()

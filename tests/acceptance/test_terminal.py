"""`make run` on a terminal: lines that people read, and no more of them than they need."""

import os
import pty
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from sql.engine import Engine
from tests.clients import TLS
from tests.conftest import ROOT, free_port
from tests.instances import command, environment

pytestmark = pytest.mark.one_engine

LINES = 15


@dataclass
class Terminal:
    """A first start on a terminal, and whether the service answered when it said so."""

    output: str
    answered: bool
    sign_in: str


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Terminal:
    port = free_port()
    settings = {
        "FATURE_DATA_DIR": str(tmp_path_factory.mktemp(f"terminal-{engine}") / "data"),
        "FATURE_ENGINE": engine,
        "FATURE_PORT": str(port),
    }
    pid, terminal_end = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "service", "run"], environment(**settings))
    output, url = read_until(terminal_end, "Serving:"), f"http://127.0.0.1:{port}"
    try:
        answered = httpx2.get(f"{url}/api/health", verify=TLS).status_code == 200
        page = httpx2.get(f"{url}/sign-in", headers={"Accept": "text/html"}, verify=TLS).text
    finally:
        os.kill(pid, signal.SIGTERM)
        output += read_until(terminal_end, "Stopped.")
        os.waitpid(pid, 0)
        os.close(terminal_end)
    return Terminal(output, answered, page)


def read_until(terminal_end: int, words: str) -> str:
    found, end = "", time.monotonic() + 120
    while words not in found:
        assert time.monotonic() < end, found
        if select.select([terminal_end], [], [], 1)[0]:
            try:
                found += os.read(terminal_end, 65536).decode()
            except OSError as error:
                raise AssertionError(f"it ended: {found}") from error
    return found


def test_people_read_lines_not_json(terminal: Terminal) -> None:
    lines = terminal.output.splitlines()
    assert not [line for line in lines if line.startswith("{")]
    assert any(line.startswith("Admin key: ") for line in lines)
    assert any(line.startswith("Time zone: UTC") for line in lines)


def test_a_first_start_says_little_around_the_admin_key(terminal: Terminal) -> None:
    """The start of a connection is nobody's slow query; on a machine that is busy with other
    tests another statement may be one.
    """
    lines = terminal.output.splitlines()
    slow = [line for line in lines if "SLOW_QUERY" in line]
    assert len(lines) - len(slow) <= LINES, terminal.output
    assert not [line for line in slow if "begin_session" in line or "keep_plans" in line]


def test_serving_is_said_once_the_port_answers(terminal: Terminal) -> None:
    assert terminal.answered


def test_without_users_the_sign_in_page_says_how_to_make_the_first(terminal: Terminal) -> None:
    assert "Nobody can sign in yet" in terminal.sign_in
    assert "make user EMAIL=" in terminal.sign_in


def test_programs_read_json(tmp_path: Path, engine: Engine) -> None:
    """`test_logs` reads what is written where there is no terminal; here both formats are asked
    for by name.
    """
    settings = {"FATURE_DATA_DIR": str(tmp_path / "data"), "FATURE_ENGINE": engine}
    lines = command("migrate", FATURE_LOG="json", **settings).stderr.splitlines()
    assert any(line.startswith("{") and '"migrations_applied"' in line for line in lines)
    lines = command("retention-apply", FATURE_LOG="console", **settings).stderr.splitlines()
    assert not [line for line in lines if line.startswith("{")]

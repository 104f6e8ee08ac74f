"""The set-up that every make target does first."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.killable import until


def set_up(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["make", ".venv/run.stamp", f"PYTHON={sys.executable}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    first = set_up(tmp_path)
    # There before pip is.
    until((tmp_path / ".venv/bin/python").exists)
    second = set_up(tmp_path)
    for process in (first, second):
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    assert (tmp_path / ".venv/run.stamp").exists()

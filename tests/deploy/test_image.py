"""The Dockerfile: pinned, from what is there, and for nobody in particular to run."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, Service
from tests.deploy.images import is_pinned

# A line that ends in a backslash goes on.
LINES = [
    line.strip()
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def instructions(name: str) -> list[str]:
    """What follows the instruction, each time it is given."""
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
            assert f"!{source.split('/')[0]}" in let_through
            assert (ROOT / source.split("/")[0]).exists()


def test_wheels_are_checked_by_their_hashes_and_nothing_is_compiled() -> None:
    (install,) = [run for run in instructions("RUN") if "requirements.lock" in run]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install


def test_it_runs_as_nobody_and_starts_without_a_shell() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["python", "-m", "service"]
    assert json.loads(instructions("CMD")[0]) == ["run"]
    assert instructions("EXPOSE") == ["5000"]
    labels = " ".join(instructions("LABEL"))
    for name in ("title", "description", "version", "revision", "vendor"):
        assert re.search(rf"org\.opencontainers\.image\.{name}=\"", labels)


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

"""The version stands in one place; what has to repeat it agrees, and hooks run what lint runs."""

import re
import tomllib
from typing import Any

import yaml

from service import __version__
from tests.conftest import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMAGE = re.compile(r"monitoring-service:([\w.-]+)")


def test_the_package_takes_its_version_from_the_code() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "service.__version__"}


def test_images_are_named_by_the_version() -> None:
    named = {
        (path, version)
        for path in ("docker-compose.yml", "deploy/k8s-deployment.yaml", "docs/deployment.md")
        for version in IMAGE.findall((ROOT / path).read_text())
    }
    assert {path for path, _ in named} >= {"docker-compose.yml", "deploy/k8s-deployment.yaml"}
    assert {version for _, version in named} == {__version__}
    assert f"ARG VERSION={__version__}\n" in (ROOT / "Dockerfile").read_text()


def test_the_changelog_ends_its_list_of_changes_with_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert [version for version, _ in headings].index(__version__) == 1
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for _, date in headings[1:])


def test_every_kind_of_file_that_the_code_reads_is_in_the_package() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    packaged = {
        path
        for folder in ("service", "alerts", "retention", "sql")
        for package in (ROOT / folder).rglob("__init__.py")
        for pattern in patterns
        for path in package.parent.glob(pattern)
    }
    left_out = [
        path.relative_to(ROOT).as_posix()
        for folder in ("service", "alerts", "retention", "sql")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
        if "node_modules" not in path.parts and path not in packaged
    ]
    # With what the scripts of the pages are fetched, which is no part of a package.
    assert left_out == ["service/web/npm.lock"]


def test_hooks_run_the_tools_of_lint_and_fetch_nothing() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    hooks = repos[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    lint = re.search(r"^lint:.*?\n\n", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    assert lint is not None
    for hook in hooks:
        tool = hook["entry"].split()[2 if " -m " in hook["entry"] else 0].rpartition("/")[2]
        assert tool in lint[0]

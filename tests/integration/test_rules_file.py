"""Rules as code, through the commands."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import forks

pytestmark = pytest.mark.one_engine

# The rules of a new installation.
DEFAULTS = 6


def command(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
    environment["FATURE_DATABASE_URL"] = database
    return forks.run(*arguments, environment=environment, timeout=120)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def test_what_is_exported_changes_nothing_when_applied(database: str, file: Path) -> None:
    text = command(database, "rules-export").stdout
    assert text.count("rule_name:") == DEFAULTS
    file.write_text(text)
    applied = command(database, "rules-apply", str(file), "--prune")
    assert applied.stdout == "Rules are as in the file.\n", applied.stderr


def test_a_file_is_applied_once_and_then_is_what_there_is(database: str, file: Path) -> None:
    file.write_text(
        """
rules:
- rule_name: Hourly revenue is low
  metric_name: revenue_hourly
  condition: <
  threshold_value: 900
  severity: medium
  for: 10m
- rule_name: New
  metric_name: throughput
  condition: '>'
  threshold_value: 5
  severity: low
"""
    )
    planned = command(database, "rules-apply", str(file), "--prune", "--dry-run").stdout
    assert "~ Hourly revenue is low: " in planned
    assert "threshold_value" in planned
    assert "+ New\n" in planned
    assert planned.count("\n- ") == DEFAULTS - 1
    assert command(database, "rules-export").stdout.count("rule_name:") == DEFAULTS
    assert command(database, "rules-apply", str(file)).stdout.endswith("Applied.\n")
    assert command(database, "rules-export").stdout.count("rule_name:") == DEFAULTS + 1
    command(database, "rules-apply", str(file), "--prune")
    assert command(database, "rules-export").stdout.count("rule_name:") == 2
    again = command(database, "rules-apply", str(file), "--prune")
    assert again.stdout == "Rules are as in the file.\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules: [", "no YAML"),
        ("rule: []", "a list named rules"),
        ("rules: [{rule_name: a, metric_name: b, condition: '>', severity: low}]",
         "a: threshold_value: Field required"),
        ("rules: [{rule_name: a, metric_name: revenue_daily, condition: '>', severity: low,"
         " threshold_value: 1, window: hour}]", "finer"),
    ],
)  # fmt: skip
def test_a_wrong_file_changes_nothing_and_says_why(
    database: str, file: Path, text: str, words: str
) -> None:
    file.write_text(text)
    refused = command(database, "rules-apply", str(file), "--prune")
    assert refused.returncode == 1
    assert words in refused.stderr
    assert command(database, "rules-export").stdout.count("rule_name:") == DEFAULTS

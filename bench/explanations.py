"""``python -m bench.explanations FOLDER``: how good explanations are on incidents whose causes are
known, as they are published with RobustSpot and RiskLoc, and how long 10,000 leaves take.
"""

import csv
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml

from service.metrics.explanation.causes import causes_of
from service.metrics.explanation.leaves import Amounts, Leaves

# Leaves are expected to have the mean of so many minutes before.
_MINUTES = 4
_LEAVES = 10_000
_LABELS = (6, 10, 4, 25, 30, 3)
Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Incident:
    """A ratio by leaf at the minute of an incident and before, and the labels that caused it."""

    leaves: Leaves
    causes: frozenset[Labels]


@dataclass(slots=True)
class Score:
    """Causes that were found, those that were named wrongly or missed, and of how many incidents
    the first that was named is right.
    """

    found: int = 0
    wrong: int = 0
    missed: int = 0
    first: int = 0
    incidents: int = 0

    def add(self, incident: Incident, named: list[Labels]) -> None:
        """Count what was named of an incident."""
        right = len(incident.causes & set(named))
        self.found += right
        self.wrong += len(named) - right
        self.missed += len(incident.causes) - right
        self.first += bool(named) and named[0] in incident.causes
        self.incidents += 1

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, every answer counted."""
        return 2 * self.found / (2 * self.found + self.wrong + self.missed)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Explain the incidents of FOLDER (case*.csv, anomaly.yaml) and tell how many are right."""
    score, taken = Score(), 0.0
    for incident in incidents(folder):
        started = time.perf_counter()
        named = [_labels(cause.labels) for cause in causes_of(incident.leaves)]
        taken += time.perf_counter() - started
        score.add(incident, named)
    click.echo(
        f"{score.incidents} incidents: F1 {score.f1:.3f} ({score.found} found, "
        f"{score.wrong} wrong, {score.missed} missed), the first right in "
        f"{score.first / score.incidents:.1%}, {1000 * taken / score.incidents:.0f} ms each"
    )
    many = many_leaves()
    started = time.perf_counter()
    causes_of(many)
    seconds = time.perf_counter() - started
    click.echo(f"{len(many.labels):,} leaves of {len(many.names)} labels: {seconds:.2f} s")


def incidents(folder: Path) -> Iterator[Incident]:
    """Those of a folder, one after the other."""
    for one in yaml.safe_load((folder / "anomaly.yaml").read_text(encoding="utf-8")):
        causes = one["cause"] if isinstance(one["cause"], list) else [one["cause"]]
        leaves = _leaves(folder / f"{one['data']}.csv", int(one["timestamp"]))
        yield Incident(leaves, frozenset(map(_labels, causes)))


def many_leaves() -> Leaves:
    """As many as are promised to take less than a second."""
    chance = np.random.default_rng(1)
    labels = {tuple(map(str, chance.integers(_LABELS))): None for _ in range(2 * _LEAVES)}
    groups = list(labels)[:_LEAVES]
    before = chance.gamma(2, 50, len(groups))
    fell = [0.3 if group[:2] == ("0", "0") else 1.0 for group in groups]
    after = before * chance.lognormal(0, 0.2, len(groups)) * fell
    names = tuple("abcdef")
    return Leaves(names, groups, Amounts(before.tolist()), Amounts(after.tolist()))


def _leaves(path: Path, minute: int) -> Leaves:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = tuple(name for name in rows[0] if name not in ("min", "value", "cnt"))
    amounts: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        ago = (minute - int(row["min"])) // 60
        if not 0 <= ago <= _MINUTES:
            continue
        of_leaf = amounts.setdefault(tuple(row[name] for name in names), [0.0] * 4)
        first, weight = (2, 1.0) if ago == 0 else (0, 1 / _MINUTES)
        of_leaf[first] += weight * float(row["value"])
        of_leaf[first + 1] += weight * float(row["cnt"])
    before, before_of, after, after_of = zip(*amounts.values(), strict=True)
    return Leaves(names, list(amounts), Amounts(before, before_of), Amounts(after, after_of))


def _labels(labels: Mapping[str, Any]) -> Labels:
    return frozenset((name, str(value)) for name, value in labels.items())


if __name__ == "__main__":
    main()

"""The score of anomaly detection on the Numenta Anomaly Benchmark, by its own rule: `python -m
bench.anomalies FOLDER`, where the folder has its series (`timestamp,value`) and `windows.json`.
"""

import csv
import json
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from alerts.expectation.stream import slots_of, stream_of

# The standard profile: of a window that is missed, and of an alarm outside of all.
_MISSED, _FALSE = 1.0, 0.11
# The first part of a series, but no more than of so many values, is not scored.
_PROBATION, _MOST = 0.15, 5000
# So many lengths of a window behind it, an alarm is as false as any.
_FAR = 3.0

Window = tuple[datetime, datetime]


class Score(NamedTuple):
    """`points` of at most `windows`; `found` of them were, with so many alarms."""

    points: float
    windows: int
    found: int
    alarms: int


def score(times: Sequence[datetime], windows: Sequence[Window], alarms: Sequence[int]) -> Score:
    """The score of alarms, the places of values in a series."""
    counted = [one for one in alarms if one >= _PROBATION * min(len(times), _MOST)]
    places = [_places(times, window) for window in windows]
    points, found = 0.0, set()
    for alarm in counted:
        inside = next((one for one in places if one[0] <= alarm <= one[1]), None)
        if inside is None:
            points += _FALSE * _outside(alarm, places)
        elif inside not in found:
            found.add(inside)
            first, last = inside
            points += _sigmoid(-(last - alarm + 1) / (last - first + 1)) / _sigmoid(-1.0)
    points -= _MISSED * (len(places) - len(found))
    return Score(points, len(places), len(found), len(counted))


def normalised(scores: Sequence[Score]) -> float:
    """0 for no alarm at all, 100 for each window at its beginning and none outside."""
    windows = sum(one.windows for one in scores)
    return 100 * (sum(one.points for one in scores) + windows) / (2 * windows)


def scored(folder: Path) -> list[Score]:
    """The scores of all series of a folder."""
    found = []
    for name, given in json.loads((folder / "windows.json").read_text()).items():
        times, values = _series(folder / name)
        seconds = [time.replace(tzinfo=UTC).timestamp() for time in times]
        alarms = stream_of(values, slots_of(seconds)).events()
        windows = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in given]
        found.append(score(times, windows, alarms))
    return found


def _series(path: Path) -> tuple[list[datetime], list[float]]:
    with path.open() as file:
        _, *rows = csv.reader(file)
    return [datetime.fromisoformat(row[0]) for row in rows], [float(row[1]) for row in rows]


def _places(times: Sequence[datetime], window: Window) -> tuple[int, int]:
    inside = [place for place, time in enumerate(times) if window[0] <= time <= window[1]]
    return inside[0], inside[-1]


def _outside(alarm: int, windows: Sequence[tuple[int, int]]) -> float:
    before = [one for one in windows if one[1] < alarm]
    if not before:
        return -1.0
    first, last = before[-1]
    position = (alarm - last) / max(last - first, 1)
    return -1.0 if position > _FAR else _sigmoid(position)


def _sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


if __name__ == "__main__":
    every = scored(Path(sys.argv[1]))
    found, windows = sum(one.found for one in every), sum(one.windows for one in every)
    alarms = sum(one.alarms for one in every)
    print(f"{normalised(every):.1f}: {found} of {windows} windows, {alarms} alarms")

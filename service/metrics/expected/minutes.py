"""Unusual values by the minute: weighed against what came before, without a fitted pattern."""

from collections.abc import Mapping
from datetime import UTC, timedelta

from alerts.expectation.sensitivity import Sensitivity
from service.metrics.expected.judging import Anomaly
from service.metrics.query.fill import Point
from service.metrics.query.result import Result

# How rare values are, as a power of ten.
_RARE: Mapping[Sensitivity, float] = {"low": 3.0, "medium": 2.25, "high": 1.75}


def minute_anomalies(result: Result, sensitivity: Sensitivity) -> list[Anomaly]:
    """The unusual minutes that are over, oldest first; of those close to each other the first. For
    a thread.
    """
    by_group: dict[int, list[Point]] = {}
    for point in result.points:
        if point.value is not None and point.start + timedelta(minutes=1) <= result.now:
            by_group.setdefault(point.group, []).append(point)
    found = [
        one
        for group, points in by_group.items()
        for one in _of_group(result, group, points, _RARE[sensitivity])
    ]
    return sorted(found, key=lambda one: one.start)


def _of_group(result: Result, group: int, points: list[Point], rare: float) -> list[Anomaly]:
    # Imported where it is used first: numpy takes as long to import as the rest of the service.
    from alerts.expectation.stream import slots_of, stream_of

    zone = result.query.zone
    local = [one.start.astimezone(zone).replace(tzinfo=UTC).timestamp() for one in points]
    stream = stream_of([one.value or 0.0 for one in points], slots_of(local))
    found = []
    for place in stream.events(rare):
        value, expected = points[place].value or 0.0, float(stream.expected[place])
        found.append(
            Anomaly(
                result.groups[group],
                points[place].start,
                value,
                expected,
                None,
                None,
                round(float(stream.rarity[place]), 2),
                "below" if value < expected else "above",
            )
        )
    return found

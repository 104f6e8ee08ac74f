"""The frame of a chart: which pixel is which instant and value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.drawing.canvas import Point


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of pixels with the instants and values at its edges."""

    left: float
    top: float
    width: float
    height: float
    since: datetime
    until: datetime
    low: float
    high: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.top + self.height

    def x(self, at: datetime) -> float:
        """Where an instant is, within the frame."""
        share = (at - self.since) / (self.until - self.since)
        return self.left + min(max(share, 0.0), 1.0) * self.width

    def y(self, value: float) -> float:
        """Where a value is, within the frame."""
        # In halves, whose difference is a number of any two values.
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return self.bottom - min(max(share, 0.0), 1.0) * self.height

    def points(
        self, times: Sequence[datetime], values: Sequence[float | None]
    ) -> list[Point | None]:
        """Where values are; None of unknown ones."""
        return [
            None if value is None else Point(self.x(at), self.y(value))
            for at, value in zip(times, values, strict=True)
        ]


def stretches(points: Sequence[Point | None]) -> list[list[Point]]:
    """The known points that follow each other."""
    found: list[list[Point]] = [[]]
    for point in points:
        if point is not None:
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if stretch]

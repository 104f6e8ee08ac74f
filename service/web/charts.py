"""Charts as data, which static/chart.js draws."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

Look = Literal["line", "bar"]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart: a value (None: unknown) for each instant of the chart. `before`
    where it shows another time, to compare with, or what is expected.
    """

    label: str
    values: Sequence[float | None]
    before: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, such as an alert: where it is on the axis, up to where if it took
    time, and what it leads to.
    """

    at: datetime
    label: str
    href: str = ""
    severity: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A level to compare with."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Band:
    """Where values usually are: its ends (None: unknown) at each instant of the chart."""

    label: str
    lower: Sequence[float | None]
    upper: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Spot:
    """A value that stands out, and why."""

    at: datetime
    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Series over time. `period` says how instants are written (``hour``, ``day`` …, or
    ``minute``); `incomplete` that the last instant's period is not over; `zoom` that dragging
    sends the event ``chart:zoom`` with ``{from, to}`` in Unix seconds; `amount` that values add up,
    so that the axis begins at zero;
    `level` that values are levels: that of now is not joined to those of ends of periods.
    """

    times: Sequence[datetime]
    lines: Sequence[Line]
    unit: str | None = None
    period: str = "day"
    look: Look = "line"
    incomplete: bool = False
    marks: Sequence[Mark] = ()
    thresholds: Sequence[Threshold] = field(default_factory=tuple)
    zoom: bool = False
    amount: bool = False
    level: bool = False
    band: Band | None = None
    spots: Sequence[Spot] = ()

    @property
    def spec(self) -> dict[str, Any]:
        """As JSON: instants in Unix seconds."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "times": [round(time.timestamp()) for time in self.times],
            "lines": [
                {"label": line.label, "values": line.values, "before": line.before}
                for line in self.lines
            ],
            "marks": [_mark(mark) for mark in self.marks],
            "thresholds": [asdict(threshold) for threshold in self.thresholds],
            "band": self.band and asdict(self.band),
            "spots": [asdict(spot) | {"at": round(spot.at.timestamp())} for spot in self.spots],
        }


def _mark(mark: Mark) -> dict[str, Any]:
    until = {} if mark.until is None else {"until": round(mark.until.timestamp())}
    plain = {"label": mark.label, "href": mark.href, "severity": mark.severity}
    return {"at": round(mark.at.timestamp()), **plain, **until}


_PLAIN = ("unit", "period", "look", "incomplete", "zoom", "amount", "level")

"""Small pictures beside figures, drawn without a script; pure."""

from collections.abc import Sequence
from typing import Protocol


class HasStatus(Protocol):
    """A stretch of time; None where nothing was reported."""

    @property
    def status(self) -> str | None: ...


def polylines(values: Sequence[float | None], width: float = 120, height: float = 32) -> list[str]:
    """The ``points`` of SVG polylines through the values; where one is missing, the line is
    interrupted. The lowest value is at the bottom, the highest at the top.
    """
    known = [value for value in values if value is not None]
    if not known:
        return []
    low, span = min(known), max(known) - min(known)
    step = width / max(len(values) - 1, 1)
    lines: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            lines.append([])
            continue
        share = (value - low) / span if span else 0.5
        lines[-1].append(f"{index * step:.1f},{height - share * height:.1f}")
    return [" ".join(line) for line in lines if line]


def strip_paths(segments: Sequence[HasStatus]) -> dict[str, str]:
    """SVG paths by status, of bars 3.2 wide and 10 high, one every 4."""
    bars: dict[str, list[str]] = {}
    for index, segment in enumerate(segments):
        bars.setdefault(segment.status or "unknown", []).append(f"M{index * 4} 0h3.2v10h-3.2z")
    return {status: "".join(parts) for status, parts in bars.items()}

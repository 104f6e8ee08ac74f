"""Points: what the decoders of foreign protocols make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from sql.errors import Problem

# A level at an instant, an amount of its own, a counter that goes on.
Form = Literal["gauge", "delta", "cumulative"]
Tags = tuple[tuple[str, str], ...]


class Foreign(Struct, frozen=True, gc=False, cache_hash=True):
    """A foreign series: all that its points share. `tags` are in the order of their names. A form
    that the protocol does not tell is None: whatever its metric takes. Decoders remember them, so
    that what is found out of one is found again by the object.
    """

    name: str
    tags: Tags
    form: Form | None = None
    unit: str | None = None

    @property
    def characters(self) -> int:
        """The length of its texts."""
        return len(self.name) + sum(len(tag) + len(text) for tag, text in self.tags)


class Point(Struct, gc=False):
    """One value of a foreign series. `ts` and `started` (of a counter that says so) are in
    microseconds since 2000-01-01 UTC, as of samples.
    """

    series: Foreign
    value: float
    ts: int | None = None
    started: int | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """The points of one request, the problems of its items that are none, and how many items the
    service has no use for, by reason. `places` are the positions of the points in the request where
    they are not 0, 1, 2 and so on.
    """

    points: Sequence[Point]
    problems: Sequence[Problem] = ()
    useless: Mapping[str, int] = field(default_factory=dict)
    places: Sequence[int] | None = None

    def place(self, number: int) -> int:
        """The position in the request of the point with that number."""
        return number if self.places is None else self.places[number]

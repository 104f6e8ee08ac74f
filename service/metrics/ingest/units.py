"""Units: which a metric takes, and how the catalogue spells them."""

import unicodedata
from collections.abc import Sequence

# Several ways to write one unit; a metric that takes one of them takes the others, too.
_WRITTEN = (
    ("%", "percent", "percentage", "pct"),
    ("ms", "millisecond", "milliseconds"),
    ("s", "sec", "second", "seconds"),
    ("min", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("requests/s", "req/s", "requests_per_second"),
    ("requests/min", "req/min", "requests_per_minute"),
)
_OTHERS = {one: ways for ways in _WRITTEN for one in ways}


class Units:
    """The units a metric takes, the first of which is the default; none takes only none."""

    def __init__(self, units: Sequence[str]) -> None:
        self.units = tuple(units)
        self._spelt: dict[str | None, str] = {}
        for unit in reversed(self.units):
            folded = _folded(unit)
            self._spelt |= dict.fromkeys((folded, *_OTHERS.get(folded, ())), unit)
        # As the catalogue has it, most come so.
        self.exact: dict[str | None, str | None] = {unit: unit for unit in self.units}
        self.exact[None] = self.units[0] if self.units else None

    def spelt(self, unit: str) -> str | None:
        """As the catalogue spells it; None if the metric does not take it."""
        return self._spelt.get(_folded(unit))


def _folded(unit: str) -> str:
    return unicodedata.normalize("NFC", unit).strip().casefold()

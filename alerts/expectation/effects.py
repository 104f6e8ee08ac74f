"""How special days differ from others of their weekday."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alerts.expectation.averages import Values
from alerts.expectation.days import SpecialDay

# How far what a special day does may differ from what it did the year before, as a share of it.
_KNOWN = 0.12
# As much where the day was not seen yet.
_UNKNOWN = 0.5
_MOST = 20.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What the values of a special day were, as a multiple of those of its weekday, by slot."""

    factor: Values


def affected(
    plain: Values,
    special: SpecialDay | None,
    effects: Mapping[str, Effect],
    multiplies: bool,
) -> tuple[Values, Values]:
    """What is expected on a day, and how much wider the spread around it is, by slot, where
    `plain` is what others of its weekday let expect.
    """
    if special is None:
        return plain, np.zeros(len(plain))
    effect = effects.get(special.name) if multiplies else None
    if effect is not None:
        base = plain * effect.factor
        return base, _KNOWN * np.maximum(np.abs(base), np.abs(plain))
    return plain, (_UNKNOWN if special.is_main else 0.0) * np.abs(plain)


def effect_of(values: Values, plain: Values) -> Effect | None:
    """From the values of a special day and what others of its weekday had let expect."""
    known = np.isfinite(values) & np.isfinite(plain)
    total = float(plain[known].sum())
    if total <= 0:
        return None
    whole = float(values[known].sum()) / total
    # An hour by itself says little: with those beside it, and with the whole day.
    some = float(plain[known].mean())
    above, below = _around(np.where(known, values, 0.0)), _around(np.where(known, plain, 0.0))
    return Effect(np.clip((above + whole * some) / (below + some), 0.0, _MOST))


def _around(slots: Values) -> Values:
    if len(slots) < 3:
        return slots
    padded = np.concatenate([slots[:1], slots, slots[-1:]])
    around: Values = padded[:-2] + padded[1:-1] + padded[2:]
    return around

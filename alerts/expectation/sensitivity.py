"""Sensitivities: how rare a period has to be to be unusual. Light to import."""

from collections.abc import Mapping
from typing import Literal, get_args

Sensitivity = Literal["low", "medium", "high"]

SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)
# One in ten to that power, on its side of what is expected.
RARITIES: Mapping[Sensitivity, float] = {"low": 4.0, "medium": 3.1, "high": 2.3}

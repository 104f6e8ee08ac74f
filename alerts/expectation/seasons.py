"""The seasons of a series by its period, and the lags that explain most of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sql.calendar import LongPeriod


@dataclass(frozen=True, slots=True)
class Seasons:
    """`lengths` in periods, the shortest first: of a day and a week, of a year. `lags` are sets of
    earlier periods that a value is regressed on. `level` is how many periods make the level that
    they are relative to, `least` how many a forecast needs at all, `longest` how many it uses.
    `step` is how far apart the origins of the backtest are.
    """

    lengths: Sequence[int]
    lags: Sequence[Sequence[int]]
    level: int
    least: int
    longest: int
    step: int


SEASONS: dict[LongPeriod, Seasons] = {
    "hour": Seasons(
        lengths=(24, 168),
        lags=(
            (1, 2, 3, 24, 25, 26, 48, 72, 96, 120, 144, 167, 168, 169),
            (1, 24, 25, 168, 169, 336),
            (24, 48, 72, 96, 120, 144, 168, 336),
            (*range(1, 25), 48, 72, 96, 120, 144, 168, 169),
            (1, 2, 24, 25, 48),
        ),
        level=336,
        least=168,
        longest=2160,
        step=24,
    ),
    "day": Seasons(
        lengths=(7,),
        lags=((1, 2, 7, 14), (7, 14, 21, 28), (*range(1, 8), 14), (1, 7), (1, 7, 364)),
        level=28,
        least=28,
        longest=1095,
        step=7,
    ),
    "week": Seasons(
        lengths=(52,),
        lags=((1, 2, 3, 4), (1, 2), (1, 52, 53), (1, 4, 52)),
        level=8,
        least=12,
        longest=260,
        step=2,
    ),
    "month": Seasons(
        lengths=(12,),
        lags=((1, 2, 3), (1,), (1, 12, 13), (1, 2, 12)),
        level=6,
        least=12,
        longest=120,
        step=1,
    ),
}

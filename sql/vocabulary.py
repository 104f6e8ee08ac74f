"""Which rollups there are: their names are ``rollup_<frequency>_<level>``."""

from typing import Literal, get_args

Frequency = Literal["real_time", "hourly", "daily", "monthly"]
Level = Literal["minute", "hour", "day", "week", "month"]

FREQUENCIES: tuple[Frequency, ...] = get_args(Frequency)

# The rollups of each frequency, finest first: none is finer than the frequency itself.
LEVELS: dict[Frequency, tuple[Level, ...]] = {
    "real_time": ("minute", "hour", "day", "week", "month"),
    "hourly": ("hour", "day", "week", "month"),
    "daily": ("day", "week", "month"),
    "monthly": ("month",),
}

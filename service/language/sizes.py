"""Sizes as people read them, the same wherever they are shown."""


def in_unit(count: int) -> tuple[float, str]:
    """So many bytes, in the decimal unit that leaves few digits, and that unit."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return amount, unit


def size(count: int) -> str:
    """The same as commands show it: ``1.2 MB``."""
    amount, unit = in_unit(count)
    return f"{round(amount, 1):g} {unit}"

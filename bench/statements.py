"""The benchmark's own SQL: one statement in each file beside this one."""

from functools import cache
from pathlib import Path
from typing import LiteralString


@cache
def statement(name: str) -> LiteralString:
    """The text of that file, without its comments' being looked at."""
    text = (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
    return text.strip().rstrip(";")

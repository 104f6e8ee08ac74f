"""The table of ``make retention``."""

from collections.abc import Sequence
from datetime import UTC

from retention.report import Line
from service.language.sizes import size


def table(lines: Sequence[Line]) -> str:
    """A line for each policy, with an asterisk where the database does something else."""
    header = ("relation", "declared", "actual", "chunks", "columns", "size", "oldest", "next run")
    rows = [header] + [
        (
            line.relation,
            line.declared,
            line.actual + ("" if line.in_line else " *"),
            str(line.chunks),
            str(line.columnstore_chunks),
            size(line.bytes),
            f"{line.oldest.astimezone(UTC):%Y-%m-%d}" if line.oldest else "",
            f"{line.next_run.astimezone(UTC):%Y-%m-%d %H:%M}Z" if line.next_run else "",
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )

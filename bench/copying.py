"""The reference: psql's \\copy of the same rows into the same table."""

import re
import subprocess
from pathlib import Path

from bench.stack import BenchmarkError
from bench.statements import statement
from service.runtime.settings import environment_with_password

_SECONDS = 300
_MILLISECONDS = re.compile(r"^Time: ([0-9.]+) ms", re.MULTILINE)


class Copying:
    """Rows that the service wrote, kept in a file, to be written again by `psql`: into the same
    table, or `into` that of another database. `of` ends the names of both statements.
    """

    def __init__(
        self, psql: Path, database_url: str, folder: Path, *, into: str | None = None, of: str = ""
    ) -> None:
        self._psql = psql
        self._url = database_url
        self._into = into or database_url
        self._of = of
        self._file = folder / "rows.copy"
        self._rows = 0

    def take(self, rows: int) -> None:
        """Keep that many rows, or all where there are fewer."""
        output = self._run(self._url, "copy_out", rows)
        self._rows = int(output.split("COPY ")[1].split()[0])

    def rate(self) -> float:
        """Rows a second when they are written again, as psql times it."""
        milliseconds = _MILLISECONDS.search(self._run(self._into, "copy_in", 0))
        if milliseconds is None:
            raise BenchmarkError("psql did not say how long \\copy took")
        return self._rows / float(milliseconds[1]) * 1000

    def _run(self, url: str, name: str, rows: int) -> str:
        """psql takes a meta-command in one line and fills in no variables there."""
        conninfo, environment = environment_with_password(url)
        lines = statement(name + self._of).splitlines()
        command = " ".join(line for line in lines if line[:2] != "--")
        command = command.format(file=self._file, rows=rows)
        result = subprocess.run(
            [self._psql, "-X", "-d", conninfo, "-c", "\\timing on", "-c", command],
            env=environment | {"LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            raise BenchmarkError(f"psql failed: {result.stderr.strip()}")
        return result.stdout

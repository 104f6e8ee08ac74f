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
    """Rows that the service wrote, kept in a file, to be written again by `psql`."""

    def __init__(self, psql: Path, database_url: str, folder: Path) -> None:
        self._psql = psql
        self._conninfo, self._environment = environment_with_password(database_url)
        self._file = folder / "rows.copy"
        self._rows = 0

    def take(self, rows: int) -> None:
        """Keep that many rows, or all where there are fewer."""
        output = self._run("copy_out", rows)
        self._rows = int(output.split("COPY ")[1].split()[0])

    def rate(self) -> float:
        """Rows a second when they are written again, as psql times it."""
        milliseconds = _MILLISECONDS.search(self._run("copy_in", 0))
        if milliseconds is None:
            raise BenchmarkError("psql did not say how long \\copy took")
        return self._rows / float(milliseconds[1]) * 1000

    def _run(self, name: str, rows: int) -> str:
        """psql takes a meta-command in one line and fills in no variables there."""
        command = " ".join(line for line in statement(name).splitlines() if line[:2] != "--")
        command = command.format(file=self._file, rows=rows)
        result = subprocess.run(
            [self._psql, "-X", "-d", self._conninfo, "-c", "\\timing on", "-c", command],
            env=self._environment | {"LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            raise BenchmarkError(f"psql failed: {result.stderr.strip()}")
        return result.stdout

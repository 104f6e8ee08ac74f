"""Finds PostgreSQL's client programs, which must be of the server's major version."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from sql.embedded.errors import EmbeddedPostgresError
from sql.embedded.installation import LOCAL_PATTERNS, output_of, wheel_bin_folder


def client_program(name: str, major: int, postgres_home: Path | None) -> Path:
    """`pg_dump`, `pg_restore` … of that version: of `postgres_home`, on the search path, in the
    usual places, or of the wheel.

    An older one refuses the server, and what a newer one writes an older server may refuse.

    Raises:
        EmbeddedPostgresError: there is none.
    """
    found = []
    for program in _candidates(name, postgres_home):
        match = re.search(r"\(PostgreSQL\) (\d+)", output_of(program, "--version"))
        if match and int(match[1]) == major:
            return program
        if match:
            found.append(f"{program} is {match[1]}")
    raise EmbeddedPostgresError(
        f"{name} of PostgreSQL {major} is needed, as the server is ({'; '.join(found) or 'none'} "
        f"was found): install postgresql-client-{major}, or set FATURE_POSTGRES_HOME"
    )


def _candidates(name: str, postgres_home: Path | None) -> Iterator[Path]:
    if postgres_home:
        yield from (postgres_home / "bin" / name, postgres_home / name)
    if on_path := shutil.which(name):
        yield Path(on_path)
    for pattern in LOCAL_PATTERNS:
        yield from sorted(Path("/").glob(f"{pattern.lstrip('/')}/bin/{name}"), reverse=True)
    if wheel := wheel_bin_folder():
        yield wheel / name

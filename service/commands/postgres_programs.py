"""pg_dump and pg_restore, run on the database of a command."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from service.runtime.settings import Settings, environment_with_password
from sql import restoring
from sql.embedded import client_program
from sql.errors import DatabaseError


class BackupError(DatabaseError):
    """pg_dump or pg_restore failed, with their words in the message; or a file cannot be
    written, or is no backup.
    """


@contextmanager
def explained(trouble: str) -> Iterator[None]:
    """An error of the file system, with `trouble` before its reason."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{trouble}: {error.strerror or error}") from error


def run_program(
    settings: Settings, url: str, name: str, *options: str, connect: bool = True
) -> str:
    """The output of the program; its complaints only where it fails. They name tables of
    TimescaleDB's catalog whose foreign keys go round in circles, which is as it should be.
    """
    major = restoring.server_major(url)
    program = client_program(name, major, settings.postgres_home)
    conninfo, environment = environment_with_password(url)
    target = [f"--dbname={conninfo}"] if connect else []
    ended = subprocess.run(
        [program, *target, *options], env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise BackupError(f"{name} failed: {ended.stderr.strip()[-2000:]}")
    return ended.stdout

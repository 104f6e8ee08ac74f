"""``make backup``, ``make restore`` and ``make release-jobs``."""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from service.language.sizes import size
from service.runtime.settings import Settings, environment_with_password
from sql import restoring
from sql.embedded import client_program
from sql.errors import DatabaseError

Database = Callable[[Settings], AbstractContextManager[str]]


class BackupError(DatabaseError):
    """pg_dump or pg_restore failed, with their words in the message; or a file cannot be
    written, or is no backup.
    """


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup says of itself: its entries, whose it is, and its TimescaleDB."""

    entries: Sequence[str]
    owner: str
    timescaledb: str | None


def backup_commands(database: Database, migrated: Database) -> list[click.Command]:
    """The commands; `database` gives the URL, as for every other, and `migrated` that of a
    database with something in it.
    """

    @click.command()
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
    @click.pass_obj
    def backup(settings: Settings, file: Path | None) -> None:
        """Write the whole database, as it is at one instant, into a file."""
        file = file or _new_file(settings.data_dir / "backups")
        with migrated(settings) as url, _explained(f"{file} cannot be written"):
            _dump(settings, url, file)
        click.echo(f"Backup:  {file} ({size(file.stat().st_size)})")
        click.echo("         keys and log-ins also need the secret, which is not in it:")
        click.echo(f"         FATURE_SECRET, or {settings.data_dir / 'secret'}")

    @click.command()
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.pass_obj
    def restore(settings: Settings, file: Path) -> None:
        """Fill an empty database with a backup; TimescaleDB's jobs are held afterwards."""
        with database(settings) as url:
            contents = _contents(settings, url, file)
            restoring.prepare(url, contents.owner, contents.timescaledb)
            _fill(settings, url, file, contents)
            restoring.finish(url, timescaledb=contents.timescaledb is not None)
            for frequency, (count, newest) in restoring.restored_samples(url).items():
                last = f", the newest of {newest.astimezone(UTC):%Y-%m-%d %H:%M}Z" if newest else ""
                click.echo(f"{frequency:9} {count:>12,} samples{last}")
        if contents.timescaledb:
            click.echo("Jobs are held, so that nothing is dropped or refreshed yet. Check the")
            click.echo(f"figures, then let them run: {_same_place(settings)}make release-jobs")

    @click.command("release-jobs")
    @click.pass_obj
    def release_jobs(settings: Settings) -> None:
        """Let TimescaleDB's jobs run again after a restore."""
        with database(settings) as url:
            click.echo(f"{restoring.release_jobs(url)} jobs were held and run again.")

    return [backup, restore, release_jobs]


def _same_place(settings: Settings) -> str:
    """What a command has to begin with to find the same embedded database."""
    if settings.database_url or "data_dir" not in settings.model_fields_set:
        return ""
    return f"FATURE_DATA_DIR={shlex.quote(str(settings.data_dir))} "


@contextmanager
def _explained(trouble: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"{trouble}: {error.strerror or error}") from error


def _new_file(folder: Path) -> Path:
    with _explained(f"{folder} cannot be made"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"fature-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"


def _dump(settings: Settings, url: str, file: Path) -> None:
    """Under another name until it is complete; for the owner's eyes only, as the database is."""
    partial = file.with_name(f"{file.name}.partial")
    os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        _run(settings, url, "pg_dump", "--format=custom", f"--file={partial}")
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)


def _contents(settings: Settings, url: str, file: Path) -> Contents:
    listed = _list_of(settings, url, file)
    entries = [line for line in listed.splitlines() if not line.startswith(";")]
    owner = next((m[1] for line in entries if (m := _SCHEMA.search(line))), None)
    if owner is None:
        raise BackupError(f"{file} is no backup of this service: it has no schema fature")
    is_timescaledb = any(" EXTENSION - timescaledb" in line for line in entries)
    version = _timescaledb_of(settings, url, file) if is_timescaledb else None
    return Contents(entries, owner, version)


def _list_of(settings: Settings, url: str, file: Path) -> str:
    try:
        return _run(settings, url, "pg_restore", "--list", str(file), connect=False)
    except BackupError as error:
        with file.open("rb") as opened:
            if opened.read(len(_MAGIC)) == _MAGIC:
                raise
        raise BackupError(f"{file} is no backup: it was not made by `make backup`") from error


# How every file of pg_dump's begins that is no plain text.
_MAGIC = b"PGDMP"
_SCHEMA = re.compile(r" SCHEMA - fature (\S+)$")


def _timescaledb_of(settings: Settings, url: str, file: Path) -> str:
    """TimescaleDB leaves its version in its catalog."""
    options = ("--data-only", "--table=metadata", "--file=-", str(file))
    data = _run(settings, url, "pg_restore", *options, connect=False)
    match = re.search(r"^timescaledb_version\t(\S+)", data, re.MULTILINE)
    if match is None:
        raise BackupError(f"{file} does not say which TimescaleDB it was made with")
    return match[1]


def _fill(settings: Settings, url: str, file: Path, contents: Contents) -> None:
    """In one process: several cannot restore TimescaleDB's tables. What PostgreSQL's own
    functions allow is left to the migrations, which do without where they must.
    """
    kept = [line for line in contents.entries if " ACL pg_catalog " not in line]
    with (
        _explained("what to restore cannot be listed in a file"),
        tempfile.NamedTemporaryFile("w", suffix=".list") as entries,
    ):
        entries.write("\n".join(kept))
        entries.flush()
        options = ("--exit-on-error", f"--use-list={entries.name}", str(file))
        try:
            _run(settings, url, "pg_restore", *options)
        except BackupError as error:
            raise BackupError(
                f"{error}\nThis database is incomplete now: drop it and start with a new one"
            ) from error


def _run(settings: Settings, url: str, name: str, *options: str, connect: bool = True) -> str:
    """What the program prints; its complaints only where it fails. They name tables of
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

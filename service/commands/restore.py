"""``make restore`` and ``make release-jobs``."""

import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import click

from service.commands.context import database, with_settings
from service.commands.postgres_programs import BackupError, explained, run_program
from service.runtime.settings import Settings
from sql import restoring


@dataclass(frozen=True, slots=True)
class Contents:
    """A backup as it describes itself: its entries, whose it is, and its TimescaleDB."""

    entries: Sequence[str]
    owner: str
    timescaledb: str | None


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_settings
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
@with_settings
def release_jobs(settings: Settings) -> None:
    """Let TimescaleDB's jobs run again after a restore."""
    with database(settings) as url:
        click.echo(f"{restoring.release_jobs(url)} jobs were held and run again.")


def _same_place(settings: Settings) -> str:
    """The variable that a command has to begin with to find the same embedded database; empty
    where it needs none.
    """
    if settings.database_url or "data_dir" not in settings.model_fields_set:
        return ""
    return f"FATURE_DATA_DIR={shlex.quote(str(settings.data_dir))} "


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
        return run_program(settings, url, "pg_restore", "--list", str(file), connect=False)
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
    data = run_program(settings, url, "pg_restore", *options, connect=False)
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
        explained("what to restore cannot be listed in a file"),
        tempfile.NamedTemporaryFile("w", suffix=".list") as entries,
    ):
        entries.write("\n".join(kept))
        entries.flush()
        options = ("--exit-on-error", f"--use-list={entries.name}", str(file))
        try:
            run_program(settings, url, "pg_restore", *options)
        except BackupError as error:
            raise BackupError(
                f"{error}\nThis database is incomplete now: drop it and start with a new one"
            ) from error

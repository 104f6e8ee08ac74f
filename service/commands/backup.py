"""``make backup``."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from service.commands.context import migrated_database, with_settings
from service.commands.postgres_programs import explained, run_program
from service.language.sizes import size
from service.runtime.settings import Settings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@with_settings
def backup(settings: Settings, file: Path | None) -> None:
    """Write the whole database, as it is at one instant, into a file."""
    file = file or _new_file(settings.data_dir / "backups")
    with migrated_database(settings) as url, explained(f"{file} cannot be written"):
        _dump(settings, url, file)
    click.echo(f"Backup:  {file} ({size(file.stat().st_size)})")
    click.echo("         keys and log-ins also need the secret, which is not in it:")
    click.echo(f"         FATURE_SECRET, or {settings.data_dir / 'secret'}")


def _new_file(folder: Path) -> Path:
    with explained(f"{folder} cannot be made"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"fature-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"


def _dump(settings: Settings, url: str, file: Path) -> None:
    """Under another name until it is complete; for the owner's eyes only, as the database is."""
    partial = file.with_name(f"{file.name}.partial")
    os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        run_program(settings, url, "pg_dump", "--format=custom", f"--file={partial}")
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)

"""``make mappings-apply``."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from service.access.caller import Caller, Principal
from service.commands.context import migrated_database, operator, with_settings
from service.metrics.mapping.mappings import Mappings
from service.runtime.settings import Settings
from sql.database import create_pool
from sql.errors import DomainError
from sql.scope import Scope


@click.command("mappings-apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", default="default", show_default=True)
@with_settings
def mappings_apply(settings: Settings, file: Path, tenant: str) -> None:
    """Make the mapping of foreign names that of a YAML file."""
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8") from error
    with migrated_database(settings) as url:
        try:
            version = asyncio.run(_apply(url, tenant, content))
        except DomainError as error:
            problems = [f"{one.field}: {one.message}" for one in error.problems] or [str(error)]
            raise click.ClickException("\n".join(problems)) from error
    click.echo(f"Version {version} counts, within seconds everywhere.")


async def _apply(url: str, tenant: str, content: str) -> int:
    caller = Caller(Principal(operator(), "admin", Scope(tenant)), datetime.now(UTC))
    async with create_pool(url, size=1) as pool:
        row = await Mappings(pool).replace(caller, content)
    return int(row["version"])

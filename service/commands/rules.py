"""``make rules-export`` and ``make rules-apply``."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path

import click

from alerts import rules_file
from alerts.context import Author
from alerts.registry import list_rules
from service.commands.context import migrated_database, operator, with_settings
from service.runtime.notifications import message_context_of
from service.runtime.settings import Settings
from sql.database import create_pool
from sql.errors import DomainError
from sql.scope import Scope

_MARKS = {"create": "+", "change": "~", "delete": "-", "keep": "= left, not in the file:"}


@click.command("rules-export")
@click.option("--tenant", default="default", show_default=True)
@with_settings
def rules_export(settings: Settings, tenant: str) -> None:
    """Write every alert rule to standard output as YAML."""
    with migrated_database(settings) as url:
        click.echo(asyncio.run(_export(url, tenant)), nl=False)


@click.command("rules-apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", default="default", show_default=True)
@click.option("--prune", is_flag=True, help="Delete the rules that the file does not name.")
@click.option("--dry-run", is_flag=True, help="Show the plan only.")
@with_settings
def rules_apply(settings: Settings, file: Path, tenant: str, prune: bool, dry_run: bool) -> None:
    """Make the alert rules those of a YAML file; the plan is shown first."""
    data = file.read_bytes()
    with migrated_database(settings) as url:
        _carry_out(_apply(settings, url, tenant, data, prune=prune, dry_run=dry_run))


def _carry_out(work: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(work)
    except (rules_file.BadRulesFile, DomainError) as error:
        raise click.ClickException(str(error)) from error


async def _export(url: str, tenant: str) -> str:
    async with create_pool(url, size=1) as pool:
        return rules_file.exported(await list_rules(pool, Scope(tenant)))


async def _apply(
    settings: Settings, url: str, tenant: str, data: bytes, *, prune: bool, dry_run: bool
) -> None:
    scope = Scope(tenant)
    async with create_pool(url, size=1) as pool:
        steps = await rules_file.planned(pool, scope, data, prune=prune)
        for step in steps:
            fields = f": {', '.join(step.fields)}" if step.fields else ""
            click.echo(f"{_MARKS[step.action]} {step.name}{fields}")
        if all(step.action == "keep" for step in steps):
            click.echo("Rules are as in the file.")
        elif not dry_run:
            author = Author(operator(), datetime.now(UTC), message_context_of(settings))
            await rules_file.apply(pool, scope, steps, author)
            click.echo("Applied.")

"""``make migrate``, ``make migrate-status`` and ``make rollback``."""

from datetime import UTC, datetime

import click

from retention.apply import reconcile
from service.commands.context import database, with_settings
from service.runtime.settings import Settings
from sql import migrator
from sql.engine import Capability
from sql.weeks import record_week_start


@click.command()
@with_settings
def migrate(settings: Settings) -> None:
    """Apply pending migrations and the declared policies."""
    with database(settings) as url:
        capability = bring_up_to_date(settings, url)
        click.echo(f"Up to date; engine {capability.engine} ({capability.reason})")


@click.command("migrate-status")
@with_settings
def migrate_status(settings: Settings) -> None:
    """Show the engine and every migration."""
    with database(settings) as url:
        status = migrator.status(url, engine=settings.engine)
    if status is None:
        click.echo("No migration was applied yet: run `make migrate`.")
        return
    click.echo(f"Engine:    {status.capability.engine} ({status.capability.reason})")
    click.echo(f"Time zone: {status.timezone}")
    for migration in status.migrations:
        applied = "pending"
        if migration.applied_at:
            applied = f"applied {migration.applied_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
        if migration.changed:
            applied += ", changed since" + ("" if migration.repeatable else ": not allowed")
        click.echo(f"{migration.version:32} {applied}")


@click.command()
@with_settings
def rollback(settings: Settings) -> None:
    """Undo the newest migration."""
    with database(settings) as url:
        version = migrator.rollback(url)
    click.echo(f"Rolled back {version}" if version else "Nothing to roll back")


def bring_up_to_date(settings: Settings, url: str) -> Capability:
    """The engine of a database with every migration and the declared policies."""
    capability, _ = migrator.migrate(url, engine=settings.engine, timezone=settings.timezone)
    record_week_start(url, settings.week_start)
    reconcile(url, capability.engine, settings.keep, settings.zone, datetime.now(UTC))
    return capability


def capability_of(settings: Settings, url: str) -> Capability:
    """The engine of a database.

    Raises:
        NeverMigrated: it has none yet.
    """
    status = migrator.status(url, engine=settings.engine)
    if status is None:
        raise migrator.NeverMigrated
    return status.capability

"""The commands behind the Makefile's targets."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

import click
from prometheus_client import start_http_server

from retention.apply import accept_windows, delete_expired, reconcile
from retention.plan import describe, in_words
from retention.report import report
from service.commands.analyst import analyst_command
from service.commands.backup import backup_commands
from service.commands.client import Target, demo, replay
from service.commands.complaints import complaint
from service.commands.key import key_command, operator
from service.commands.retention import table
from service.commands.rules import rules_commands
from service.commands.start import about_pages
from service.commands.user import user_command
from service.documentation.pages import render_markdown
from service.http.openapi import openapi_document
from service.runtime.logging import configure_logging, only_warnings_of
from service.runtime.resources import alerts_alone
from service.runtime.secrets import admin_key
from service.runtime.server import check_address, serve
from service.runtime.settings import (
    DEFAULT_ALERT_INTERVAL,
    Settings,
    SettingsError,
    environment_with_password,
    load_settings,
)
from service.runtime.telemetry.tracing import NO_TRACES, can_trace
from sql.embedded import EmbeddedPostgresError, embedded_postgres
from sql.engine import Capability
from sql.errors import DatabaseError
from sql.migrator import NeverMigrated, recorded_engine
from sql.migrator import migrate as apply_migrations
from sql.migrator import rollback as undo_migration
from sql.migrator import status as migration_status
from sql.private_files import ExposedFile
from sql.roles import administers


@click.group()
@click.pass_context
def commands(context: click.Context) -> None:
    """The business-metrics service of the Fature platform."""
    if context.invoked_subcommand not in ("run", "alerts"):
        # Whoever asked for a table or a password is not told first how the database was found.
        only_warnings_of("sql.embedded")
    context.obj = load_settings()


def main() -> None:
    """Run a command; what an operator can mend is told in words, without a traceback."""
    configure_logging()
    signal.signal(signal.SIGTERM, _stop)
    try:
        commands(prog_name="python -m service", standalone_mode=False)
    except (SettingsError, DatabaseError, EmbeddedPostgresError, ExposedFile) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        click.echo(complaint(error), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)


@commands.command()
@click.pass_obj
def run(settings: Settings) -> None:
    """Set everything up and serve until Ctrl-C or SIGTERM."""
    check_address(settings)
    with database(settings) as url:
        capability = _up_to_date(settings, url)
        key, is_new = admin_key(settings.admin_key, settings.data_dir)
        click.echo(f"Engine:    {capability.engine} ({capability.reason})")
        if capability.engine == "plain":
            click.echo("           aggregates are computed from samples and do not outlive them")
        click.echo(f"Time zone: {settings.timezone}")
        if settings.otlp_endpoint and not can_trace():
            click.echo(NO_TRACES)
        if is_new:
            click.echo(f"Admin key: {key}")
            click.echo(f"           kept in {settings.data_dir / 'admin_key'}; shown this once")
        for line in about_pages(settings, url):
            click.echo(line)
        serve(settings, url)
    click.echo("Stopped.")


@commands.command("api-docs")
def api_docs() -> None:
    """Write docs/api.md to standard output."""
    from service.features import ENDPOINTS

    click.echo(render_markdown(openapi_document(ENDPOINTS)), nl=False)


@commands.command()
@click.pass_obj
def alerts(settings: Settings) -> None:
    """Judge alert rules and deliver, alone, beside services with FATURE_ALERT_INTERVAL=0."""
    interval = settings.alert_interval or DEFAULT_ALERT_INTERVAL
    with database(settings) as url:
        _capability(settings, url)
        _tell_metrics(settings)
        click.echo(f"Judging alert rules every {interval:g} s; Ctrl-C stops.")
        asyncio.run(alerts_alone(settings, url, interval))


def _tell_metrics(settings: Settings) -> None:
    if settings.alert_metrics_port is None:
        return
    try:
        start_http_server(settings.alert_metrics_port, settings.host)
    except OSError as error:
        raise SettingsError(f"FATURE_ALERT_METRICS_PORT: {error.strerror or error}") from error


@commands.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Apply pending migrations and the declared policies."""
    with database(settings) as url:
        capability = _bring_up_to_date(settings, url)
        click.echo(f"Up to date; engine {capability.engine} ({capability.reason})")


@commands.command("migrate-status")
@click.pass_obj
def migrate_status(settings: Settings) -> None:
    """Show the engine and every migration."""
    with database(settings) as url:
        status = migration_status(url, engine=settings.engine)
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


@commands.command()
@click.pass_obj
def rollback(settings: Settings) -> None:
    """Undo the newest migration."""
    with database(settings) as url:
        version = undo_migration(url)
    click.echo(f"Rolled back {version}" if version else "Nothing to roll back")


@commands.command()
@click.pass_obj
def retention(settings: Settings) -> None:
    """Show declared against actual policies, chunks, sizes and next runs."""
    now = datetime.now(UTC)
    with database(settings) as url:
        capability = _capability(settings, url)
        lines = report(url, capability.engine, settings.keep, now)
        ages = accept_windows(url, settings.keep, now)
    for age_of, age in ages.items():
        click.echo(f"{age_of} samples are accepted up to {in_words(age)} back")
    click.echo(table(lines))
    if capability.engine == "plain":
        click.echo("The service deletes what is past its time every night at 02:00.")
    elif not all(line.in_line for line in lines):
        click.echo("* differs from what is declared: run `make retention-apply`")


@commands.command("retention-apply")
@click.pass_obj
def retention_apply(settings: Settings) -> None:
    """Make the database's policies the declared ones."""
    now = datetime.now(UTC)
    with database(settings) as url:
        engine = _capability(settings, url).engine
        changes = reconcile(url, engine, settings.keep, settings.zone, now, operator())
        deleted = delete_expired(url, engine, settings.keep, now)
    for found in changes.remove:
        was = describe(found.policy) if found.policy else "with open ends"
        click.echo(f"- {found.relation}: {found.kind}, {was}")
    for policy in changes.add:
        click.echo(f"+ {policy.relation}: {describe(policy)}")
    for relation, rows in deleted.items():
        if rows:
            click.echo(f"- {relation}: {rows} rows past their time")
    if not changes:
        click.echo("Policies are as declared.")


@commands.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(settings: Settings, arguments: tuple[str, ...]) -> None:
    """Open a shell on the database."""
    with database(settings) as url:
        # psql handles Ctrl-C itself: it ends a query, not the session.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        conninfo, environment = environment_with_password(url)
        command = ["psql", "--dbname", conninfo, *arguments]
        try:
            code = subprocess.run(command, env=environment, check=False).returncode
        except FileNotFoundError:
            click.echo("error: there is no psql here; install PostgreSQL's client", err=True)
            code = 127
    sys.exit(code)


@commands.group()
@click.pass_context
def client(context: click.Context) -> None:
    """Clients of the running service."""
    settings: Settings = context.obj
    key, _ = admin_key(settings.admin_key, settings.data_dir)
    context.obj = Target(url=settings.url, api_key=key, timezone=settings.zone)


client.add_command(demo)
client.add_command(replay)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The database's URL; the embedded one, started if need be, where none is set."""
    if settings.database_url:
        yield settings.database_url
        return
    with embedded_postgres(
        settings.data_dir, postgres_home=settings.postgres_home, engine=settings.engine
    ) as server:
        yield server.url


@contextmanager
def migrated_database(settings: Settings) -> Iterator[str]:
    """The same, refused where there is nothing yet for a command to work on."""
    with database(settings) as url:
        recorded_engine(url)
        yield url


for _command in (
    *rules_commands(migrated_database),
    *backup_commands(database, migrated_database),
    analyst_command(migrated_database),
    key_command(migrated_database),
    user_command(migrated_database),
):
    commands.add_command(_command)


def _up_to_date(settings: Settings, url: str) -> Capability:
    """Brought up to date where the log-in role is the owner's; else it must be already."""
    if administers(url):
        return _bring_up_to_date(settings, url)
    status = migration_status(url, engine=settings.engine)
    if status is None or status.pending:
        raise DatabaseError(
            "migrations are pending, and the role of FATURE_DATABASE_URL does not own the "
            "schema: run `make migrate` with the owner's"
        )
    return status.capability


def _bring_up_to_date(settings: Settings, url: str) -> Capability:
    capability, _ = apply_migrations(url, engine=settings.engine, timezone=settings.timezone)
    reconcile(url, capability.engine, settings.keep, settings.zone, datetime.now(UTC))
    return capability


def _capability(settings: Settings, url: str) -> Capability:
    status = migration_status(url, engine=settings.engine)
    if status is None:
        raise NeverMigrated
    return status.capability


def _stop(_: int, __: FrameType | None) -> None:
    """SIGTERM unwinds like Ctrl-C, so that the embedded database is stopped."""
    raise SystemExit(0)

"""``make run``."""

import asyncio
from collections.abc import Iterator

import click

from service.access.users import any_user
from service.commands.context import database, with_settings
from service.commands.migrations import bring_up_to_date
from service.runtime.secrets import admin_key
from service.runtime.server import check_address, serve
from service.runtime.settings import Settings, ignored_names
from service.runtime.telemetry.tracing import NO_TRACES, can_trace
from service.sign_in.first_user import welcome_link
from service.web.assets import AssetsMissing, load_assets
from sql.database import create_pool
from sql.engine import Capability
from sql.errors import DatabaseError
from sql.migrator import status as migration_status
from sql.roles import administers


@click.command()
@with_settings
def run(settings: Settings) -> None:
    """Set everything up and serve until Ctrl-C or SIGTERM."""
    check_address(settings)
    with database(settings) as url:
        capability = _up_to_date(settings, url)
        for line in _about(settings, url, capability):
            click.echo(line)
        serve(settings, url)
    click.echo("Stopped.")


def _up_to_date(settings: Settings, url: str) -> Capability:
    """Brought up to date where the log-in role is the owner's; else it must be already."""
    if administers(url):
        return bring_up_to_date(settings, url)
    status = migration_status(url, engine=settings.engine)
    if status is None or status.pending:
        raise DatabaseError(
            "migrations are pending, and the role of FATURE_DATABASE_URL does not own the "
            "schema: run `make migrate` with the owner's"
        )
    return status.capability


def _about(settings: Settings, url: str, capability: Capability) -> Iterator[str]:
    """Lines for the operator at the start: engine, time zone, settings, admin key, pages."""
    yield f"Engine:    {capability.engine} ({capability.reason})"
    if capability.engine == "plain":
        yield "           aggregates are computed from samples and do not outlive them"
    yield f"Time zone: {settings.timezone}"
    if ignored := ignored_names():
        yield f"Ignored:   {', '.join(ignored)}: no settings of this service"
    if settings.otlp_endpoint and not can_trace():
        yield NO_TRACES
    key, is_new = admin_key(settings.admin_key, settings.data_dir)
    if is_new:
        yield f"Admin key: {key}"
        yield f"           kept in {settings.data_dir / 'admin_key'}; shown this once"
    yield from _about_pages(settings, url)


def _about_pages(settings: Settings, database_url: str) -> Iterator[str]:
    """Lines on missing assets or, while there is no user, on where to make the first one."""
    try:
        load_assets()
    except AssetsMissing as error:
        yield f"Pages:     missing: {error}"
        return
    if asyncio.run(_any_user(database_url)):
        return
    try:
        link = welcome_link(settings)
    except OSError:
        # A container has nowhere to keep the link's token, nor do replicas share a folder.
        yield "Welcome:   nobody can sign in yet: `python -m service user EMAIL --role admin`"
        yield "           makes the first user"
        return
    yield f"Welcome:   {link}"
    yield "           makes the first user; works once"


async def _any_user(database_url: str) -> bool:
    async with create_pool(database_url, size=1) as pool:
        return await any_user(pool)

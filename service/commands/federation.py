"""``make hub-access``, ``federate``, ``members`` and ``unfederate``."""

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from service.commands.context import migrated_database, with_settings
from service.runtime.settings import Settings
from sql import federation
from sql.hub_access import DEFAULT_NAME, let_hub_in


@click.command("hub-access")
@click.option("--name", default=DEFAULT_NAME, show_default=True)
@with_settings
def hub_access(settings: Settings, name: str) -> None:
    """Make the log-in of a hub here, or give it a new password."""
    with migrated_database(settings) as url:
        made = let_hub_in(url, name)
        at = conninfo_to_dict(url)
        click.echo(f"Log-in:   {made.name}, reads schema federation, of every tenant")
        click.echo(f"Password: {made.password}")
        click.echo("          shown this once; the same command makes a new one")
        address = f"{at.get('host', 'HOST')}:{at.get('port', '5432')}/{at.get('dbname', 'fature')}"
        click.echo("On the hub, with the host as it is seen from there:")
        click.echo(
            f"          make federate NAME=… URL=postgresql://{made.name}:PASSWORD@{address}"
        )


@click.command("federate")
@click.argument("name")
@click.argument("url")
@click.option("--timeout", type=click.FloatRange(0.1, 60), default=federation.DEFAULT_TIMEOUT)
@with_settings
def federate(settings: Settings, name: str, url: str, timeout: float) -> None:
    """Answer over another installation, too."""
    if not conninfo_to_dict(url).get("password"):
        url = make_conninfo(url, password=click.prompt("Password", hide_input=True))
    with migrated_database(settings) as own:
        found = federation.federate(own, name, url, timeout)
        click.echo(f"{name}: {found['engine']}, {found['timezone']}, {found['version']}")
        if found["timezone"] != str(settings.zone):
            click.echo(f"Its days are not those of {settings.zone}: hours are added up for them.")
        click.echo(
            "It is asked within seconds. Its password is in the user mapping, and so in backups."
        )


@click.command("members")
@with_settings
def members(settings: Settings) -> None:
    """List the installations that this one answers over."""
    with migrated_database(settings) as url:
        rows = federation.members(url)
    if not rows:
        click.echo("There are no members: this installation answers over its own data.")
    for row in rows:
        state = f"does not answer: {row['reason']}" if row["reason"] else "answers"
        click.echo(
            f"{row['member_name']:<20} {row['address']}/{row['database']}  {row['engine']}, "
            f"{row['timezone']}, {row['version']}, {row['timeout_seconds']:g} s: {state}"
        )


@click.command("unfederate")
@click.argument("name")
@with_settings
def unfederate(settings: Settings, name: str) -> None:
    """Answer over a member no more."""
    with migrated_database(settings) as url:
        federation.unfederate(url, name)
        click.echo(f"{name} is not asked any more; its own data are as they were.")

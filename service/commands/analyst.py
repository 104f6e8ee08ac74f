"""``make analyst``: a log-in to the database for an analyst or Grafana."""

import click
from psycopg.conninfo import conninfo_to_dict

from service.commands.context import migrated_database, with_settings
from service.runtime.settings import Settings
from sql.analysts import EVERY_TENANT, Analyst, let_in


@click.command("analyst")
@click.argument("name")
@click.option("--tenant", help=f"Show this tenant alone; {EVERY_TENANT} for every tenant.")
@with_settings
def analyst(settings: Settings, name: str, tenant: str | None) -> None:
    """Make a log-in to the database that reads, or give it a new password."""
    with migrated_database(settings) as url:
        made = let_in(url, name, tenant)
        click.echo(f"Analyst:  {made.name}, {_sight(made)}")
        click.echo(f"Password: {made.password}")
        click.echo("          shown this once; the same command makes a new one")
        click.echo(f"Connect:  {_psql(url, made.name)}")


def _sight(analyst: Analyst) -> str:
    if not analyst.is_limited:
        return "sees every tenant"
    return f"sees the tenant {analyst.tenant}" if analyst.tenant else "sees its tenant as before"


def _psql(url: str, name: str) -> str:
    params = conninfo_to_dict(url)
    shown = [
        f"{key}={params[key]}" for key in ("host", "port", "dbname", "sslmode") if key in params
    ]
    return f'psql "{" ".join([*shown, f"user={name}"])}"'

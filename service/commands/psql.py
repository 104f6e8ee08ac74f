"""``make psql``."""

import signal
import subprocess
import sys

import click

from service.commands.context import database, with_settings
from service.runtime.settings import Settings, environment_with_password


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_settings
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

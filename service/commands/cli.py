"""The commands behind the Makefile's targets. Each is imported when it is called."""

import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from types import FrameType
from typing import Any

import click

# The module and the name in it.
_COMMANDS = {
    "alerts": "alerts.alerts",
    "analyst": "analyst.analyst",
    "api-docs": "api_docs.api_docs",
    "backup": "backup.backup",
    "client": "client.client",
    "consume": "consume.consume",
    "federate": "federation.federate",
    "hub-access": "federation.hub_access",
    "key": "key.key",
    "mappings-apply": "mappings.mappings_apply",
    "members": "federation.members",
    "migrate": "migrations.migrate",
    "migrate-status": "migrations.migrate_status",
    "psql": "psql.psql",
    "release-jobs": "restore.release_jobs",
    "restore": "restore.restore",
    "retention": "retention.retention",
    "retention-apply": "retention.retention_apply",
    "rollback": "migrations.rollback",
    "rules-apply": "rules.rules_apply",
    "rules-export": "rules.rules_export",
    "run": "run.run",
    "timezone": "timezone.timezone",
    "unfederate": "federation.unfederate",
    "user": "user.user",
}
_SERVING = ("run", "alerts", "consume")


class LazyGroup(click.Group):
    """Commands by their places in `service.commands`; importing all of them takes a second."""

    def __init__(self, *args: Any, places: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"service.commands.{module}"), attribute)
        return command


@click.group(cls=LazyGroup, places=_COMMANDS)
@click.pass_context
def commands(context: click.Context) -> None:
    """The business-metrics service of the Fature platform."""
    from service.runtime.logging import configure_logging, only_warnings_of

    configure_logging()
    if context.invoked_subcommand not in _SERVING:
        # Whoever asked for a table or a password is not told first how the database was found.
        only_warnings_of("sql.embedded")


def main() -> None:
    """Run a command; an error that an operator can mend is shown without a traceback."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        commands(prog_name="python -m service", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        from service.commands.complaints import complaint

        complained = complaint(error)
        if complained is None:
            raise
        click.echo(complained.text, err=True)
        sys.exit(complained.exit_code)


def _stop(_: int, __: FrameType | None) -> None:
    """SIGTERM unwinds like Ctrl-C, so that the embedded database is stopped."""
    raise SystemExit(0)

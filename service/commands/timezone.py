"""``make timezone``."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from retention.apply import reconcile
from service.commands.context import migrated_database, operator, with_settings
from service.commands.migrations import capability_of
from service.runtime.settings import Settings
from sql.timezone_change import change_timezone
from sql.timezones import BadTimezone


@click.command()
@click.argument("tz")
@with_settings
def timezone(settings: Settings, tz: str) -> None:
    """Change the business time zone: days, weeks and months are made anew. Stop services first."""
    with migrated_database(settings) as url:
        try:
            before = change_timezone(url, tz, operator())
        except BadTimezone as error:
            raise click.BadParameter(str(error), param_hint="TZ") from error
        engine = capability_of(settings, url).engine
        reconcile(url, engine, settings.keep, ZoneInfo(tz), datetime.now(UTC), operator())
    if before == tz:
        click.echo(f"Days, weeks and months are those of {tz} already.")
        return
    click.echo(f"Days, weeks and months are those of {tz} now, and were those of {before}.")
    click.echo(f"Start everything with FATURE_TIMEZONE={tz} from now on.")

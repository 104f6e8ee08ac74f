"""``make key``."""

import asyncio
from datetime import timedelta
from typing import get_args

import click

from service.access.caller import Caller, Role
from service.access.credentials import KeyHasher
from service.access.key_table import KeyTable
from service.access.keys import Keys, KeySpec
from service.access.tenants import DEFAULT_TENANT
from service.commands.context import migrated_database, operator_of, with_settings
from service.keys.models import KeyIn
from service.runtime.secrets import signing_secret
from service.runtime.settings import Settings
from sql.database import create_pool

_MOST_DAYS = 36500


def _days(_: click.Context, __: click.Parameter, given: str | None) -> int | None:
    if given is None:
        return None
    if not given.isdecimal() or not 1 <= int(given) <= _MOST_DAYS:
        raise click.BadParameter(f"{given!r} is not a number of days from 1 to {_MOST_DAYS}")
    return int(given)


@click.command()
@click.argument("name")
@click.option("--role", type=click.Choice(get_args(Role)), required=True)
@click.option("--service", help="Bind it to this service_name.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@click.option("--scope", "scopes", multiple=True, help="Fewer scopes than the role; repeatable")
@click.option("--days", callback=_days, help="It expires after so many days.")
@with_settings
def key(
    settings: Settings,
    name: str,
    role: Role,
    service: str | None,
    tenant: str,
    scopes: tuple[str, ...],
    days: int | None,
) -> None:
    """Issue an API key and show it, this once, on standard output."""
    caller = operator_of(DEFAULT_TENANT)
    expires_at = caller.now + timedelta(days=days) if days else None
    wanted = {
        "name": name,
        "role": role,
        "service_name": service,
        "tenant": tenant,
        "scopes": list(scopes) or None,
        "expires_at": expires_at and expires_at.isoformat(),
    }
    spec = KeyIn.model_validate(wanted).spec()
    with migrated_database(settings) as url:
        hasher = KeyHasher(signing_secret(settings.secret, settings.data_dir))
        issued = asyncio.run(_issue(url, hasher, caller, spec))
    click.echo("The key is shown this once:", err=True)
    click.echo(issued)


async def _issue(url: str, hasher: KeyHasher, caller: Caller, spec: KeySpec) -> str:
    async with create_pool(url, size=1) as pool:
        _, key = await Keys(pool, hasher, KeyTable(pool, hasher)).issue(caller, spec)
        return key

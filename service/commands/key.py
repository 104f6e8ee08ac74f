"""``make key``."""

import asyncio
import getpass
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import click
from pydantic import ValidationError

from service.access.caller import Principal, Role
from service.access.credentials import KeyHasher
from service.access.keys import NoSuchTenant, issue_key
from service.http.errors import details_of
from service.keys.models import KeyIn
from service.runtime.secrets import signing_secret
from service.runtime.settings import Settings
from sql.database import create_pool
from sql.scope import Scope

Database = Callable[[Settings], AbstractContextManager[str]]
_MOST_DAYS = 36500


def _days(_: click.Context, __: click.Parameter, given: str | None) -> int | None:
    if given is None:
        return None
    if not given.isdecimal() or not 1 <= int(given) <= _MOST_DAYS:
        raise click.BadParameter(f"{given!r} is not a number of days from 1 to {_MOST_DAYS}")
    return int(given)


def key_command(database: Database) -> click.Command:
    """The command; `database` gives the URL, as for every other."""

    @click.command("key")
    @click.argument("name")
    @click.option("--role", type=click.Choice(get_args(Role)), required=True)
    @click.option("--service", help="Bind it to this service_name.")
    @click.option("--tenant", default="default", show_default=True)
    @click.option("--scope", "scopes", multiple=True, help="Fewer scopes than the role; repeatable")
    @click.option("--days", callback=_days, help="It expires after so many days.")
    @click.pass_obj
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
        expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
        wanted = {
            "name": name,
            "role": role,
            "service_name": service,
            "tenant": tenant,
            "scopes": list(scopes) or None,
            "expires_at": expires_at and expires_at.isoformat(),
        }
        values = _checked(wanted)
        with database(settings) as url:
            hasher = KeyHasher(signing_secret(settings.secret, settings.data_dir))
            try:
                issued = asyncio.run(_issue(url, hasher, values))
            except NoSuchTenant as error:
                raise click.ClickException(f"there is no tenant {error}") from error
        click.echo("The key is shown this once:", err=True)
        click.echo(issued)

    return key


def operator() -> str:
    """The actor of changes made by commands."""
    try:
        return f"{getpass.getuser()}@cli"
    except (KeyError, OSError):
        return "somebody@cli"


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    try:
        return KeyIn.model_validate(wanted).model_dump()
    except ValidationError as error:
        lines = [f"{d.field}: {d.message}" if d.field else d.message for d in details_of(error)]
        raise click.ClickException("\n".join(lines)) from error


async def _issue(url: str, hasher: KeyHasher, values: dict[str, Any]) -> str:
    async with create_pool(url, size=1) as pool:
        _, key = await issue_key(pool, hasher, Principal(operator(), "admin", Scope()), values)
        return key

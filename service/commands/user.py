"""``make user``: make a user who can log in, without the service."""

import asyncio
import sys

import click

from service.access.caller import Caller
from service.access.passwords import Passwords
from service.access.tenants import DEFAULT_TENANT
from service.access.users import NewUser, Users, UserSpec
from service.access.versions import UserVersions
from service.commands.context import migrated_database, operator_of, with_settings
from service.runtime.settings import Settings
from service.users.models import UserIn
from sql.database import create_pool


@click.command()
@click.argument("email")
@click.option("--role", required=True, help="admin, operator, writer or reader")
@click.option("--name", default="")
@click.option("--service", help="See and write the data of this service only.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@with_settings
def user(
    settings: Settings, email: str, role: str, name: str, service: str | None, tenant: str
) -> None:
    """Let somebody log in. Asks for a password on a terminal, otherwise makes one."""
    wanted = {
        "email": email,
        "role": role,
        "name": name,
        "service_name": service,
        "password": (_ask() if sys.stdin.isatty() else "") or None,
    }
    spec = UserIn.model_validate(wanted).spec()
    with migrated_database(settings) as url:
        passwords = Passwords(memory=settings.password_memory)
        new = asyncio.run(_create(url, operator_of(tenant), spec, passwords))
    row = new.row
    click.echo(f"{row['email']} can log in as {row['role']} of tenant {row['tenant']}.")
    if new.generated_password:
        click.echo(f"Password: {new.generated_password}")
        click.echo("          shown this once")


def _ask() -> str:
    password: str = click.prompt(
        "Password (nothing: generate one)",
        default="",
        show_default=False,
        hide_input=True,
        confirmation_prompt="The same again",
    )
    return password


async def _create(url: str, caller: Caller, spec: UserSpec, passwords: Passwords) -> NewUser:
    async with create_pool(url, size=1) as pool:
        return await Users(pool, passwords, UserVersions(pool)).create(caller, spec)

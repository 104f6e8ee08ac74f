"""``make user``: somebody who can log in, without the service."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import click
from psycopg.rows import DictRow
from pydantic import ValidationError

from service.access.caller import Principal
from service.access.keys import NoSuchTenant
from service.access.passwords import Passwords, generated_password
from service.access.users import EmailTaken, create_user
from service.commands.key import operator
from service.http.errors import details_of
from service.runtime.settings import Settings
from service.users.models import UserIn
from sql.database import create_pool
from sql.scope import Scope

Database = Callable[[Settings], AbstractContextManager[str]]


def user_command(database: Database) -> click.Command:
    """The command; `database` gives the URL, as for every other."""

    @click.command("user")
    @click.argument("email")
    @click.option("--role", required=True, help="admin, operator, writer or reader")
    @click.option("--name", default="")
    @click.option("--service", help="See and write the data of this service only.")
    @click.option("--tenant", default="default", show_default=True)
    @click.pass_obj
    def user(
        settings: Settings, email: str, role: str, name: str, service: str | None, tenant: str
    ) -> None:
        """Let somebody log in. Asks for a password on a terminal, otherwise makes one."""
        given = _ask() if sys.stdin.isatty() else ""
        password = given or generated_password()
        values = _checked(
            email=email, role=role, name=name, service_name=service, password=password
        )
        with database(settings) as url:
            row = _told(url, tenant, values, password)
        click.echo(f"{row['email']} can log in as {row['role']} of tenant {row['tenant']}.")
        if not given:
            click.echo(f"Password: {password}")
            click.echo("          shown this once")

    return user


def _ask() -> str:
    password: str = click.prompt(
        "Password (nothing: generate one)",
        default="",
        show_default=False,
        hide_input=True,
        confirmation_prompt="The same again",
    )
    return password


def _checked(**fields: Any) -> dict[str, Any]:
    try:
        return UserIn.model_validate(fields).model_dump(exclude={"password"})
    except ValidationError as error:
        lines = [f"{detail.field}: {detail.message}" for detail in details_of(error)]
        raise click.ClickException("\n".join(lines)) from error


def _told(url: str, tenant: str, values: Mapping[str, Any], password: str) -> DictRow:
    try:
        return asyncio.run(_create(url, tenant, values, password))
    except EmailTaken as error:
        raise click.ClickException(f"there is a user with the email {error} already") from error
    except NoSuchTenant as error:
        raise click.ClickException(f"there is no tenant {error}") from error


async def _create(url: str, tenant: str, values: Mapping[str, Any], password: str) -> DictRow:
    hashed = {"password_hash": await Passwords().hash(password)}
    async with create_pool(url, size=1) as pool:
        by = Principal(operator(), "admin", Scope(tenant))
        return await create_user(pool, by, {**values, **hashed, "tenant": tenant})

"""The context of a command: the settings, who runs it, and the database."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from service.access.caller import Caller, Principal
from service.runtime.logging import configure_logging
from service.runtime.settings import Settings, load_settings
from sql.embedded import embedded_postgres
from sql.migrator import recorded_engine
from sql.scope import Scope

Params = ParamSpec("Params")
Result = TypeVar("Result")


def with_settings(
    command: Callable[Concatenate[Settings, Params], Result],
) -> Callable[Params, Result]:
    """The command with the settings of this process as its first argument, read when it runs."""

    @wraps(command)
    def run(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        settings = load_settings()
        configure_logging(settings.log)
        return command(settings, *args, **kwargs)

    return run


def operator() -> str:
    """The actor of changes made by commands."""
    try:
        return f"{getpass.getuser()}@cli"
    except (KeyError, OSError):
        return "somebody@cli"


def operator_of(tenant: str) -> Caller:
    """Whoever runs a command, as an admin of that tenant."""
    return Caller(Principal(operator(), "admin", Scope(tenant)), datetime.now(UTC))


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The database's URL; the embedded one, started if need be, where none is set."""
    if settings.database_url:
        yield settings.database_url
        return
    with embedded_postgres(
        settings.data_dir, postgres_home=settings.postgres_home, engine=settings.engine
    ) as server:
        yield server.url


@contextmanager
def migrated_database(settings: Settings) -> Iterator[str]:
    """The same, refused where there is nothing yet for a command to work on."""
    with database(settings) as url:
        recorded_engine(url)
        yield url

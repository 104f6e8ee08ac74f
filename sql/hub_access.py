"""The log-in of a hub to this installation, its member."""

import re
import secrets
from typing import NamedTuple

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow, dict_row

from sql.connections import liveness
from sql.errors import DatabaseError, translated_errors
from sql.statements import query

DEFAULT_NAME = "fature_hub_login"
_GROUP = "fature_hub"
_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")


class HubRefused(DatabaseError):
    """That name cannot be a hub's."""


class HubAccess(NamedTuple):
    """A role that may log in now, and read what hubs do, of every tenant."""

    name: str
    password: str


def let_hub_in(url: str, name: str = DEFAULT_NAME) -> HubAccess:
    """Make the log-in of a hub, or give the one there is a new password.

    Raises:
        HubRefused: the name is no lower-case identifier, or belongs to another role.
    """
    if not _NAME.fullmatch(name) or name == _GROUP:
        raise HubRefused(f"{name!r} is no name of a log-in: use a-z, 0-9 and _, at most 63")
    password = secrets.token_urlsafe(24)
    with translated_errors(), psycopg.connect(url, row_factory=dict_row, **liveness(url)) as conn:
        conn.execute(query("lock_analysts").body)
        _make(conn, name)
        made = conn.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        _run(conn, "let_analyst_in", name, verifier=sql.Literal(made.decode()))
    return HubAccess(name, password)


def _make(conn: Connection[DictRow], name: str) -> None:
    role = conn.execute(query("hub_role").body, {"role": name}).fetchone()
    if role is None:
        _run(conn, "create_hub_role", name)
        _run(conn, "join_group", name, groups=sql.Identifier(_GROUP))
        _run(conn, "limit_hub_role", name)
    elif role["may_more"] or not role["is_hub"]:
        raise HubRefused(f"{name} is a role with other duties: choose another name")


def _run(conn: Connection[DictRow], statement: str, name: str, **parts: sql.Composable) -> None:
    conn.execute(query(statement).format(role=sql.Identifier(name), **parts).body)

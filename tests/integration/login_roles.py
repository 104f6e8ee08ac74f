"""Roles that log in, and databases that belong to them."""

import secrets

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import DatabaseServer


def log_in_role(url: str, rights: str) -> str:
    """The URL of a new role."""
    name = f"role_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret' {rights}".encode())
    return make_conninfo(url, user=name, password="secret")


def user_of(url: str) -> str:
    return str(conninfo_to_dict(url)["user"])


def database_owned_by(server: DatabaseServer, owner: str) -> str:
    """The URL of an empty database, as its owner, who may not make roles."""
    url = make_conninfo(owner, dbname=f"test_{secrets.token_hex(6)}")
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
        sql.Identifier(str(conninfo_to_dict(url)["dbname"])), sql.Identifier(user_of(owner))
    )
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(statement)
    return url

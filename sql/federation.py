"""Members of a hub: how this database reaches other installations, through postgres_fdw."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from sql.connections import liveness
from sql.errors import DatabaseError, DatabaseUnavailable, translated_errors
from sql.statements import Query, query

# The own data of a hub, among its members.
HUB = "hub"
INTERFACE = 1
DEFAULT_TIMEOUT = 5.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SECRETS = ("user", "password", "sslcert", "sslkey", "sslpassword")
_OPTIONS = {
    "async_capable": "true",
    "fetch_size": "10000",
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "application_name": "fature-hub",
}


class MemberRefused(DatabaseError):
    """An installation that cannot be a member of this hub, or none of that name."""


def server_of(name: str) -> sql.Identifier:
    """The foreign server of a member, which its schema is called after."""
    return sql.Identifier(f"member_{name}")


def relation_of(name: str, relation: str) -> sql.Identifier:
    """A foreign table of a member."""
    return sql.Identifier(f"member_{name}", relation)


def federate(url: str, name: str, member_url: str, timeout: float = DEFAULT_TIMEOUT) -> DictRow:
    """Make the installation at `member_url` a member, or reach the one of that name there from now
    on; what it says of itself. An answer of it is waited for `timeout` seconds.

    Raises:
        MemberRefused: the name is none, the URL has no password, or what is there is no other
            installation, one that is a member already or of another interface.
    """
    if not _NAME.fullmatch(name) or name == HUB:
        raise MemberRefused(
            f"{name!r} is no name of a member: use a-z, 0-9 and _, at most 40, and not {HUB}"
        )
    found = _look(member_url)
    with _owner(url) as conn:
        _check_other(conn, found)
        _run(conn, "create_postgres_fdw")
        _forget(conn, name)
        _make_server(conn, name, member_url, timeout)
        _record(conn, name, found, timeout)
        _run(conn, "renew_member_views")
    return found


def unfederate(url: str, name: str) -> None:
    """Answer over that member no more; its password is forgotten.

    Raises:
        MemberRefused: there is none of that name.
    """
    with _owner(url) as conn:
        if not _forget(conn, name):
            raise MemberRefused(f"There is no member {name}")
        _run(conn, "renew_member_views")


def members(url: str) -> list[DictRow]:
    """Where each member is, without who logs in there; `reason` is why it does not answer now, if
    it does not.
    """
    with _owner(url) as conn:
        rows = _run(conn, "member_addresses")
    return [{**row, "reason": _silence(url, row)} for row in rows]


def check_zone(found: Mapping[str, Any], timezone: str) -> None:
    """Refuse an answer about a member's days, weeks and months where they begin at other times than
    when it was federated; `found` is what it says of itself.

    Raises:
        MemberRefused: they do.
    """
    if found["timezone"] != timezone:
        raise MemberRefused(
            f"its business time zone is {found['timezone']} now: run `make federate` for it again"
        )


def installation_of(name: str) -> Query:
    """Asks a member through this database what it says of itself."""
    return query("member_installation").format(installation=relation_of(name, "installation"))


def _silence(url: str, row: Mapping[str, Any]) -> str | None:
    limit = f"-c statement_timeout={round(row['timeout_seconds'] * 1000)}"
    try:
        with (
            translated_errors(),
            psycopg.connect(url, options=limit, row_factory=dict_row, **liveness(url)) as conn,
        ):
            for found in conn.execute(installation_of(row["member_name"]).body):
                check_zone(found, row["timezone"])
    except DatabaseError as error:
        return str(error)
    return None


@contextmanager
def _owner(url: str) -> Iterator[Connection[DictRow]]:
    """One transaction as the owner, alone with the members."""
    with translated_errors(), psycopg.connect(url, row_factory=dict_row, **liveness(url)) as conn:
        _run(conn, "lock_members")
        yield conn


def _look(member_url: str) -> DictRow:
    given = conninfo_to_dict(member_url)
    if not given.get("password") or not given.get("host"):
        raise MemberRefused(
            "the URL needs host, user and password of a log-in that `make hub-access` made there"
        )
    statement = query("member_installation").format(
        installation=sql.Identifier("federation", "installation")
    )
    try:
        with (
            translated_errors(),
            psycopg.connect(member_url, row_factory=dict_row, **liveness(member_url)) as conn,
        ):
            row: DictRow | None = conn.execute(statement.body).fetchone()
    except DatabaseUnavailable:
        raise
    except DatabaseError as error:
        raise MemberRefused(
            f"what is there is no member, or its version knows no hubs: {error}"
        ) from error
    assert row is not None, "it is of one row"
    if abs(row["interface"] - INTERFACE) > 1:
        raise MemberRefused(
            f"it is several versions apart: its interface is {row['interface']}, not {INTERFACE}"
        )
    return row


def _check_other(conn: Connection[DictRow], found: DictRow) -> None:
    (own,) = _run(conn, "installation_id")
    if own["installation_id"] == found["installation_id"]:
        raise MemberRefused("what is there is this installation itself")


def _forget(conn: Connection[DictRow], name: str) -> bool:
    _run(conn, "drop_member_schema", server=server_of(name))
    _run(conn, "drop_member_server", server=server_of(name))
    found = conn.execute(query("forget_member").body, {"name": name}).fetchone()
    return found is not None


def _make_server(conn: Connection[DictRow], name: str, member_url: str, timeout: float) -> None:
    given = {key: str(value) for key, value in conninfo_to_dict(member_url).items()}
    secret = {key: given.pop(key) for key in _SECRETS if key in given}
    limit = f"-c statement_timeout={round(timeout * 1000)}"
    options = _OPTIONS | given | {"options": f"{given.get('options', '')} {limit}".strip()}
    server = server_of(name)
    _run(conn, "create_member_server", server=server, options=_options(options))
    _run(conn, "create_member_mapping", server=server, options=_options(secret))
    _run(conn, "create_member_schema", server=server)
    _run(conn, "import_member", server=server)
    _run(conn, "let_app_use_member", server=server)
    _run(conn, "let_app_read_member", server=server)


def _options(options: Mapping[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(
        query("server_option").format(name=sql.Identifier(key), value=sql.Literal(value)).body
        for key, value in options.items()
    )


def _record(conn: Connection[DictRow], name: str, found: DictRow, timeout: float) -> None:
    try:
        conn.execute(query("record_member").body, {**found, "name": name, "timeout": timeout})
    except psycopg.errors.UniqueViolation as error:
        raise MemberRefused("it is a member already, under another name") from error


def _run(conn: Connection[DictRow], statement: str, **parts: sql.Composable) -> list[DictRow]:
    one = query(statement)
    cursor = conn.execute((one.format(**parts) if parts else one).body)
    return cursor.fetchall() if cursor.description else []

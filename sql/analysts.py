"""Log-in roles for analysts and Grafana: made, limited to a tenant, given a new password."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow, dict_row

from sql.connections import liveness
from sql.errors import DatabaseError, translated_errors
from sql.statements import query

EVERY_TENANT = "*"
GRAFANA = "fature_grafana"
_EVERYTHING = "fature_analyst"
_LIMITED = "fature_tenant_analyst"
_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")


class AnalystRefused(DatabaseError):
    """That name cannot be an analyst's, or there is no such tenant to see."""


@dataclass(frozen=True, slots=True)
class Analyst:
    """A role that may log in now. `tenant` is None where an earlier limit, if any, stays."""

    name: str
    tenant: str | None
    is_limited: bool
    password: str = field(repr=False)


def let_in(url: str, name: str, tenant: str | None = None) -> Analyst:
    """Make the analyst `name`, or give the one there is a new password.

    `tenant` limits to that tenant, ``*`` to none; by default a new analyst sees every tenant
    and one that is there sees what it did.

    Raises:
        AnalystRefused: the name is no lower-case identifier, or belongs to another role; or
            there is no such tenant.
    """
    if not _NAME.fullmatch(name):
        raise AnalystRefused(f"{name!r} is no name of a role: use a-z, 0-9 and _, at most 63")
    if name == GRAFANA and tenant not in (None, EVERY_TENANT):
        raise AnalystRefused(f"{GRAFANA} sees every tenant; choose a name for one that does not")
    with translated_errors(), psycopg.connect(url, row_factory=dict_row, **liveness(url)) as conn:
        _check_tenant(conn, tenant)
        conn.execute(query("lock_analysts").body)
        was_limited = _known(conn, name)
        limited = was_limited if tenant is None else tenant != EVERY_TENANT
        if name != GRAFANA:
            _join(conn, name, limited)
        if tenant is not None:
            _limit(conn, name, tenant)
        password = secrets.token_urlsafe(24)
        _run(conn, "let_analyst_in", name, verifier=_verifier(conn, name, password))
    return Analyst(name, tenant, limited, password)


def _check_tenant(conn: Connection[DictRow], tenant: str | None) -> None:
    if tenant in (None, EVERY_TENANT):
        return
    if not conn.execute(query("tenant_to_see").body, {"tenant": tenant}).fetchone():
        raise AnalystRefused(f"tenant: There is no tenant {tenant}")


def _known(conn: Connection[DictRow], name: str) -> bool:
    """Make the role if need be; whether it is limited to tenants, which one of the same name
    that was dropped may have left behind.
    """
    role = _role(conn, name)
    if role is None:
        _run(conn, "create_analyst", name)
        role = _role(conn, name)
        assert role is not None
    elif role["may_more"] or not role["is_reader"]:
        raise AnalystRefused(f"{name} is a role with other duties: choose another name")
    return bool(role["is_limited"])


def _role(conn: Connection[DictRow], name: str) -> DictRow | None:
    return conn.execute(query("role_to_become_analyst").body, {"role": name}).fetchone()


def _join(conn: Connection[DictRow], name: str, limited: bool) -> None:
    """One group, and its limits: settings of a group do not count for its members."""
    group, other = (_LIMITED, _EVERYTHING) if limited else (_EVERYTHING, _LIMITED)
    _run(conn, "join_group", name, groups=sql.Identifier(group))
    _run(conn, "leave_group", name, groups=sql.Identifier(other))
    _use_business_zone(conn, name)
    limits = conn.execute(query("limits_of_role").body, {"role": group}).fetchone()
    assert limits is not None, "made by the migrations"
    _run(conn, "limit_analyst", name, connections=sql.Literal(limits["connections"]))
    for entry in limits["settings"]:
        setting, _, value = entry.partition("=")
        # The one setting here that is a list, and no longer one where it is quoted as a whole.
        values = value.split(", ") if setting == "search_path" else [value]
        _run(
            conn,
            "set_of_analyst",
            name,
            setting=sql.Identifier(setting),
            value=sql.SQL(", ").join(map(sql.Literal, values)),
        )


def _use_business_zone(conn: Connection[DictRow], name: str) -> None:
    """In this database; others of the cluster may be of another zone."""
    (installation,) = conn.execute(query("installation").body)
    _run(
        conn,
        "zone_of_analyst",
        name,
        database=sql.Identifier(conn.info.dbname),
        zone=sql.Literal(installation["timezone"]),
    )


def _limit(conn: Connection[DictRow], name: str, tenant: str) -> None:
    conn.execute(query("forget_tenants_of_analyst").body, {"role": name})
    if tenant != EVERY_TENANT:
        conn.execute(query("limit_analyst_to_tenant").body, {"role": name, "tenant": tenant})


def _verifier(conn: Connection[DictRow], name: str, password: str) -> sql.Literal:
    made = conn.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    return sql.Literal(made.decode())


def _run(conn: Connection[Any], statement: str, name: str, **parts: sql.Composable) -> None:
    conn.execute(query(statement).format(role=sql.Identifier(name), **parts).body)

"""As which role to work: the owner sets up, ``fature_app`` serves."""

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sql.connections import liveness
from sql.errors import DatabaseError, translated_errors
from sql.statements import query

APP = "fature_app"

_log = structlog.get_logger()


def administers(url: str) -> bool:
    """Whether who logs in owns the schema, or may make it where there is none yet."""
    with translated_errors(), psycopg.connect(url, **liveness(url)) as conn:
        return bool(_value(conn, "administers"))


def serving_url(url: str) -> str:
    """`url` with sessions that begin as ``fature_app`` where the log-in role owns the schema;
    else `url` itself.

    It also stays as it is where the switch is impossible (a PgBouncer that takes no start-up
    options, an owner who is no member) or the database is away: that is logged.
    """
    try:
        if not administers(url):
            return url
        limited = _starting_as_app(url)
        with translated_errors(), psycopg.connect(limited, **liveness(limited)) as conn:
            role = _value(conn, "current_role_name")
    except DatabaseError as error:
        _log.warning("serving_with_log_in_role", reason=str(error))
        return url
    if role != APP:
        _log.warning("serving_with_log_in_role", reason=f"sessions begin as {role}")
        return url
    return limited


def _starting_as_app(url: str) -> str:
    options = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(url, options=f"{options} -c role={APP}".strip())


def _value(conn: psycopg.Connection, name: str) -> object:
    row = conn.execute(query(name).body).fetchone()
    assert row is not None
    return row[0]

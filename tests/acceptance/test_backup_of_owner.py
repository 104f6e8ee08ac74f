"""As in production: the database belongs to a role that is no superuser."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from retention.apply import reconcile
from retention.policies import parse_keep
from sql.engine import Engine
from sql.migrator import migrate
from sql.roles import serving_url
from tests.conftest import DatabaseServer
from tests.instances import command
from tests.integration.login_roles import database_owned_by, log_in_role, user_of


def test_an_owner_backs_up_and_restores_what_it_owns(
    database_of: DatabaseServer, engine: Engine, tmp_path: Path
) -> None:
    database_of.new_database()
    owner = log_in_role(database_of.url, "CREATEROLE")
    administrate(database_of, f"GRANT fature_app TO {user_of(owner)}")
    source, target = (database_owned_by(database_of, owner) for _ in range(2))
    migrate(source, engine=engine, timezone="UTC")
    reconcile(source, engine, parse_keep(""), ZoneInfo("UTC"), datetime.now(UTC))
    file = str(tmp_path / "owned.dump")
    done("backup", file, database=source)
    if engine == "timescale":
        refused = command("restore", file, FATURE_DATABASE_URL=target)
        assert f"ALTER ROLE {user_of(owner)} SUPERUSER" in refused.stderr
        administrate(database_of, f"ALTER ROLE {user_of(owner)} SUPERUSER")
    done("restore", file, database=target)
    administrate(database_of, f"ALTER ROLE {user_of(owner)} NOSUPERUSER")
    done("release-jobs", database=target)
    assert "Policies are as declared." in done("retention-apply", database=target)
    with psycopg.connect(serving_url(target)) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ("fature_app",)
        assert conn.execute("SELECT count(*) FROM analytics.catalog").fetchone() == (28,)


def administrate(server: DatabaseServer, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(statement.encode())


def done(*arguments: str, database: str) -> str:
    ended = command(*arguments, FATURE_DATABASE_URL=database)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout

"""Owners of a database need not be superusers, nor make the roles themselves; and the roles are
shared by all databases of a cluster.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from retention.apply import reconcile
from retention.policies import parse_keep
from sql.analysts import let_in
from sql.engine import Engine
from sql.migrator import MigrationError, migrate
from sql.roles import administers, serving_url
from tests.conftest import DatabaseServer, database_server
from tests.integration.login_roles import database_owned_by, log_in_role, user_of
from tests.integration.readers import add_tenants


def test_an_owner_who_cannot_switch_serves_as_itself(database_of: DatabaseServer) -> None:
    # As behind a PgBouncer that takes no options, it is better than not to serve.
    database_of.new_database()
    owner = log_in_role(database_of.url, "")
    url = database_owned_by(database_of, owner)
    assert administers(url)
    assert serving_url(url) == url


def test_an_owner_who_may_not_make_roles_is_told_what_an_administrator_runs(
    database_of: DatabaseServer, engine: Engine
) -> None:
    # The roles are there already, but for the membership.
    database_of.new_database()
    owner = log_in_role(database_of.url, "")
    url = database_owned_by(database_of, owner)
    with pytest.raises(MigrationError, match="an administrator has to run this once") as refused:
        migrate(url, engine=engine, timezone="UTC")
    told = re.search(r"then migrate again: (.*?;);", str(refused.value) + ";")
    assert told is not None
    assert f"GRANT fature_app TO {user_of(owner)}" in told[1]
    with psycopg.connect(database_of.url, autocommit=True) as administrator:
        administrator.execute(told[1].encode())
    migrate(url, engine=engine, timezone="UTC")
    reconcile(url, engine, parse_keep(""), ZoneInfo("UTC"), datetime.now(UTC))
    with psycopg.connect(serving_url(url)) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ("fature_app",)
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT count(*) FROM analytics.catalog").fetchone()
        assert rows == (28,)


def test_databases_of_a_new_cluster_are_migrated_at_once(tmp_path: Path, engine: Engine) -> None:
    """The roles, which they share, are made once; an administrator's own limits stay."""
    with database_server(tmp_path / "cluster", engine) as server:
        urls = [server.new_database(migrated=False) for _ in range(4)]
        with ThreadPoolExecutor(len(urls)) as threads:
            list(threads.map(lambda url: migrate(url, engine=engine, timezone="UTC"), urls))
        boss = log_in_role(server.url, "CREATEROLE")
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute("ALTER ROLE fature_analyst CONNECTION LIMIT 9")
            conn.execute("ALTER ROLE fature_analyst SET statement_timeout = '7min'")
            conn.execute(f"GRANT fature_app TO {user_of(boss)}".encode())
        migrate(database_owned_by(server, boss), engine=engine, timezone="UTC")
        with psycopg.connect(server.url) as conn:
            kept = conn.execute(
                "SELECT rolconnlimit, 'statement_timeout=7min' = ANY(rolconfig) "
                "FROM pg_roles WHERE rolname = 'fature_analyst'"
            ).fetchone()
        assert kept == (9, True)


def test_an_owner_who_may_make_roles_needs_nobody(tmp_path: Path, engine: Engine) -> None:
    with database_server(tmp_path / "cluster", engine) as server:
        boss = log_in_role(server.url, "CREATEROLE")
        url = database_owned_by(server, boss)
        migrate(url, engine=engine, timezone="UTC")
        with psycopg.connect(serving_url(url)) as conn:
            assert conn.execute("SELECT current_user").fetchone() == ("fature_app",)
        add_tenants(url, "acme")
        for name, tenant, count in (("ana", None, 28), ("tess", "acme", 0), ("ana", "acme", 0)):
            made = let_in(url, name, tenant)
            with psycopg.connect(url, user=name, password=made.password) as conn:
                row = conn.execute("SELECT count(*) FROM analytics.catalog").fetchone()
                assert row == (count,)
        let_in(url, "fature_grafana")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("DROP ROLE tess")

"""``make analyst``: log-ins that read, their passwords and what they see."""

import re
import secrets
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import OperationalError

from sql.analysts import AnalystRefused, let_in
from tests.instances import command
from tests.integration.readers import add_tenants


@pytest.fixture
def name(database: str) -> str:
    """A role that is not there yet."""
    return f"ana_{secrets.token_hex(4)}"


def tenants(url: str, name: str, password: str) -> list[str]:
    with psycopg.connect(url, user=name, password=password) as conn:
        rows = conn.execute("SELECT DISTINCT tenant FROM analytics.catalog ORDER BY 1")
        return [tenant for (tenant,) in rows]


def catalogue(url: str, *names: str) -> None:
    add_tenants(url, *names)
    with psycopg.connect(url) as conn:
        for tenant in names:
            conn.execute(
                """
                INSERT INTO fature.metric
                (tenant, metric_name, metric_type, kind, default_aggregation, frequency)
                VALUES (%s, 'revenue', 'revenue', 'flow', 'sum', 'daily')
                """,
                (tenant,),
            )


def test_a_password_is_printed_once_and_the_next_one_replaces_it(
    database: str, name: str, tmp_path: Path
) -> None:
    passwords = []
    for _ in range(2):
        ended = command(
            "analyst", name, FATURE_DATABASE_URL=database, FATURE_DATA_DIR=str(tmp_path)
        )
        assert ended.returncode == 0, ended.stderr
        found = re.findall(r"^Password: (\S+)$", ended.stdout, re.MULTILINE)
        assert len(found) == 1
        assert found[0] not in ended.stderr
        assert f"user={name}" in ended.stdout
        assert "password=" not in ended.stdout
        passwords += found
    assert len(set(passwords)) == 2
    assert all(len(password) >= 32 for password in passwords)
    assert tenants(database, name, passwords[1]) == ["default"]
    with pytest.raises(OperationalError, match="password authentication failed"):
        psycopg.connect(database, user=name, password=passwords[0])


def test_passwords_are_kept_as_scram_verifiers_alone(database: str, name: str) -> None:
    made = let_in(database, name)
    assert made.password not in repr(made)
    with psycopg.connect(database) as conn:
        kept = conn.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (name,))
        (verifier,) = kept.fetchone() or ("",)
    assert verifier.startswith("SCRAM-SHA-256$4096:")


def test_a_limit_stays_until_another_is_asked_for(database: str, name: str) -> None:
    catalogue(database, "acme", "globex")
    for tenant, seen in (
        ("acme", ["acme"]),
        # A new password alone never shows more.
        (None, ["acme"]),
        ("globex", ["globex"]),
        ("*", ["acme", "default", "globex"]),
        (None, ["acme", "default", "globex"]),
        ("acme", ["acme"]),
    ):
        made = let_in(database, name, tenant)
        assert tenants(database, name, made.password) == seen
        assert made.is_limited == (len(seen) == 1)


def test_a_limit_outlives_the_role(database: str, name: str) -> None:
    catalogue(database, "acme")
    let_in(database, name, "acme")
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(f"DROP ROLE {name}".encode())
    made = let_in(database, name)
    assert made.is_limited
    assert tenants(database, name, made.password) == ["acme"]


def test_a_tenant_that_does_not_exist_is_refused(database: str, name: str, tmp_path: Path) -> None:
    ended = command(
        "analyst",
        name,
        "--tenant",
        "acmee",
        FATURE_DATABASE_URL=database,
        FATURE_DATA_DIR=str(tmp_path),
    )
    assert ended.returncode == 1
    assert ended.stderr == "error: tenant: There is no tenant acmee\n"
    assert ended.stdout == ""
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None


@pytest.mark.parametrize(
    "other", ["fature_owner", "fature_app", "fature_analyst", "pg_monitor", "Ana", 'a"; DROP', ""]
)
def test_other_roles_are_left_alone(database: str, other: str) -> None:
    with pytest.raises(AnalystRefused):
        let_in(database, other)


def test_a_role_of_the_same_name_with_other_duties_is_refused(database: str, name: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN IN ROLE fature_app, fature_analyst".encode())
    with pytest.raises(AnalystRefused, match="other duties"):
        let_in(database, name)


def test_grafana_sees_every_tenant(database: str) -> None:
    catalogue(database, "acme")
    made = let_in(database, "fature_grafana")
    assert tenants(database, "fature_grafana", made.password) == ["acme", "default"]
    with pytest.raises(AnalystRefused, match="sees every tenant"):
        let_in(database, "fature_grafana", "acme")

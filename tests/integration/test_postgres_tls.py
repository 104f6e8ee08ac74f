"""TLS to PostgreSQL, asked for in the URL and checked against a certificate authority.

With a local PostgreSQL that speaks it: the one of the wheel does not.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import trustme
from psycopg.conninfo import make_conninfo

from sql.database import create_pool, fetch_all
from sql.embedded import embedded_postgres
from sql.errors import DatabaseUnavailable
from tests.instances import command, fails_clearly


@dataclass(frozen=True)
class TlsServer:
    """A PostgreSQL with a certificate for 127.0.0.1, and authorities that did and did not
    issue it.
    """

    url: str
    authority: Path
    stranger: Path


def speaks_tls(home: Path) -> bool:
    """Whether this installation was built with OpenSSL."""
    built = subprocess.run([home / "bin" / "pg_config", "--configure"], capture_output=True)
    return b"openssl" in built.stdout


@pytest.fixture(scope="module")
def tls(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    homes = [path.parent.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_config")]
    home = next((home for home in sorted(homes, reverse=True) if speaks_tls(home)), None)
    if home is None:
        pytest.skip("no local PostgreSQL speaks TLS")
    folder = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    trustme.CA().cert_pem.write_to_path(folder / "stranger.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.key").chmod(0o600)
    settings = {
        "ssl": "on",
        "ssl_cert_file": str(folder / "server.pem"),
        "ssl_key_file": str(folder / "server.key"),
    }
    with embedded_postgres(folder / "data", postgres_home=home, settings=settings) as server:
        yield TlsServer(server.url, folder / "authority.pem", folder / "stranger.pem")


def verified(tls: TlsServer, authority: Path, **more: str) -> str:
    return make_conninfo(tls.url, sslmode="verify-full", sslrootcert=str(authority), **more)


@pytest.mark.anyio
async def test_the_pool_speaks_tls_with_a_verified_server(tls: TlsServer) -> None:
    async with (
        create_pool(verified(tls, tls.authority), size=1) as pool,
        pool.connection() as conn,
    ):
        cursor = await conn.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert await cursor.fetchone() == {"ssl": True}


@pytest.mark.anyio
async def test_a_server_of_another_authority_gets_no_connection(tls: TlsServer) -> None:
    async with create_pool(verified(tls, tls.stranger), size=1, timeout=2) as pool:
        with pytest.raises(DatabaseUnavailable):
            await fetch_all(pool, "installation")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(verified(tls, tls.stranger))


def test_a_certificate_of_another_name_is_refused(tls: TlsServer) -> None:
    elsewhere = verified(tls, tls.authority, host="db.example.com", hostaddr="127.0.0.1")
    with pytest.raises(psycopg.OperationalError, match=r"does not match host name|server certif"):
        psycopg.connect(elsewhere)


def test_commands_use_tls_or_say_why_not(tls: TlsServer, tmp_path: Path) -> None:
    settings = {"FATURE_DATA_DIR": str(tmp_path)}
    url = f"{tls.url}?sslmode=verify-full&sslrootcert="
    done = command("migrate", **settings, FATURE_DATABASE_URL=f"{url}{tls.authority}")
    assert done.returncode == 0, done.stderr
    password = tls.url.split(":")[2].partition("@")[0]
    assert password not in done.stdout + done.stderr
    fails_clearly(
        "certificate verify failed",
        **settings,
        FATURE_DATABASE_URL=f"{url}{tls.stranger}",
        FATURE_ADMIN_KEY="test-admin-key-0123456789",
    )


def test_no_password_is_told_when_the_database_is_away_or_refuses(
    tls: TlsServer, tmp_path: Path
) -> None:
    wrong = make_conninfo(tls.url, password="hush-0123456789")
    away = make_conninfo(wrong, port="1")
    nowhere = make_conninfo(wrong, host="no.such.host.invalid")
    for url in (wrong, away, nowhere):
        ended = command("migrate", FATURE_DATA_DIR=str(tmp_path), FATURE_DATABASE_URL=url)
        assert ended.returncode == 1
        assert "error: " in ended.stderr
        assert "hush" not in ended.stdout + ended.stderr

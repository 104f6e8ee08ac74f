"""A real PgBouncer with the configuration that docker-compose.yml uses."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import ROOT, free_port
from tests.killable import until

# Debian's place, which is not on everybody's path.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """The URL of the same database, as the same user, through the pool."""
    assert PROGRAM is not None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fature-pgbouncer-") as name:
        folder = Path(name)
        config = folder / "pgbouncer.ini"
        config.write_text(_configuration(url, port, folder))
        params = conninfo_to_dict(url)
        (folder / "userlist.txt").write_text(f'"{params["user"]}" "{params["password"]}"\n')
        # It refuses to run as root, as PostgreSQL does.
        account = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        if account is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, account, -1)
        process = subprocess.Popen([PROGRAM, "-q", config], cwd="/", user=account)
        try:
            until(lambda: _answers(port))
            yield make_conninfo(url, host="127.0.0.1", port=port)
        finally:
            process.terminate()
            process.wait(30)


def _configuration(url: str, port: int, folder: Path) -> str:
    """The project's, but for addresses and places."""
    params = conninfo_to_dict(url)
    text = (ROOT / "deploy" / "compose" / "pgbouncer.ini").read_text()
    for mine, here in {
        "fature = host=db port=5432 dbname=fature": (
            f"{params['dbname']} = host={params['host']} port={params['port']}"
        ),
        "listen_addr = *": "listen_addr = 127.0.0.1",
        "listen_port = 6432": f"listen_port = {port}",
        "auth_file = /run/secrets/": f"auth_file = {folder}/",
    }.items():
        assert mine in text
        text = text.replace(mine, here)
    return text


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True

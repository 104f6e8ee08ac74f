"""The data folder: created once, its settings written anew before every start."""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sql.embedded.account import Account, with_name
from sql.embedded.errors import EmbeddedPostgresError
from sql.embedded.installation import Installation
from sql.embedded.tuning import machine_memory, rendered, tuned_settings
from sql.private_files import ExposedFile, require_private

OWNER = "fature_owner"
DATABASE = "fature"

_SETTINGS_FILE = "fature.conf"
_STAGING_PREFIX = "postgres.new-"


@dataclass(frozen=True)
class Cluster:
    """The data folder `home`/postgres with what belongs to it."""

    home: Path
    installation: Installation
    account: Account

    @property
    def pgdata(self) -> Path:
        return pgdata_of(self.home)

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def program(self, name: str) -> Path:
        return self.installation.bin / name

    def url(self, port: int, database: str = DATABASE) -> str:
        return f"postgresql://{OWNER}:{_password(self.home)}@127.0.0.1:{port}/{database}"


def pgdata_of(home: Path) -> Path:
    return home / "postgres"


def data_version(home: Path) -> int | None:
    """The major version of the data, or None where there are none yet."""
    pgdata = pgdata_of(home)
    try:
        return int((pgdata / "PG_VERSION").read_text())
    except FileNotFoundError as error:
        if pgdata.exists() and any(pgdata.iterdir()):
            raise EmbeddedPostgresError(
                f"{pgdata} holds files but no PostgreSQL data: move it away, or choose another "
                "FATURE_DATA_DIR."
            ) from error
        return None


def create(cluster: Cluster) -> None:
    """Runs initdb in a folder aside, renamed when complete: a half-made one is never taken."""
    for leftover in cluster.home.glob(f"{_STAGING_PREFIX}*"):
        # Errors ignored: the initdb of a killed process may still be writing there.
        shutil.rmtree(leftover, ignore_errors=True)
    # Each attempt has a name of its own, so that such an initdb cannot write into this one.
    staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=cluster.home))
    try:
        _initdb(cluster, staging)
        if cluster.pgdata.exists():
            cluster.pgdata.rmdir()
        (staging / "data").rename(cluster.pgdata)
        _sync_folder(cluster.home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _initdb(cluster: Cluster, staging: Path) -> None:
    password_file = staging / "password"
    _write_private(password_file, _password_for_new_data(cluster.home))
    account = with_name(cluster.account, staging)
    account.own(staging)
    command = [
        str(cluster.program("initdb")),
        f"--pgdata={staging / 'data'}",
        f"--pwfile={password_file}",
        f"--username={OWNER}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--data-checksums",
    ]
    for locale in _locales(cluster.installation.major):
        result = account.run([*command, *locale])
        if result.returncode == 0:
            break
    else:
        output = (result.stdout + result.stderr).strip()
        raise EmbeddedPostgresError(
            cluster.account.explain(f"initdb could not create {cluster.pgdata}:\n{output}")
        )
    with (staging / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write(f"\ninclude '{_SETTINGS_FILE}'\n")


def _locales(major: int) -> Iterator[tuple[str, ...]]:
    """initdb's options, best first: text as code points, letters of all alphabets known."""
    if major >= 17:
        yield "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"
    yield ("--locale=C.UTF-8",)
    yield ("--locale=C",)


def write_settings(cluster: Cluster, port: int, overrides: Mapping[str, str]) -> None:
    settings = tuned_settings(
        memory=machine_memory(),
        wal_compression="lz4" if _can_compress_with_lz4(cluster) else "on",
        timescaledb=cluster.installation.timescaledb is not None,
    )
    text = rendered(settings | {"port": str(port)} | dict(overrides))
    _write_private(cluster.pgdata / _SETTINGS_FILE, text, cluster.account)


def previous_port(cluster: Cluster) -> int | None:
    path = cluster.pgdata / _SETTINGS_FILE
    match = re.search(r"^port = '(\d+)'$", path.read_text(), re.M) if path.exists() else None
    return int(match[1]) if match else None


def _can_compress_with_lz4(cluster: Cluster) -> bool:
    # Asked of the program itself, apart from the settings of the last start.
    question = ("-c", "config_file=/dev/null", "-c", "wal_compression=lz4", "-C", "wal_compression")
    command = (cluster.program("postgres"), "-D", cluster.pgdata, *question)
    return cluster.account.run(command).returncode == 0


def _password_file(home: Path) -> Path:
    return home / "postgres.password"


def _password(home: Path) -> str:
    path = _password_file(home)
    try:
        require_private(path)
        return path.read_text().strip()
    except ExposedFile as error:
        raise EmbeddedPostgresError(str(error)) from error
    except FileNotFoundError as error:
        raise EmbeddedPostgresError(
            f"{path} is missing, the password of the data in {pgdata_of(home)}: restore it from a "
            "backup, or move that folder away to start with an empty database."
        ) from error


def _password_for_new_data(home: Path) -> str:
    if not _password_file(home).exists():
        _write_private(_password_file(home), secrets.token_urlsafe(32))
    return _password(home)


def _write_private(path: Path, text: str, owner: Account | None = None) -> None:
    """Replaces a file in one step; never through a link that another account put there."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary = Path(name)
    if owner is not None:
        owner.own(temporary)
    temporary.replace(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

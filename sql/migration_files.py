"""The files of migrations: which there are for an engine, and in which order they run.

Once-only files are ``migrations/NNNN_name.sql`` with ``.down.sql`` beside them; files
whose name ends in ``.timescale.sql`` or ``.plain.sql`` belong to that engine alone.
Files under ``repeatable/`` (views, functions, grants) run again whenever they change.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sql.engine import Engine

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Migration:
    """One file for one engine."""

    version: str
    up: Path
    down: Path | None

    @property
    def repeatable(self) -> bool:
        """Whether it runs again when it changes, and cannot be rolled back."""
        return self.down is None

    @property
    def checksum(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.up.read_bytes()).hexdigest()


def migrations_for(engine: Engine, folder: Path = FOLDER) -> list[Migration]:
    """Every file of that engine in the order it runs, repeatable ones last."""
    return [
        Migration(_version(up), up, _down_file(up, engine))
        for up in _engine_files(folder / "migrations", engine)
    ] + [
        Migration(_version(path), path, None)
        for path in _engine_files(folder / "repeatable", engine)
    ]


def _engine_files(folder: Path, engine: Engine) -> list[Path]:
    """``name.sql`` and ``name.<engine>.sql``, without the other engine's and down files."""
    return sorted(
        path
        for path in folder.glob("*.sql")
        if len(parts := path.name.split(".")) == 2 or (len(parts) == 3 and parts[1] == engine)
    )


def _version(path: Path) -> str:
    return path.name.split(".")[0]


def _down_file(up: Path, engine: Engine) -> Path:
    """``name.down.sql``, or ``name.down.<engine>.sql`` where the engines differ."""
    common = up.parent / f"{_version(up)}.down.sql"
    return common if common.exists() else common.with_name(f"{_version(up)}.down.{engine}.sql")

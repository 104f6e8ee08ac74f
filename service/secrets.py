"""Secrets the service makes for itself and keeps in its data directory."""

import os
import secrets
from pathlib import Path


def stored_secret(data_dir: Path, name: str) -> tuple[str, bool]:
    """The secret of that name, made on first use; and whether it was made just now.

    The file is readable by its owner alone. Two processes that start at once agree: the
    one that links its file second reads the first one's.
    """
    path = data_dir / name
    if path.exists():
        return path.read_text(encoding="utf-8").strip(), False
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".{name}.{os.getpid()}"
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(32) + "\n", encoding="utf-8")
    try:
        os.link(draft, path)
        made = True
    except FileExistsError:
        made = False
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8").strip(), made


def admin_key(given: str | None, data_dir: Path) -> tuple[str, bool]:
    """The first admin key: the given one, else the stored one; and whether it is new."""
    return (given, False) if given else stored_secret(data_dir, "admin_key")


def signing_secret(given: str | None, data_dir: Path) -> str:
    """What signs tokens and hashes keys: the given secret, else the stored one."""
    return given or stored_secret(data_dir, "secret")[0]

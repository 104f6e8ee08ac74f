"""Secrets the service makes for itself and keeps in its data directory, and weak ones."""

import os
import re
import secrets
import tempfile
from itertools import pairwise
from pathlib import Path

from sql.private_files import require_private

MINIMUM_BYTES = 32
_PLACEHOLDER = re.compile(r"change.?(me|this)|password|your.?secret|example", re.IGNORECASE)


def weakness(secret: str) -> str | None:
    """Why `secret` could be guessed, or None. What was drawn at random passes."""
    if len(secret.encode()) < MINIMUM_BYTES:
        return f"shorter than {MINIMUM_BYTES} bytes"
    if _PLACEHOLDER.search(secret):
        return "a placeholder"
    if len(set(secret)) < 8:
        return "made of few different characters"
    triples = [secret[start : start + 3] for start in range(len(secret) - 2)]
    if len(set(triples)) < len(triples) * 0.7:
        return "a repetition"
    steps = [ord(after) - ord(before) for before, after in pairwise(secret)]
    if sum(abs(step) <= 1 for step in steps) > len(steps) * 0.6:
        return "a sequence"
    return None


def stored_secret(data_dir: Path, name: str) -> tuple[str, bool]:
    """The secret of that name, made on first use; and whether it was made just now.

    The file is readable by its owner alone. Two processes that start at once agree: the
    one that links its file second reads the first one's.

    Raises:
        ExposedFile: others may read the file.
    """
    path = data_dir / name
    if path.exists():
        require_private(path)
        return path.read_text(encoding="utf-8").strip(), False
    data_dir.mkdir(parents=True, exist_ok=True)
    # Readable by this user alone from the start.
    descriptor, draft = tempfile.mkstemp(prefix=f".{name}-", dir=data_dir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(draft, path)
        made = True
    except FileExistsError:
        made = False
    finally:
        Path(draft).unlink()
    return path.read_text(encoding="utf-8").strip(), made


def admin_key(given: str | None, data_dir: Path) -> tuple[str, bool]:
    """The first admin key: the given one, else the stored one; and whether it is new."""
    return (given, False) if given else stored_secret(data_dir, "admin_key")


def signing_secret(given: str | None, data_dir: Path) -> str:
    """The secret that signs tokens and hashes keys: the given one, else the stored one."""
    return given or stored_secret(data_dir, "secret")[0]

"""Files that hold secrets: not for everybody on the machine."""

import os
import shlex
import stat
from pathlib import Path


class ExposedFile(Exception):
    """A file with a secret can be read or changed by others; the message says what to run."""


def require_private(path: Path) -> None:
    """Refuse a file that others may read or write.

    A group may read a file that belongs to another user: that is how Kubernetes mounts secrets
    for a process that is not root (``defaultMode: 0400`` with ``fsGroup`` becomes 0440).

    Raises:
        ExposedFile: they may.
        OSError: there is no such file.
    """
    found = path.stat()
    allowed = stat.S_IRUSR | stat.S_IWUSR
    if found.st_uid != os.geteuid():
        allowed |= stat.S_IRGRP
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o066 & ~allowed:
        raise ExposedFile(
            f"{path} holds a secret, and its mode {mode:04o} lets others read or change it: "
            f"run `chmod 600 {shlex.quote(str(path))}`"
        )

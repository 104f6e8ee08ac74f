"""Advisory file locks, which the kernel releases however a process ends."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


class FileLock:
    """flock on a file; each object is a holder of its own, also within one process."""

    def __init__(self, path: Path) -> None:
        # Not inherited by programs this process starts: the server must not hold it.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def share(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def exclude(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def try_exclude(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds a lock alone, waiting for it as long as it takes."""
    lock = FileLock(path)
    try:
        if not lock.try_exclude():
            logger.info(
                "waiting for another process that starts or stops the embedded PostgreSQL",
                extra={"action": "embedded_postgres_wait"},
            )
            lock.exclude()
        yield
    finally:
        lock.close()

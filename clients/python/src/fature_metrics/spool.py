"""Samples that wait in files, so that they survive the process.

A folder for each process, locked while it lives; in it a file for each batch, named by the
batch's idempotency key, one sample a line. What a process that is gone left behind is sent by
the next one under the same keys, so that nothing counts twice. A sample is kept once the
operating system has it: it survives ``kill -9``, not a power failure.
"""

import fcntl
import os
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from fature_metrics.buffer import Batch

_LOCK = "lock"
_SUFFIX = ".ndjson"


@dataclass(slots=True)
class _Segment:
    """A file of samples; `descriptor` is None once nothing is added any more."""

    path: Path
    count: int
    descriptor: int | None = None

    def seal(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def samples(self) -> list[bytes]:
        """All whole lines: half a line is of a process that ended before it was kept."""
        return self.path.read_bytes().split(b"\n")[:-1]


class Spool:
    """Up to `limit` samples in files below `folder`, sent `batch_size` at a time."""

    def __init__(self, folder: Path, limit: int, batch_size: int) -> None:
        self.limit, self.batch_size = limit, batch_size
        self._lock = Lock()
        self._segments: deque[_Segment] = deque()
        self._taken: Batch | None = None
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._locks = [lock for left in sorted(folder.iterdir()) if (lock := self._adopt(left))]
        self._own = folder / uuid.uuid4().hex
        self._own.mkdir(mode=0o700)
        lock = _locked(self._own)
        assert lock is not None, "nobody else knows this folder yet"
        self._locks.append(lock)
        self._total = sum(segment.count for segment in self._segments)

    def add(self, sample: bytes) -> bool:
        """Keep a sample; False where there is no room, also on the disk."""
        with self._lock:
            if self._total >= self.limit:
                return False
            try:
                segment = self._open_segment()
                assert segment.descriptor is not None
                if not _written(segment.descriptor, sample + b"\n"):
                    return False
            except OSError:
                return False
            segment.count += 1
            self._total += 1
            if segment.count >= self.batch_size:
                segment.seal()
            return True

    def take(self) -> Batch | None:
        """The samples of the oldest file; nothing is added to it any more."""
        with self._lock:
            while self._taken is None and self._segments:
                oldest = self._segments[0]
                oldest.seal()
                if samples := oldest.samples():
                    self._taken = Batch(oldest.path.stem.partition("-")[2], samples)
                else:
                    self._drop_oldest()
            return self._taken

    def done(self) -> None:
        """The oldest file is no longer needed."""
        with self._lock:
            if self._taken is not None:
                self._taken = None
                self._drop_oldest()

    def close(self) -> int:
        """Leave what waits to the next process; nothing is lost."""
        with self._lock:
            for segment in self._segments:
                segment.seal()
            for folder, descriptor in self._locks:
                if not any(segment.path.parent == folder for segment in self._segments):
                    _remove(folder)
                os.close(descriptor)
            self._locks.clear()
            self._segments.clear()
            return 0

    def abandon(self) -> None:
        """In a process that was forked: the files are the parent's, and so are their locks."""
        for segment in self._segments:
            segment.seal()
        for _, descriptor in self._locks:
            os.close(descriptor)

    def __len__(self) -> int:
        with self._lock:
            return self._total

    def _open_segment(self) -> _Segment:
        if not self._segments or self._segments[-1].descriptor is None:
            # In the order of their names when another process finds them.
            self._number += 1
            path = self._own / f"{self._number:09d}-{uuid.uuid4()}{_SUFFIX}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            self._segments.append(_Segment(path, 0, descriptor))
        return self._segments[-1]

    def _drop_oldest(self) -> None:
        oldest = self._segments.popleft()
        oldest.path.unlink(missing_ok=True)
        self._total -= oldest.count

    def _adopt(self, left: Path) -> tuple[Path, int] | None:
        """Take over what a process that is gone has left."""
        if not left.is_dir() or (lock := _locked(left)) is None:
            return None
        for path in sorted(left.glob(f"*{_SUFFIX}")):
            segment = _Segment(path, 0)
            segment.count = len(segment.samples())
            self._segments.append(segment)
        return lock


def _remove(folder: Path) -> None:
    (folder / _LOCK).unlink(missing_ok=True)
    with suppress(OSError):  # another process looks into it at this moment
        folder.rmdir()


def _locked(folder: Path) -> tuple[Path, int] | None:
    """A folder and the descriptor that holds its lock; None where another process has it."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:  # its process removed it just now
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return folder, descriptor


def _written(descriptor: int, line: bytes) -> bool:
    """Whether the whole line is in the file; where the disk is full nothing of it is."""
    before = os.fstat(descriptor).st_size
    try:
        whole = os.write(descriptor, line) == len(line)
    except OSError:
        whole = False
    if not whole:
        os.ftruncate(descriptor, before)
    return whole

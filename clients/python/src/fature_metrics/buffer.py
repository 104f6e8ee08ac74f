"""Where samples wait to be sent: in memory, or in files that survive the process."""

import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples that are sent together under one idempotency `key`, always the same ones."""

    key: str
    samples: Sequence[bytes]

    @property
    def body(self) -> bytes:
        """The request's body, the same bytes at every try."""
        return b'{"metrics":[%s]}' % b",".join(self.samples)

    def without(self, indices: set[int]) -> "Batch":
        """The others of a batch that was refused for some; the same key at every such try."""
        left = [one for index, one in enumerate(self.samples) if index not in indices]
        return Batch(str(uuid.uuid5(uuid.UUID(self.key), repr(sorted(indices)))), left)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches of a body that was too large; the same keys at every such try."""
        middle = len(self.samples) // 2
        first = self.without(set(range(middle, len(self.samples))))
        return first, self.without(set(range(middle)))


class Buffer(Protocol):
    """A bounded queue of samples; each is in it until its batch is `done`."""

    def add(self, sample: bytes) -> bool:
        """Keep a sample; False where there is no room."""

    def take(self) -> Batch | None:
        """The oldest samples as a batch; the same again until it is `done`."""

    def done(self) -> None:
        """The batch that was taken is out of the way."""

    def close(self) -> int:
        """Let go; how many samples are lost by that."""

    def abandon(self) -> None:
        """Let go in a process that was forked: the samples are the parent's."""

    def __len__(self) -> int: ...


@dataclass(slots=True)
class MemoryBuffer:
    """Up to `limit` samples in memory, sent `batch_size` at a time."""

    limit: int
    batch_size: int
    _waiting: deque[bytes] = field(default_factory=deque)
    _taken: Batch | None = None
    _lock: Lock = field(default_factory=Lock)

    def add(self, sample: bytes) -> bool:
        with self._lock:
            if self._count() >= self.limit:
                return False
            self._waiting.append(sample)
            return True

    def take(self) -> Batch | None:
        with self._lock:
            if self._taken is None and self._waiting:
                size = min(self.batch_size, len(self._waiting))
                samples = [self._waiting.popleft() for _ in range(size)]
                self._taken = Batch(str(uuid.uuid4()), samples)
            return self._taken

    def done(self) -> None:
        with self._lock:
            self._taken = None

    def close(self) -> int:
        with self._lock:
            lost, self._taken = self._count(), None
            self._waiting.clear()
            return lost

    def abandon(self) -> None:
        self._waiting.clear()

    def __len__(self) -> int:
        with self._lock:
            return self._count()

    def _count(self) -> int:
        return len(self._waiting) + (len(self._taken.samples) if self._taken else 0)

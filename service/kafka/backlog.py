"""Messages that were fetched and wait to be stored, of a partition and of all together."""

from collections import deque
from collections.abc import Sequence

from service.kafka.messages import Record

# What a message takes in memory beside its value.
_OVERHEAD = 500
# Fetching goes on while less waits.
_MOST_OF_A_PARTITION = 4 * 1024 * 1024
_MOST_OF_ALL = 48 * 1024 * 1024


class Load:
    """How many bytes wait in all partitions of this process."""

    def __init__(self) -> None:
        self.waiting = 0

    @property
    def is_full(self) -> bool:
        """Nothing more is to be fetched."""
        return self.waiting >= _MOST_OF_ALL


class Backlog:
    """The messages of one partition in their order."""

    def __init__(self, load: Load) -> None:
        self._records: deque[Record] = deque()
        self._waiting = 0
        self._load = load

    def __len__(self) -> int:
        return len(self._records)

    @property
    def is_full(self) -> bool:
        """This partition is to wait before more is fetched of it."""
        return self._waiting >= _MOST_OF_A_PARTITION or self._load.is_full

    def add(self, records: Sequence[Record]) -> None:
        """Messages that were fetched."""
        self._records.extend(records)
        self._count(sum(map(_size, records)))

    def pop(self) -> Record:
        """The oldest."""
        record = self._records.popleft()
        self._count(-_size(record))
        return record

    def clear(self) -> None:
        """Forget all; they are fetched again."""
        self._records.clear()
        self._count(-self._waiting)

    def _count(self, more: int) -> None:
        self._waiting += more
        self._load.waiting += more


def _size(record: Record) -> int:
    return _OVERHEAD + len(record.value or b"")

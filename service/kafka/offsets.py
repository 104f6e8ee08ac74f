"""Offsets of a consumer group, kept beside the samples they lead to."""

from dataclasses import dataclass
from typing import NamedTuple

from service.metrics.ingest.prepare import Step
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import Conflict
from sql.messages import Message


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Moved(Conflict):
    """The offset is not where it was believed to be: another consumer moved it, or this one did
    in a transaction whose end it did not hear of.
    """

    def __init__(self, place: Place, before: int) -> None:
        super().__init__(
            Message(
                "The offset of {topic}, partition {partition}, is not {offset} any more",
                {"topic": place.topic, "partition": place.partition, "offset": before},
            )
        )


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of one group."""

    pool: Pool
    group: str

    async def stored(self, place: Place) -> int | None:
        """The offset to read next; None where the group has never read there."""
        rows = await fetch_all(self.pool, "kafka_offset", self._params(place))
        return rows[0]["next_offset"] if rows else None

    async def begin(self, place: Place, first: int) -> None:
        """Read from `first` on, unless another consumer of the group has begun."""
        await fetch_all(self.pool, "begin_kafka_offset", self._params(place, after=first))

    def moving(self, place: Place, before: int, after: int) -> Step:
        """The step of a submission that moves the offset on.

        Raises:
            Moved: when it is taken and the offset is not `before`.
        """
        params = self._params(place, before=before, after=after)

        async def step(conn: Connection) -> None:
            if not await run(conn, "move_kafka_offset", params):
                raise Moved(place, before)

        return step

    async def move(self, place: Place, before: int, after: int) -> None:
        """The same by itself."""
        async with connection(self.pool) as conn:
            await self.moving(place, before, after)(conn)

    def _params(self, place: Place, **offsets: int) -> dict[str, str | int]:
        return {"consumer_group": self.group, **place._asdict(), **offsets}

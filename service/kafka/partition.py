"""One partition: its messages are stored in batches, each in one transaction with its offset."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from service.kafka.backlog import Backlog, Load
from service.kafka.dead_letters import DeadLetters
from service.kafka.intake import Intake, Taken
from service.kafka.messages import Record, samples_of
from service.kafka.offsets import Moved, Offsets, Place
from service.kafka.source import Source
from service.kafka.telemetry import LAG, LOST, MESSAGES, RETRIES
from service.metrics.ingest.closed import Closed
from sql.errors import (
    Busy,
    DatabaseError,
    DataRejected,
    DomainError,
    Forbidden,
    Invalid,
    Unauthenticated,
)
from sql.messages import Message

# A batch ends once it has so many samples; one message may bring 1000 more, and ids come in blocks
# of 10,000. The more share a transaction, the less its end costs.
BATCH_SAMPLES = 9000
BATCH_MESSAGES = 5000
# Of batches at once, so that the writer's queue always has room.
BATCHES_AT_ONCE = 8
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# What the database refuses is tried so often before it is taken for the message's fault.
_TRIES = 3
_REFUSED_BY_DATABASE = Message("The database refuses these samples")
# Not the message's fault: it is tried again.
_TRANSIENT = (Busy, Unauthenticated, DatabaseError, KafkaError)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shared:
    """Parts that all partitions of a consumer use."""

    source: Source
    intake: Intake
    offsets: Offsets
    dead_letters: DeadLetters
    load: Load = field(default_factory=Load)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BATCHES_AT_ONCE))


@dataclass(slots=True)
class _Batch:
    """Messages up to the offset `end`, those that are refused apart, by their offsets."""

    end: int
    good: list[Taken] = field(default_factory=list)
    refused: dict[int, tuple[Record, DomainError]] = field(default_factory=dict)

    def refuse(self, reasons: dict[int, DomainError]) -> None:
        for each in self.good:
            if reason := reasons.get(each.record.offset):
                self.refused[each.record.offset] = (each.record, reason)
        self.good = [each for each in self.good if each.record.offset not in reasons]


class Partition:
    """A partition as long as it is this consumer's. `trouble` says why nothing of it is stored
    at the moment.
    """

    def __init__(self, place: Place, shared: Shared) -> None:
        self.place = place
        self.trouble: str | None = None
        self.is_paused = True
        self._shared = shared
        self._next = -1
        self._backlog = Backlog(shared.load)
        self._begun = False
        self._out_of_range = False
        # The offset that Kafka turned out not to have reached.
        self._beyond: int | None = None
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._tries = 0
        # Dead letters that the brokers have, should their batch be read again.
        self._delivered: set[int] = set()

    async def run(self) -> None:
        """Store what is fetched until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._begin()
                while await self._has_messages():
                    await self._store_next()
            except Moved as error:
                self._note_retry("moved", error)
            except _TRANSIENT as error:
                self._note_retry(type(error).__name__.lower(), error)
                await self._pause(error)
            # Whatever it is, a partition that nobody reads would not be missed.
            except Exception as error:
                self._note_retry("error", error)
                _log.error("kafka_batch_failed", exc_info=error)
                await self._pause(error)
        self._backlog.clear()

    def stop(self) -> None:
        """End after the batch that is being stored; what waits is left to whoever comes next."""
        self._stopping.set()
        self._wake.set()

    def take(self, records: Sequence[Record]) -> None:
        """Messages that were fetched."""
        if self._begun:
            self._backlog.add([one for one in records if one.offset >= self._next])
            self._wake.set()
        self.regulate()

    def fell_out_of_range(self) -> None:
        """Kafka does not have the offset that was asked for."""
        self._out_of_range = True
        self._wake.set()

    def regulate(self) -> None:
        """Fetch on or pause, as there is room for more."""
        pause = not self._begun or self._backlog.is_full
        if pause != self.is_paused:
            self.is_paused = pause
            (self._shared.source.pause if pause else self._shared.source.resume)(self.place)

    def note_lag(self) -> None:
        """Tell how many messages wait."""
        end = self._shared.source.end(self.place)
        if end is not None and self._begun:
            LAG.labels(self.place.topic, self.place.partition).set(max(end - self._next, 0))

    async def _begin(self) -> None:
        """Read on from where the database says that this group is."""
        self._begun = False
        self._backlog.clear()
        self.regulate()
        offsets, source = self._shared.offsets, self._shared.source
        stored = await offsets.stored(self.place)
        if stored is None:
            await offsets.begin(self.place, await source.first(self.place))
            stored = await offsets.stored(self.place)
            assert stored is not None
        self._next = stored
        self._check_end()
        self._delivered = {offset for offset in self._delivered if offset >= stored}
        source.go_to(self.place, stored)
        self._begun = True
        self.regulate()

    async def _has_messages(self) -> bool:
        """Wait for messages; False at the end."""
        while not self._stopping.is_set():
            if self._out_of_range:
                await self._return_to_range()
            elif self._backlog:
                return True
            else:
                self._wake.clear()
                await self._wake.wait()
        return False

    async def _store_next(self) -> None:
        async with self._shared.room:
            await self._settle(self._gathered())
        self._tries = 0
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self.trouble = None
        self.regulate()

    def _gathered(self) -> _Batch:
        """The messages that wait, as many as make a batch."""
        batch, samples = _Batch(self._next), 0
        while self._backlog and samples < BATCH_SAMPLES and len(batch.good) < BATCH_MESSAGES:
            record = self._backlog.pop()
            batch.end = record.offset + 1
            try:
                taken = Taken(record, samples_of(record))
            except Invalid as reason:
                batch.refused[record.offset] = (record, reason)
                continue
            batch.good.append(taken)
            samples += len(taken.decoded.samples)
        return batch

    async def _settle(self, batch: _Batch) -> None:
        """The good messages are stored and the offset moves on with them, once the brokers have
        those that are refused.
        """
        if any(each.decoded.problems for each in batch.good):
            batch.refuse(dict(await self._shared.intake.refusals(batch.good)))
        while True:
            await self._bury(batch)
            try:
                await self._commit(batch)
            except (Invalid, Forbidden, Closed, DataRejected) as error:
                if not await self._refuse(batch, error):
                    await self._halve(batch)
                    return
            else:
                return

    async def _commit(self, batch: _Batch) -> None:
        step = self._shared.offsets.moving(self.place, self._next, batch.end)
        await self._shared.intake.record(batch.good, step)
        self._next = batch.end
        self._delivered.clear()
        MESSAGES.labels(self.place.topic, self.place.partition).inc(len(batch.good))

    async def _bury(self, batch: _Batch) -> None:
        """Send the dead letters that were not sent before."""
        due = {at: one for at, one in batch.refused.items() if at not in self._delivered}
        if due:
            await self._shared.dead_letters.send(due)
            self._delivered |= due.keys()

    async def _refuse(self, batch: _Batch, error: DomainError | DataRejected) -> bool:
        """Set the messages at fault apart; False where it may be any of several."""
        reasons = dict(await self._shared.intake.refusals(batch.good))
        if not reasons and len(batch.good) == 1:
            reasons[batch.good[0].record.offset] = self._reason(error)
        batch.refuse(reasons)
        return bool(reasons)

    def _reason(self, error: DomainError | DataRejected) -> DomainError:
        if isinstance(error, DomainError):
            return error
        self._tries += 1
        if self._tries < _TRIES:
            raise error
        refusal = DomainError(_REFUSED_BY_DATABASE)
        refusal.__cause__ = error
        return refusal

    async def _halve(self, batch: _Batch) -> None:
        """Store one half after the other, so that the message at fault is found."""
        middle = len(batch.good) // 2
        await self._settle(_Batch(batch.good[middle].record.offset, batch.good[:middle]))
        await self._settle(_Batch(batch.end, batch.good[middle:]))

    async def _return_to_range(self) -> None:
        """Go on with the oldest message where Kafka deleted what was not read. Beyond the end
        nothing is right: the log is another, or shorter than it was.
        """
        self._out_of_range = False
        beginning = await self._shared.source.beginning(self.place)
        if beginning <= self._next:
            self._beyond = self._next
            self._check_end()
        LOST.labels(self.place.topic).inc(beginning - self._next)
        _log.error("kafka_messages_lost", **self.place._asdict(), first=self._next, next=beginning)
        await self._shared.offsets.move(self.place, self._next, beginning)
        await self._begin()

    def _check_end(self) -> None:
        """Refuse to go on beyond the end, also once the log has grown past it: what is there then
        is not what was read. Whoever moves the offset says that it is right.
        """
        if self._beyond == self._next:
            raise OffsetOutOfRangeError(
                f"Kafka has no offset {self._next} of {self.place.topic}, partition "
                f"{self.place.partition}: docs/kafka.md says what to do"
            )

    def _note_retry(self, reason: str, error: Exception) -> None:
        RETRIES.labels(self.place.topic, reason).inc()
        _log.warning("kafka_retry", **self.place._asdict(), reason=str(error))

    async def _pause(self, error: Exception) -> None:
        """Wait before the next try, ever longer."""
        self.trouble = str(error)
        self._begun = False
        self.regulate()
        try:
            async with asyncio.timeout(self._pause_seconds):
                await self._stopping.wait()
        except TimeoutError:
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)

"""The consumer: a member of its group, which is given partitions and has each stored."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

import structlog
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from service.kafka.dead_letters import DeadLetters
from service.kafka.intake import Intake
from service.kafka.offsets import Offsets, Place
from service.kafka.partition import Partition, Shared
from service.kafka.source import Source, new_consumer, new_producer, why_unreachable
from service.kafka.telemetry import ASSIGNED, PAUSED, READY, expect, forget
from service.runtime.recording import Recording
from service.runtime.settings import Settings
from service.runtime.stopping import end_tasks

_POLL_MILLISECONDS = 500
# A batch that is being stored is waited for so long before its partition is given back.
_HAND_OVER_SECONDS = 5.0
_RECONNECT_SECONDS = 2.0

_log = structlog.get_logger()


class Consumer:
    """Consumes the topics of the settings until it is told to stop."""

    def __init__(self, settings: Settings, recording: Recording, key: str) -> None:
        self._settings = settings
        self._intake = Intake(recording, key)
        self._offsets = Offsets(recording.pool, settings.kafka_group)
        self._partitions: dict[Place, Partition] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._problem: str | None = "connecting"

    @property
    def problems(self) -> list[str]:
        """Why it does not consume, or not everything; none where it is ready."""
        troubles = [
            f"{one.place.topic}, partition {one.place.partition}: {one.trouble}"
            for one in list(self._partitions.values())
            if one.trouble
        ]
        return [self._problem, *troubles] if self._problem else troubles

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; then store what was begun, and leave the group."""
        while not stop.is_set():
            try:
                await self._consume_and_explain(stop)
            # Whatever it is, it is not the end of what waits in the topics.
            except Exception as error:
                _log.error("kafka_consumer_failed", exc_info=error)
                await self._reconnect_later(stop, str(error) or type(error).__name__)

    async def _consume_and_explain(self, stop: asyncio.Event) -> None:
        """Consume; where the brokers end it, note why, and wait for a while."""
        try:
            await self._consume(stop)
        except KafkaError as error:
            reasons = await why_unreachable(self._settings)
            reason = "; ".join([str(error) or type(error).__name__, *reasons])
            _log.warning("kafka_unreachable", reason=reason)
            await self._reconnect_later(stop, reason)

    async def _reconnect_later(self, stop: asyncio.Event, problem: str) -> None:
        self._problem = problem
        self._note()
        await _sleep_unless(stop, _RECONNECT_SECONDS)

    async def _consume(self, stop: asyncio.Event) -> None:
        consumer, producer = new_consumer(self._settings), new_producer(self._settings)
        try:
            await _unless(stop, _start(consumer, producer))
            if stop.is_set():
                return
            shared = self._shared(consumer, producer)
            consumer.subscribe(self._settings.kafka_topics, listener=_Listener(self, shared))
            await _unless(stop, self._poll(consumer))
        finally:
            await self.give_back()
            await consumer.stop()
            await producer.stop()

    def _shared(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> Shared:
        settings = self._settings
        letters = DeadLetters(producer, settings.kafka_dead_letter_topic, settings.kafka_group)
        source = Source(consumer, settings.kafka_start)
        return Shared(source, self._intake, self._offsets, letters)

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Hand what is fetched to its partitions."""
        while True:
            try:
                fetched = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)
            except OffsetOutOfRangeError as error:
                for partition in error.args[0]:
                    if found := self._partitions.get(Place(*partition)):
                        found.fell_out_of_range()
                continue
            except NoOffsetForPartitionError:  # until it is told to go to its own
                continue
            for partition, records in fetched.items():
                if found := self._partitions.get(Place(*partition)):
                    found.take(records)
            self._note()

    def assign(self, partitions: Collection[TopicPartition], shared: Shared) -> None:
        """Begin with partitions that are this consumer's now."""
        for place in (Place(*one) for one in partitions):
            # Anywhere, so that it is not looked for at the brokers; and nothing is read there.
            shared.source.pause(place)
            shared.source.go_to(place, 0)
            expect(place.topic)
            partition = self._partitions[place] = Partition(place, shared)
            self._tasks[place] = asyncio.create_task(partition.run())
        self._problem = None
        _log.info(
            "kafka_assigned", partitions=[f"{one.topic}/{one.partition}" for one in partitions]
        )

    async def give_back(self) -> None:
        """Store what was begun and end with all partitions."""
        partitions, tasks = self._partitions, list(self._tasks.values())
        self._partitions, self._tasks = {}, {}
        for partition in partitions.values():
            partition.stop()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_HAND_OVER_SECONDS)
            if late:
                await end_tasks(*late)
        for place in partitions:
            forget(*place)
        self._problem = "waiting for partitions"

    def _note(self) -> None:
        partitions = self._partitions.values()
        for one in partitions:
            one.note_lag()
        ASSIGNED.set(len(partitions))
        PAUSED.set(sum(one.is_paused for one in partitions))
        READY.set(not self.problems)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Told by aiokafka when the group is balanced anew."""

    def __init__(self, consumer: Consumer, shared: Shared) -> None:
        self._consumer = consumer
        self._shared = shared

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """All of them, each time."""
        await self._consumer.give_back()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Those of this member from now on; none where there are more members than partitions."""
        self._consumer.assign(assigned, self._shared)


async def _start(consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
    await consumer.start()
    await producer.start()


async def _unless(stop: asyncio.Event, doing: Coroutine[Any, Any, None]) -> None:
    """Do that, but no longer than until `stop`."""
    task = asyncio.create_task(doing)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        stopped.cancel()
        await end_tasks(task)


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    await _unless(stop, asyncio.sleep(seconds))

"""Topics of a broker that speaks Kafka's protocol, and what is sent to them and read from them."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from bench import broker
from tests.cable import Cable

Message = tuple[bytes | None, bytes | None]

needs_mock_cluster = pytest.mark.skipif(
    find_spec("confluent_kafka") is None,
    reason="needs confluent-kafka, which has no wheel for this machine",
)
needs_broker = pytest.mark.skipif(not broker.has_broker(), reason=broker.NO_BROKER)


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker at `address`."""

    address: str

    def create(self, *topics: str, partitions: int = 1) -> None:
        """Topics without messages."""

        async def work() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                await admin.create_topics([NewTopic(name, partitions, 1) for name in topics])
            finally:
                await admin.close()

        asyncio.run(work())

    def send(
        self, topic: str, messages: Iterable[Message], *, partition: int = 0, **options: Any
    ) -> None:
        """Keys and values in their order to one partition; all are with the broker then."""

        async def work() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.address, **options)
            await producer.start()
            try:
                for key, value in messages:
                    await producer.send(topic, value, key, partition=partition)
                await producer.flush()
            finally:
                await producer.stop()

        asyncio.run(work())

    def read(self, topic: str, count: int, seconds: float = 60) -> list[Any]:
        """The first messages of a topic's only partition."""

        async def work() -> list[Any]:
            consumer = AIOKafkaConsumer(bootstrap_servers=self.address)
            await consumer.start()
            try:
                where = TopicPartition(topic, 0)
                consumer.assign([where])
                consumer.seek(where, 0)
                return [await consumer.getone() for _ in range(count)]
            finally:
                await consumer.stop()

        return asyncio.run(asyncio.wait_for(work(), seconds))


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker on a free port; killed at the end."""
    with broker.running_broker(folder) as running:
        yield Broker(running.address)


@contextmanager
def connected_broker(folder: Path, way: Cable) -> Iterator[Broker]:
    """The same with nothing but that cable to it, mended."""
    with broker.running_broker(folder, way.port) as running:
        way.mend(running.port)
        yield Broker(f"127.0.0.1:{way.port}")


@contextmanager
def mock_cluster(brokers: int) -> Iterator[Broker]:
    """librdkafka's mock cluster, which makes topics of four partitions as they are asked for; it
    keeps everything in memory of this process.
    """
    from confluent_kafka import Producer

    settings = {"test.mock.num.brokers": brokers, "bootstrap.servers": "none"}
    # It lives as long as the client that it was made for.
    producer = Producer(settings)
    found = producer.list_topics(timeout=10).brokers.values()
    yield Broker(",".join(f"{one.host}:{one.port}" for one in found))
    del producer

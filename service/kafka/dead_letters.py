"""Dead letters: messages that were refused, in a topic of their own with the reason."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from service.kafka.messages import Record
from service.kafka.telemetry import DEAD_LETTERS
from sql.errors import DomainError

# Of a batch with more, the first say what is wrong.
_MOST_PROBLEMS = 20

_log = structlog.get_logger()


class DeadLetters:
    """Sends what was refused by this group."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, group: str) -> None:
        self._producer = producer
        self._topic = topic
        self._group = group

    async def send(self, refused: Mapping[int, tuple[Record, DomainError]]) -> None:
        """Returns once the brokers have all of them.

        Raises:
            KafkaError: they may have some of them only.
        """
        await asyncio.gather(*(self._send(*one) for one in refused.values()))

    async def _send(self, record: Record, reason: DomainError) -> None:
        about = _about(record, reason, self._group)
        # Kafka has no message without both.
        value = b"" if record.value is None and record.key is None else record.value
        try:
            await self._deliver(value, record.key, [*record.headers, *about])
        except MessageSizeTooLargeError:
            # The original is where the headers say for as long as Kafka keeps it.
            await self._deliver(b"", None, [*about, ("fature.left-out", b"value")])
        DEAD_LETTERS.labels(record.topic, type(reason).__name__.lower()).inc()
        _log.warning(
            "kafka_dead_letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=str(reason),
        )

    async def _deliver(self, value: bytes | None, key: bytes | None, headers: list[Any]) -> None:
        await self._producer.send_and_wait(self._topic, value, key, headers=headers)


def _about(record: Record, reason: DomainError, group: str) -> list[tuple[str, bytes]]:
    """Headers that tell where a message was, and why it was refused."""
    problems = [
        {"index": one.index, "field": one.field, "message": str(one.message)}
        for one in reason.problems[:_MOST_PROBLEMS]
    ]
    texts = {
        "reason": str(reason),
        "problems": msgspec.json.encode(problems).decode(),
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp),
        "group": group,
    }
    return [(f"fature.{name}", text.encode()) for name, text in texts.items()]

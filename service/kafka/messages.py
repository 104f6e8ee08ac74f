"""From messages to samples: one, or a batch of them, as ``POST /api/metrics`` takes it."""

from collections.abc import Sequence
from typing import Protocol

from service.http.errors import ApiError
from service.ingest.decode import decode_either
from service.metrics.ingest.sample import UNIX_EPOCH, Decoded
from sql.errors import Invalid, Problem
from sql.messages import Message

_NO_VALUE = Message("The message has no value")


class Record(Protocol):
    """A message as aiokafka has it; `timestamp` in milliseconds since 1970, or -1 for none."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def samples_of(record: Record) -> Decoded:
    """The samples of a message, and what is wrong with the others. One without a timestamp of
    its own has the message's.

    Raises:
        Invalid: it cannot be read as JSON at all.
    """
    if not record.value:
        raise Invalid(Problem(_NO_VALUE))
    try:
        decoded = decode_either(record.value)
    except ApiError as error:
        raise Invalid(Problem(_message(error))) from error
    if record.timestamp >= 0:
        ts = record.timestamp * 1000 + UNIX_EPOCH
        for sample in decoded.samples:
            if sample.ts is None:
                sample.ts = ts
    return decoded


def _message(error: ApiError) -> Message:
    return error.message if isinstance(error.message, Message) else Message(error.message)

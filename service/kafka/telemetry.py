"""Metrics of the consumer, beside those of the writer."""

from prometheus_client import Counter, Gauge

_OF_PARTITION = ["topic", "partition"]

MESSAGES = Counter(
    "fature_kafka_messages_total", "Messages whose samples were stored.", _OF_PARTITION
)
DEAD_LETTERS = Counter(
    "fature_kafka_dead_letters_total",
    "Messages sent to the dead-letter topic, by why they were refused.",
    ["topic", "reason"],
)
RETRIES = Counter(
    "fature_kafka_retries_total", "Batches that have to be read again.", ["topic", "reason"]
)
LOST = Counter(
    "fature_kafka_lost_messages_total",
    "Messages that Kafka deleted before they were read.",
    ["topic"],
)
LAG = Gauge(
    "fature_kafka_lag_messages",
    "Messages that wait in a partition of this consumer.",
    _OF_PARTITION,
)
ASSIGNED = Gauge("fature_kafka_partitions", "Partitions of this consumer.")
PAUSED = Gauge(
    "fature_kafka_paused_partitions",
    "Partitions not read now, as what was read waits to be stored.",
)
READY = Gauge(
    "fature_kafka_ready", "Whether the consumer is in its group and stores what it reads."
)


def expect(topic: str) -> None:
    """Begin to count at 0, so that the first of a topic is seen to be one more."""
    for reason in ("invalid", "forbidden"):
        DEAD_LETTERS.labels(topic, reason)
    LOST.labels(topic)


def forget(topic: str, partition: int) -> None:
    """Tell no lag of a partition that is another consumer's now."""
    LAG.remove(topic, str(partition))

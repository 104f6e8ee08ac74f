"""The brokers: connections to them, and a partition's place in what is read."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError

from service.kafka.offsets import Place
from service.runtime.settings import Settings, SettingsError

_CLIENT = "fature-metrics"
_FETCH_BYTES = 8 * 1024 * 1024
_PARTITION_FETCH_BYTES = 1024 * 1024
_TRIAL_MILLISECONDS = 5000
_LARGEST_LETTER = 16 * 1024 * 1024


def new_consumer(settings: Settings) -> AIOKafkaConsumer:
    """Not connected yet. Offsets are this service's own: it commits none to Kafka."""
    return AIOKafkaConsumer(
        **connection_options(settings),
        group_id=settings.kafka_group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # Of what transactions gave up nothing is read.
        isolation_level="read_committed",
        fetch_max_bytes=_FETCH_BYTES,
        max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
        # New topics and partitions are found so soon.
        metadata_max_age_ms=30_000,
        rebalance_timeout_ms=30_000,
    )


def new_producer(settings: Settings) -> AIOKafkaProducer:
    """Not connected yet; it waits for all replicas."""
    return AIOKafkaProducer(
        **connection_options(settings), acks="all", max_request_size=_LARGEST_LETTER
    )


def connection_options(settings: Settings) -> dict[str, Any]:
    """How to reach the brokers, as aiokafka wants it."""
    tls, sasl = settings.kafka_tls, settings.kafka_sasl
    return {
        "bootstrap_servers": list(settings.kafka_brokers),
        "client_id": _CLIENT,
        "retry_backoff_ms": 250,
        "security_protocol": ("SASL_" if sasl else "") + ("SSL" if tls else "PLAINTEXT"),
        "ssl_context": _tls_context(settings) if tls else None,
        "sasl_mechanism": sasl or "PLAIN",
        "sasl_plain_username": settings.kafka_user,
        "sasl_plain_password": settings.kafka_password,
    }


async def why_unreachable(settings: Settings) -> list[str]:
    """By broker, what speaks against a connection: its address, TLS, the log-in. aiokafka says so
    only in its log.
    """
    options = connection_options(settings)
    del options["retry_backoff_ms"]
    hosts = collect_hosts(options.pop("bootstrap_servers"), randomize=False)
    reasons = await asyncio.gather(*(_tried(host, port, options) for host, port, _ in hosts))
    return [reason for reason in reasons if reason is not None]


async def _tried(host: str, port: int, options: Mapping[str, Any]) -> str | None:
    try:
        found = await create_conn(host, port, request_timeout_ms=_TRIAL_MILLISECONDS, **options)
        found.close()
    except (OSError, KafkaError) as error:
        return f"{host}:{port}: {str(error) or type(error).__name__}"
    return None


def _tls_context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.kafka_tls_ca)
        if settings.kafka_tls_certificate:
            context.load_cert_chain(settings.kafka_tls_certificate, settings.kafka_tls_key)
    except OSError as error:
        raise SettingsError(f"FATURE_KAFKA_TLS_*: {error}") from error
    return context


class Source:
    """The partitions that a consumer was assigned."""

    def __init__(self, consumer: AIOKafkaConsumer, start: str) -> None:
        self._consumer = consumer
        self._start = start

    def go_to(self, place: Place, offset: int) -> None:
        """Read on from there; what was fetched of other offsets is forgotten."""
        self._consumer.seek(TopicPartition(*place), offset)

    def pause(self, place: Place) -> None:
        """Fetch no more of it."""
        self._consumer.pause(TopicPartition(*place))

    def resume(self, place: Place) -> None:
        """Fetch it again."""
        self._consumer.resume(TopicPartition(*place))

    def end(self, place: Place) -> int | None:
        """The offset after the newest message, as of the last answer of the broker."""
        end: int | None = self._consumer.highwater(TopicPartition(*place))
        return end

    async def beginning(self, place: Place) -> int:
        """The oldest offset that Kafka has."""
        partition = TopicPartition(*place)
        offset: int = (await self._consumer.beginning_offsets([partition]))[partition]
        return offset

    async def first(self, place: Place) -> int:
        """Where a group begins that has never read it."""
        if self._start == "earliest":
            return await self.beginning(place)
        partition = TopicPartition(*place)
        offset: int = (await self._consumer.end_offsets([partition]))[partition]
        return offset

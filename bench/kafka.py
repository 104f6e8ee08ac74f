"""How fast samples come in from Kafka, beside the same samples over HTTP."""

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client.parser import text_string_to_metric_families

from bench.broker import NO_BROKER, has_broker, running_broker
from bench.figures import Consumed, Figures
from bench.requests import posts
from bench.scale import Kit
from bench.stack import ROOT, BenchmarkError, Service, free_port, settings_of, stop
from bench.traffic import Plan

# Samples in a message, and how many different ones there are.
SIZES = {1: 2000, 100: 200, 1000: 50}
_PARTITIONS = 4
# More than are read in the time, so that a topic never runs dry.
_MOST_PER_SECOND = {1: 100_000, 100: 250_000, 1000: 250_000}
_CONNECTIONS = 16
_BEGIN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class _Topic:
    """A topic with so many samples at a broker; a consumer needs `environment`."""

    name: str
    size: int
    samples: int
    requests: Sequence[bytes]
    environment: dict[str, str]


def measure_kafka(figures: Figures, kit: Kit, service: Service, folder: Path, url: str) -> None:
    """Messages of every size and the same in requests, in turns; the median of each counts."""
    if not has_broker():
        kit.tell(NO_BROKER)
        return
    with running_broker(folder) as broker:
        topics = [_filled(kit, broker.address, folder, url, size) for size in SIZES]
        turns = []
        for turn in range(kit.scale.turns):
            turns.append([_one(figures, kit, service, topic, turn) for topic in topics])
    figures.consumed = [
        Consumed(
            those[0].size,
            median(one.per_second for one in those),
            median(one.ratio for one in those),
            median(one.cpu for one in those),
        )
        for those in zip(*turns, strict=True)
    ]


def _one(figures: Figures, kit: Kit, service: Service, topic: _Topic, turn: int) -> Consumed:
    seconds = kit.scale.ingest_seconds
    plan = Plan(service.port, topic.requests, _CONNECTIONS, seconds, warm_up=0.5)
    outcome = kit.drive(plan)
    outcome.check()
    with _consumer(topic, f"group-{turn}-{topic.size}") as consumer:
        per_second, cpu = _rate(consumer, topic.samples, seconds)
        figures.consumer_memory = max(figures.consumer_memory, consumer.peak_memory())
    kit.tell(f"Kafka, {topic.size} in a message: {per_second:,.0f}/s")
    return Consumed(topic.size, per_second, per_second / (outcome.per_second * topic.size), cpu)


def _rate(consumer: Service, samples: int, seconds: float) -> tuple[float, float]:
    """Samples stored in a second once it has begun, and CPU microseconds for each."""
    begun = time.monotonic()
    while not (first := _stored(consumer)):
        if time.monotonic() > begun + _BEGIN_SECONDS:
            raise BenchmarkError("the consumer does not begin")
        time.sleep(0.02)
    started, cpu = time.monotonic(), consumer.cpu_seconds()
    time.sleep(seconds)
    passed, used = time.monotonic() - started, consumer.cpu_seconds() - cpu
    last = _stored(consumer)
    if not first < last < samples:
        raise BenchmarkError(f"of {samples:,} samples the consumer has stored {last:,}")
    return (last - first) / passed, used / (last - first) * 1e6


def _stored(consumer: Service) -> int:
    """The samples it has stored so far."""
    try:
        address = f"http://127.0.0.1:{consumer.port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    except (urllib.error.URLError, OSError):
        return 0
    return sum(
        int(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == "fature_ingest_samples_total"
    )


def _filled(kit: Kit, address: str, folder: Path, url: str, size: int) -> _Topic:
    requests = posts(datetime.now(UTC), size, SIZES[size])
    values = [request.partition(b"\r\n\r\n")[2] for request in requests]
    count = int(_MOST_PER_SECOND[size] * (kit.scale.ingest_seconds + 1)) // size
    name = f"samples-{size}"
    asyncio.run(_fill(address, name, [values[number % len(values)] for number in range(count)]))
    environment = settings_of(folder, url) | {
        "FATURE_KAFKA_BROKERS": address,
        "FATURE_KAFKA_TOPICS": name,
    }
    environment["FATURE_KAFKA_API_KEY"] = _key(environment)
    return _Topic(name, size, count * size, requests, environment)


async def _fill(address: str, name: str, values: Sequence[bytes]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=5, max_batch_size=256 * 1024)
    await admin.start()
    await admin.create_topics([NewTopic(name, _PARTITIONS, 1)])
    await admin.close()
    await producer.start()
    for number, value in enumerate(values):
        await producer.send(name, value, partition=number % _PARTITIONS)
    await producer.stop()


def _key(environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "service", "key", "benchmark", "--role", "writer"]
    issued = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return issued.stdout.strip()


@contextmanager
def _consumer(topic: _Topic, group: str) -> Iterator[Service]:
    """`python -m service consume`, beginning at the oldest message; stopped at the end."""
    port = free_port()
    environment = topic.environment | {
        "FATURE_KAFKA_GROUP": group,
        "FATURE_KAFKA_METRICS_PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "consume"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Service(process.pid, port, 1)
    finally:
        stop(process)

"""Kafka: messages, settings and the port that tells of the consumer."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.error import HTTPError

import pytest
import trustme

from service.commands.consume import needed_key
from service.kafka.consumer import Consumer
from service.kafka.messages import samples_of
from service.kafka.source import connection_options, why_unreachable
from service.kafka.status import telling
from service.runtime.settings import Settings, SettingsError, load_settings
from sql.errors import Invalid
from tests.conftest import free_port

pytestmark = pytest.mark.one_engine

NEEDED = {"kafka_brokers": "b:1", "kafka_topics": "t", "kafka_api_key": "k"}
SAMPLE = {"metric_name": "m", "metric_type": "revenue", "value": 1, "frequency": "hourly"}


@dataclass
class Record:
    value: bytes | None
    timestamp: int = -1
    topic: str = "t"
    partition: int = 0
    offset: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def encoded(content: object) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (SAMPLE, 1),
        ({"metrics": [SAMPLE]}, 1),
        ({"metrics": [SAMPLE, SAMPLE]}, 2),
        # "metrics" as a text is no batch.
        (SAMPLE | {"metadata": {"of": "metrics"}}, 1),
        (SAMPLE | {"metric_name": "metrics"}, 1),
    ],
)
def test_a_message_is_a_sample_or_a_batch(content: object, count: int) -> None:
    decoded = samples_of(Record(encoded(content)))
    assert len(decoded.samples) == count
    assert not decoded.problems


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"\x00", b"nonsense"])
def test_what_is_no_json_cannot_be_read(value: bytes | None) -> None:
    with pytest.raises(Invalid):
        samples_of(Record(value))


@pytest.mark.parametrize("content", [[], 1, {"metrics": 1}, {"metrics": []}, {}, {"value": 1}])
def test_what_is_no_sample_is_told_by_its_problems(content: object) -> None:
    assert samples_of(Record(encoded(content))).problems


def test_the_instant_of_a_message_is_that_of_samples_without_one() -> None:
    at = "2026-01-02T03:04:05.678Z"
    given, _ = samples_of(Record(encoded({"metrics": [SAMPLE | {"timestamp": at}] * 2}))).samples
    milliseconds = 1_767_323_045_678
    (taken,) = samples_of(Record(encoded(SAMPLE), milliseconds)).samples
    assert taken.ts == given.ts
    (without,) = samples_of(Record(encoded(SAMPLE))).samples
    assert without.ts is None


def test_lists_have_commas_between_their_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATURE_KAFKA_BROKERS", "one:9092, two:9092,")
    monkeypatch.setenv("FATURE_KAFKA_TOPICS", "sales")
    found = load_settings()
    assert found.kafka_brokers == ("one:9092", "two:9092")
    assert found.kafka_topics == ("sales",)


@pytest.mark.parametrize(
    ("given", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"kafka_tls": True}, "SSL"),
        ({"kafka_sasl": "PLAIN"}, "SASL_PLAINTEXT"),
        ({"kafka_sasl": "SCRAM-SHA-512", "kafka_tls": True}, "SASL_SSL"),
    ],
)
def test_connections_are_as_safe_as_they_are_told_to_be(
    given: dict[str, object], protocol: str
) -> None:
    options = connection_options(Settings(**given))  # type: ignore[arg-type]
    assert options["security_protocol"] == protocol
    assert (options["ssl_context"] is not None) == bool(given.get("kafka_tls"))


def test_a_file_of_authorities_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="FATURE_KAFKA_TLS"):
        connection_options(Settings(kafka_tls=True, kafka_tls_ca="/nowhere"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kafka_brokers": "b:1", "kafka_topics": "t"}, "FATURE_KAFKA_API_KEY"),
        ({"kafka_brokers": "b:1", "kafka_api_key": "k"}, "FATURE_KAFKA_TOPICS"),
        ({"kafka_topics": "t", "kafka_api_key": "k"}, "FATURE_KAFKA_BROKERS"),
        ({**NEEDED, "kafka_dead_letter_topic": "t"}, "FATURE_KAFKA_DEAD_LETTER_TOPIC"),
        ({**NEEDED, "kafka_sasl": "PLAIN", "kafka_user": "u"}, "FATURE_KAFKA_PASSWORD"),
    ],
)
def test_a_setting_that_consuming_needs_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        needed_key(Settings(**given))  # type: ignore[arg-type]


def test_the_port_tells_whether_the_consumer_is_ready() -> None:
    problems = ["connecting"]
    port = free_port()

    def ask(path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    with telling("127.0.0.1", port, lambda: problems):
        status, body = ask("/ready")
        assert (status, json.loads(body)["problems"]) == (503, ["connecting"])
        problems.clear()
        assert ask("/ready")[0] == 200
        assert ask("/health")[0] == 200
        assert b"# TYPE python_info gauge" in ask("/metrics")[1]
        assert ask("/else")[0] == 404
        with (
            pytest.raises(SettingsError, match="FATURE_KAFKA_METRICS_PORT"),
            telling("127.0.0.1", port, lambda: problems),
        ):
            pass


Meet = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def broker_that(meets: Meet) -> AsyncIterator[str]:
    """The address of something that meets connections so meanwhile."""
    async with await asyncio.start_server(meets, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def consumed_until(told: Sequence[str], **given: Any) -> None:
    """Consume until its problems tell all of that, and stop."""
    # Nothing of the database is asked before brokers answer.
    nothing = cast("Any", SimpleNamespace(pool=None))
    consumer = Consumer(Settings(**cast("Any", NEEDED | given)), nothing, "k")
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    async with asyncio.timeout(20):
        while not all(one in str(consumer.problems) for one in told):
            assert not running.done(), running.exception()
            await asyncio.sleep(0.02)
        stop.set()
        await running


def test_a_certificate_that_is_being_renewed_does_not_end_the_consumer(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(authority)

    async def renew(_: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        authority.write_text("")
        answers.close()

    async def work() -> None:
        tls = {"kafka_tls": True, "kafka_tls_ca": str(authority)}
        async with broker_that(renew) as address:
            await consumed_until(["FATURE_KAFKA_TLS"], kafka_brokers=address, **tls)

    asyncio.run(work())


def test_what_kafka_says_is_told_with_the_reason_of_each_broker() -> None:
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    told = ["Unable to bootstrap from", *(f"{one}: " for one in addresses)]
    asyncio.run(consumed_until(told, kafka_brokers=",".join(addresses)))


def test_brokers_are_tried_at_the_same_time() -> None:
    connected: list[asyncio.StreamWriter] = []
    ended = asyncio.Event()
    most = 0

    async def wait(requests: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """Until the other broker is connected to, too, or the client gives up."""
        nonlocal most
        connected.append(answers)
        most = max(most, len(connected))
        if most == 2:
            for one in connected:
                one.close()
        await requests.read()
        connected.remove(answers)
        answers.close()
        if not connected:
            ended.set()

    async def work() -> list[str]:
        async with broker_that(wait) as one, broker_that(wait) as other:
            given = cast("Any", NEEDED | {"kafka_brokers": f"{one},{other}"})
            reasons = await why_unreachable(Settings(**given))
            await ended.wait()
            return reasons

    assert len(asyncio.run(work())) == 2
    assert most == 2

"""The client's promises, against a service that misbehaves in every way."""

import asyncio
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fature_metrics import AsyncClient, Client

from clients.python.tests.receiver import Call, Receiver, Reply, receiving, refusal

SOURCE = Path(__file__).parent.parent / "src"


def client(receiver: Receiver, **options: Any) -> Client:
    return Client(receiver.url, "key", handle_sigterm=False, **options)


def answers(*replies: Reply) -> Callable[[Call], Reply]:
    """These, one after the other, then 201."""
    left = list(replies)
    return lambda _: left.pop(0) if left else Reply()


def test_a_sample_arrives_as_it_was_recorded() -> None:
    with receiving() as receiver, client(receiver, service_name="checkout") as metrics:
        at = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
        assert metrics.record(
            "revenue_hourly",
            Decimal("149.90"),
            unit="BRL",
            region="SP",
            metadata={"payment_method": "pix"},
            timestamp=at,
        )
        assert metrics.record(
            "carts", 3, metric_type="conversion", frequency="real_time", service_name="web"
        )
        assert metrics.flush(10)
    (call,) = receiver.calls
    first, second = call.samples
    assert call.headers["X-API-Key"] == "key"
    assert first == {
        "metric_name": "revenue_hourly",
        "metric_type": "revenue",
        "frequency": "hourly",
        "value": 149.9,
        "timestamp": "2026-11-01T12:30:00+00:00",
        "unit": "BRL",
        "service_name": "checkout",
        "region": "SP",
        "metadata": {"payment_method": "pix"},
    }
    assert second["service_name"] == "web"
    assert datetime.fromisoformat(second["timestamp"]).tzinfo is not None


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(503, headers={"Retry-After": "0"})] * 2,
        [Reply(429), Reply(500), Reply(502)],
        [Reply(0), Reply(0)],
        [Reply(401), Reply(403)],
    ],
    ids=["busy", "trouble", "answers lost", "key not known yet"],
)
def test_a_batch_is_sent_under_one_key_until_it_is_stored(replies: list[Reply]) -> None:
    with receiving(answers(*replies)) as receiver, client(receiver) as metrics:
        for number in range(10):
            metrics.record("revenue_hourly", number)
        assert metrics.flush(30)
        counts = metrics.stats()
    assert len({call.key for call in receiver.calls}) == 1
    assert len({json.dumps(call.samples) for call in receiver.calls}) == 1
    assert receiver.values == list(range(10))
    assert (counts.recorded, counts.sent, counts.pending) == (10, 10, 0)
    assert counts.retries == len(replies)


def test_it_waits_as_long_as_the_service_asks() -> None:
    times: list[float] = []

    def answer(_: Call) -> Reply:
        times.append(time.monotonic())
        return Reply(429, headers={"Retry-After": "2"}) if len(times) == 1 else Reply()

    with receiving(answer) as receiver, client(receiver) as metrics:
        metrics.record("revenue_hourly", 1)
        assert metrics.flush(20)
    assert times[1] - times[0] >= 2


def test_a_wrong_sample_is_given_up_and_the_others_are_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(call: Call) -> Reply:
        wrong = [n for n, sample in enumerate(call.samples) if sample["value"] < 0]
        return refusal(*wrong) if wrong else Reply()

    with receiving(answer) as receiver, client(receiver) as metrics:
        for value in (1, -1, 2, -2, 3):
            metrics.record("revenue_hourly", value)
        assert metrics.flush(10)
        counts = metrics.stats()
    assert receiver.values == [1, 2, 3]
    assert (counts.sent, counts.refused) == (3, 2)
    assert len({call.key for call in receiver.calls}) == 2  # another body has another key
    assert "2 samples are refused: 422 wrong" in caplog.text


def test_a_batch_that_is_refused_whole_does_not_hold_up_the_next() -> None:
    with (
        receiving(answers(Reply(400, {"error": {"message": "no", "details": []}}))) as receiver,
        client(receiver, batch_size=2) as metrics,
    ):
        for value in range(4):
            metrics.record("revenue_hourly", value)
        assert metrics.flush(10)
        assert metrics.stats().refused == 2
    assert receiver.values == [2, 3]


def test_a_body_that_is_too_large_is_halved() -> None:
    def answer(call: Call) -> Reply:
        return Reply(413) if len(call.samples) > 3 else Reply()

    with receiving(answer) as receiver, client(receiver) as metrics:
        for value in range(10):
            metrics.record("revenue_hourly", value)
        assert metrics.flush(10)
    assert receiver.values == list(range(10))


def test_what_finds_no_room_is_dropped_counted_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    let_go = threading.Event()

    def answer(_: Call) -> Reply:
        let_go.wait(20)
        return Reply()

    with receiving(answer) as receiver, client(receiver, limit=5) as metrics:
        kept = [metrics.record("revenue_hourly", value) for value in range(8)]
        assert kept == [True] * 5 + [False] * 3
        let_go.set()
        assert metrics.flush(10)
        assert metrics.record("revenue_hourly", 8)  # there is room again
        assert metrics.flush(10)
        counts = metrics.stats()
    assert (counts.recorded, counts.dropped) == (6, 3)
    assert receiver.values == [0, 1, 2, 3, 4, 8]
    assert caplog.text.count("samples are dropped") == 1


@pytest.mark.parametrize(
    ("name", "value", "options", "said"),
    [
        ("revenue_hourly", float("nan"), {}, "no finite number"),
        ("revenue_hourly", 10**400, {}, "no finite number"),
        ("revenue_hourly", "12", {}, "no number but str"),
        ("revenue_hourly", True, {}, "no number but bool"),
        ("mystery", 1, {}, "give metric_type and frequency"),
        ("revenue_hourly", 1, {"metadata": {"x": object()}}, "no JSON"),
        ("revenue_hourly", 1, {"timestamp": datetime(2026, 1, 1)}, "no offset"),  # noqa: DTZ001
        (["revenue"], 1, {}, "unhashable"),
    ],
)
def test_nothing_is_raised_where_a_sample_is_none(
    name: Any, value: Any, options: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as receiver, client(receiver) as metrics:
        assert not metrics.record(name, value, **options)
        assert metrics.stats().invalid == 1
        assert said in caplog.text
    assert receiver.calls == []


def test_recording_goes_on_while_the_service_hangs() -> None:
    let_go = threading.Event()

    def answer(_: Call) -> Reply:
        let_go.wait(30)
        return Reply()

    with receiving(answer) as receiver, client(receiver, batch_size=10) as metrics:
        assert all(metrics.record("revenue_hourly", value) for value in range(1000))
        assert not metrics.flush(0.1)
        let_go.set()
        assert metrics.flush(20)
    assert receiver.values == list(range(1000))


def test_threads_record_at_once() -> None:
    with receiving() as receiver, client(receiver, batch_size=100) as metrics:

        def record(start: int) -> None:
            for value in range(start, start + 500):
                metrics.record("revenue_hourly", value)

        threads = [threading.Thread(target=record, args=(500 * n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert metrics.flush(20)
    assert sorted(receiver.values) == list(range(4000))


def test_nothing_is_recorded_after_the_end() -> None:
    with receiving() as receiver:
        metrics = client(receiver)
        metrics.record("revenue_hourly", 1)
        assert metrics.close()
        assert metrics.close()
        assert not metrics.record("revenue_hourly", 2)
        assert metrics.stats().dropped == 1
    assert receiver.values == [1]


def test_what_is_lost_at_the_end_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Client("http://127.0.0.1:9", "key", handle_sigterm=False)
    metrics.record("revenue_hourly", 1)
    assert not metrics.close(0.2)
    assert metrics.stats().dropped == 1
    assert "1 samples were not sent in time and are lost" in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_flushing_does_not_hold_up_the_event_loop() -> None:
    let_go = threading.Event()

    def answer(_: Call) -> Reply:
        let_go.wait(20)
        return Reply()

    with receiving(answer) as receiver:
        async with AsyncClient(receiver.url, "key", handle_sigterm=False) as metrics:
            metrics.record("revenue_hourly", 1)
            flushing = asyncio.create_task(metrics.aflush(20))
            await asyncio.sleep(0.05)
            let_go.set()
            assert await flushing
    assert receiver.values == [1]


def _run(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        text=True,
    )


RECORDS = """
import sys, time
from fature_metrics import Client
url, spool = sys.argv[1:3]
metrics = Client(url, "key", interval=60, spool=spool or None)
for value in range(5):
    metrics.record("revenue_hourly", value)
print("recorded", flush=True)
"""


def test_the_end_of_a_program_sends_what_waits() -> None:
    with receiving() as receiver, _run(RECORDS, receiver.url, "") as process:
        assert process.wait(30) == 0
    assert receiver.values == [0, 1, 2, 3, 4]


def test_sigterm_sends_what_waits() -> None:
    program = RECORDS + "time.sleep(60)"
    with receiving() as receiver, _run(program, receiver.url, "") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "recorded\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert receiver.values == [0, 1, 2, 3, 4]


def test_a_spool_survives_a_killed_process(tmp_path: Path) -> None:
    program = RECORDS + "metrics.flush(1); time.sleep(60)"
    with receiving(lambda _: Reply(0)) as receiver:
        with _run(program, receiver.url, str(tmp_path)) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "recorded\n"
            while not receiver.calls:
                time.sleep(0.01)
            process.kill()
        (key,) = {call.key for call in receiver.calls}
        receiver.answer = lambda _: Reply()
        with client(receiver, spool=tmp_path) as metrics:
            assert metrics.flush(10)
        # The answer was lost, not the samples: they count once because the key is the same.
        assert {call.key for call in receiver.calls} == {key}
    assert receiver.values == [0, 1, 2, 3, 4]
    assert list(tmp_path.rglob("*.ndjson")) == []


def test_half_a_line_in_a_spool_is_no_sample(tmp_path: Path) -> None:
    left = tmp_path / "gone"
    left.mkdir()
    name = "000000001-0b0d2f0e-0000-4000-8000-000000000001.ndjson"
    (left / name).write_bytes(b'{"value":1}\n{"val')
    with receiving() as receiver, client(receiver, spool=tmp_path) as metrics:
        assert metrics.flush(10)
    assert receiver.values == [1]


def test_processes_share_a_spool_folder(tmp_path: Path) -> None:
    with receiving() as receiver:
        with client(receiver, spool=tmp_path, interval=60) as first:
            first.record("revenue_hourly", 1)
            with client(receiver, spool=tmp_path) as second:
                second.record("revenue_hourly", 2)
                assert second.flush(10)
            assert receiver.values == [2]  # what the first one holds is its own
        assert sorted(receiver.values) == [1, 2]


def test_what_is_left_at_the_end_stays_in_the_spool(tmp_path: Path) -> None:
    metrics = Client("http://127.0.0.1:9", "key", spool=tmp_path, handle_sigterm=False)
    metrics.record("revenue_hourly", 1)
    assert not metrics.close(0.2)
    assert metrics.stats().dropped == 0
    with receiving() as receiver, client(receiver, spool=tmp_path) as after:
        assert after.flush(10)
    assert receiver.values == [1]


def _in_child(metrics: Client) -> None:
    metrics.record("revenue_hourly", 2)
    metrics.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("spooled", [False, True])
def test_a_forked_process_sends_its_own_samples_alone(tmp_path: Path, spooled: bool) -> None:
    spool = tmp_path if spooled else None
    with receiving() as receiver, client(receiver, interval=60, spool=spool) as metrics:
        metrics.record("revenue_hourly", 1)
        child = multiprocessing.get_context("fork").Process(target=_in_child, args=(metrics,))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        assert receiver.values == [2]
        assert metrics.flush(10)
    assert receiver.values == [2, 1]


def test_a_url_that_is_none_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="no http or https URL"):
        Client("localhost:5000", "key")


def test_the_log_is_not_flooded(caplog: pytest.LogCaptureFixture) -> None:
    with receiving() as receiver, client(receiver) as metrics:
        with caplog.at_level(logging.WARNING):
            for _ in range(100):
                metrics.record("mystery", 1)
        assert metrics.stats().invalid == 100
    assert caplog.text.count("was not recorded") == 1

"""The submitter and the commands, against a real HTTP receiver that misbehaves as told."""

import gzip
import json
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from service.commands.client import Target, demo, replay
from service.commands.replay.orders import COLUMNS
from service.commands.submission.answers import (
    KeyRefused,
    Rejected,
    ServiceError,
    Unreachable,
    seconds_to_wait,
)
from service.commands.submission.submit import Sample, Submitter

AGES = {"real_time": 6, "hourly": 87, "daily": 700, "monthly": 1750}
HEALTH = {"accepts": {name: {"max_age_seconds": 86400 * days} for name, days in AGES.items()}}


@dataclass
class Answer:
    """The receiver's answer to one POST; ``drop`` closes the connection instead."""

    status: int = 201
    body: object = field(default_factory=lambda: {"success": True})
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass
class Received:
    """One POST as it arrived."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]

    @property
    def metrics(self) -> list[Sample]:
        return cast(list[Sample], json.loads(gzip.decompress(self.raw))["metrics"])


class Receiver(ThreadingHTTPServer):
    """Answers GET with ``health``, each POST with the next of ``answers``, then with 201."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.health: object = HEALTH
        self.answers: deque[Answer] = deque()
        self.received: list[Received] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    # HTTP/1.0: closing after each answer keeps the receiver's threads short-lived.
    server: Receiver

    def do_GET(self) -> None:
        self._answer(Answer(200, self.server.health))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.path, headers, raw))
        answer = self.server.answers.popleft() if self.server.answers else Answer()
        if not answer.drop:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def naps() -> list[float]:
    """Seconds that the submitter would have slept."""
    return []


@pytest.fixture
def submitter(receiver: Receiver, naps: list[float]) -> Iterator[Submitter]:
    with Submitter(receiver.url, "key-1", sleep=naps.append, attempts=4) as found:
        yield found


@pytest.fixture
def dead_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def some(count: int, start: int = 0) -> list[Sample]:
    return [{"metric_name": "m", "value": start + index} for index in range(count)]


def send(submitter: Submitter, *slices: Sequence[Sample]) -> tuple[int, int]:
    sent = submitter.submit(slices, sum(map(len, slices)))
    return sent.samples, sent.repeated


def test_everything_arrives_in_batches_of_1000(submitter: Submitter, receiver: Receiver) -> None:
    assert send(submitter, some(2300)) == (2300, 0)
    assert [len(each.metrics) for each in receiver.received] == [1000, 1000, 300]
    assert [sample for each in receiver.received for sample in each.metrics] == some(2300)
    assert {each.path for each in receiver.received} == {"/api/metrics/batch"}
    assert {each.headers["x-api-key"] for each in receiver.received} == {"key-1"}
    assert {each.headers["content-encoding"] for each in receiver.received} == {"gzip"}


def test_a_second_run_repeats_keys_and_bytes(submitter: Submitter, receiver: Receiver) -> None:
    send(submitter, some(1500))
    send(submitter, some(1500))
    first, second = receiver.received[:2], receiver.received[2:]
    assert [(each.key, each.raw) for each in first] == [(each.key, each.raw) for each in second]
    assert {each.raw[4:8] for each in first} == {bytes(4)}, "gzip must not carry the time"


def test_another_slice_leaves_other_keys_alone(submitter: Submitter, receiver: Receiver) -> None:
    send(submitter, some(10), some(1200, 100))
    send(submitter, some(7, 9000), some(10), some(1200, 100))
    keys = [each.key for each in receiver.received]
    assert keys[4:] == keys[:3]
    assert keys[3] not in keys[:3]


def test_equal_batches_of_a_run_both_count(submitter: Submitter, receiver: Receiver) -> None:
    send(submitter, some(5), some(5))
    first, second = receiver.received
    assert first.metrics == second.metrics
    assert first.key != second.key
    assert all(len(each.key) <= 255 for each in receiver.received)


def test_it_says_what_had_arrived_before(submitter: Submitter, receiver: Receiver) -> None:
    receiver.answers.append(Answer(headers={"Idempotent-Replayed": "true"}))
    assert send(submitter, some(1200)) == (1200, 1000)


@pytest.mark.parametrize("status", [503, 429])
def test_it_waits_as_long_as_the_service_asks(
    submitter: Submitter, receiver: Receiver, naps: list[float], status: int
) -> None:
    receiver.answers.append(Answer(status, headers={"Retry-After": "3"}))
    assert send(submitter, some(2)) == (2, 0)
    assert naps == [3.0]
    refused, accepted = receiver.received
    assert (refused.key, refused.raw) == (accepted.key, accepted.raw)


def test_a_dropped_connection_is_tried_again_with_the_same_key(
    submitter: Submitter, receiver: Receiver, naps: list[float]
) -> None:
    receiver.answers += [Answer(drop=True), Answer(drop=True)]
    assert send(submitter, some(2)) == (2, 0)
    assert naps == [0.5, 1.0]
    assert len({each.key for each in receiver.received}) == 1


def test_it_gives_up_on_dead_connections(submitter: Submitter, receiver: Receiver) -> None:
    receiver.answers += [Answer(drop=True)] * 10
    with pytest.raises(Unreachable, match="in 4 attempts"):
        send(submitter, some(2))
    assert len(receiver.received) == 4


def test_it_gives_up_on_a_busy_service(submitter: Submitter, receiver: Receiver) -> None:
    busy = {"error": {"code": "unavailable", "message": "The queue is full"}, "request_id": "r-1"}
    receiver.answers += [Answer(503, busy, {"Retry-After": "1"})] * 10
    with pytest.raises(ServiceError, match=r"503: The queue is full, request r-1"):
        send(submitter, some(2))
    assert len(receiver.received) == 4


def test_it_does_not_sit_through_an_hour(submitter: Submitter, receiver: Receiver) -> None:
    receiver.answers.append(Answer(429, headers={"Retry-After": "3600"}))
    with pytest.raises(ServiceError, match="wait 3600 s"):
        send(submitter, some(2))
    assert len(receiver.received) == 1


def test_a_rejected_batch_names_its_first_items_and_ends_the_run(
    submitter: Submitter, receiver: Receiver
) -> None:
    details = [{"index": index, "field": "value", "message": "Too odd"} for index in range(3, 11)]
    error = {"code": "validation_error", "message": "8 errors", "details": details}
    receiver.answers.append(Answer(422, {"success": False, "error": error}))
    with pytest.raises(Rejected) as caught:
        send(submitter, some(20), some(20))
    lines = str(caught.value).splitlines()
    assert "422: 8 errors" in lines[0]
    assert lines[1] == "  item 3 (m, None, None): value: Too odd"
    assert lines[-1] == "  and 3 more"
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_it(submitter: Submitter, receiver: Receiver, status: int) -> None:
    receiver.answers.append(Answer(status, {"error": {"message": "Unknown API key"}}))
    with pytest.raises(KeyRefused, match="Unknown API key"):
        send(submitter, some(2))
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", 2), ("-1", 2), ("nan", 2), (None, 2)],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_backoff(
    header: str | None, seconds: float
) -> None:
    assert seconds_to_wait(header, attempt=3) == seconds


def test_backoff_is_bounded() -> None:
    assert seconds_to_wait(None, attempt=50) == 10.0


def test_health_of_nobody_and_of_a_stranger(receiver: Receiver, dead_url: str) -> None:
    with Submitter(dead_url, "k") as nobody, pytest.raises(Unreachable, match="no answer"):
        nobody.health()
    receiver.health = ["not", "ours"]
    with Submitter(receiver.url, "k") as stranger, pytest.raises(Unreachable, match="answered 200"):
        stranger.health()


@pytest.mark.parametrize("url", ["localhost:5000", "", "http://[", "nonsense"])
def test_an_address_that_is_none_is_said_so(url: str) -> None:
    with pytest.raises(Unreachable), Submitter(url, "k") as submitter:
        submitter.health()


@pytest.mark.parametrize("command", ["demo", "replay"])
def test_commands_ask_whether_the_service_runs(command: str, dead_url: str, tmp_path: Path) -> None:
    code, output = _run(command, dead_url, tmp_path)
    assert code == 1
    assert f"is `make run` running at {dead_url}?" in output
    assert "another FATURE_PORT" in output


@pytest.mark.parametrize("command", ["demo", "replay"])
def test_commands_say_the_key_is_wrong(command: str, receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers.append(Answer(401, {"error": {"message": "Unknown API key"}}))
    code, output = _run(command, receiver.url, tmp_path)
    assert code == 1
    assert "refused the API key" in output
    assert "Traceback" not in output


def test_replay_command_sends_orders_and_sums_up(receiver: Receiver, tmp_path: Path) -> None:
    code, output = _run("replay", receiver.url, tmp_path)
    assert code == 0
    assert output.startswith("the newest order moves to now; should this run break, continue it")
    assert [each["value"] for each in receiver.received[0].metrics] == [136.23, 13.623]
    assert "replayed 1 rows as 2 samples" in output
    assert "revenue 136.23 BRL" in output


def test_replay_command_says_nothing_but_what_is_wrong_with_a_file(
    receiver: Receiver, tmp_path: Path
) -> None:
    code, output = _run("replay", receiver.url, tmp_path, header="a,b,c")
    assert code == 1
    assert output.startswith("Error: ")


def _run(command: str, url: str, folder: Path, header: str = ",".join(COLUMNS)) -> tuple[int, str]:
    file = folder / "orders.csv"
    file.write_text(f"{header}\n2016-09-04T21:15:00,o-1,boleto,136.23,s-1,RR,shipped\n")
    target = Target("http://unused.invalid", "key-1", ZoneInfo("America/Sao_Paulo"))
    arguments = ["--url", url] if command == "demo" else ["--url", url, "--shift", "now", str(file)]
    chosen = demo if command == "demo" else replay
    result = CliRunner().invoke(chosen, arguments, obj=target)
    return result.exit_code, result.output

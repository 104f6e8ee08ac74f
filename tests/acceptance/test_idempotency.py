"""Idempotency-Key: whatever is sent again under the same key counts once."""

import gzip
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier

import httpx2
import psycopg
import pytest

from tests.acceptance.talk import (
    BATCH,
    ONE,
    accepted,
    places,
    post,
    refused,
    sample,
    stored,
)
from tests.conftest import DatabaseServer, Service, running_service

REPLAYED = "Idempotent-Replayed"


@pytest.fixture
def key() -> str:
    """A key nobody used before."""
    return secrets.token_hex(8)


def one(metric: str, **fields: object) -> bytes:
    return json.dumps(sample(metric, **fields)).encode()


def batch(metric: str, count: int) -> bytes:
    return json.dumps({"metrics": [sample(metric, value=n) for n in range(count)]}).encode()


def at_once(requests: Sequence[Callable[[], httpx2.Response]]) -> list[httpx2.Response]:
    """The answers to requests that all start together."""
    start = Barrier(len(requests))

    def send(request: Callable[[], httpx2.Response]) -> httpx2.Response:
        start.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


# Retries


def test_a_repeated_sample_counts_once_and_gets_the_first_answer(
    api: httpx2.Client, metric: str, key: str
) -> None:
    first = post(api, ONE, one(metric), Idempotency_Key=key)
    accepted(first)
    assert REPLAYED not in first.headers
    for _ in range(3):
        again = post(api, ONE, one(metric), Idempotency_Key=key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers[REPLAYED] == "true"
    assert len(stored(api, metric)) == 1


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_a_repeated_batch_counts_once_and_gets_the_first_ids(
    api: httpx2.Client, metric: str, key: str, count: int
) -> None:
    first = post(api, BATCH, batch(metric, count), Idempotency_Key=key)
    again = post(api, BATCH, batch(metric, count), Idempotency_Key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    ids = accepted(first)["metric_ids"]
    assert sorted(back["id"] for back in stored(api, metric)) == ids


def test_without_a_key_every_request_counts(api: httpx2.Client, metric: str) -> None:
    answers = [post(api, ONE, one(metric)) for _ in range(3)]
    assert len({accepted(answer)["metric_id"] for answer in answers}) == 3
    assert all(REPLAYED not in answer.headers for answer in answers)
    assert len(stored(api, metric)) == 3


def test_other_keys_are_other_requests(api: httpx2.Client, metric: str, key: str) -> None:
    keys = [key, key + "x", key.upper() + "X", f"{key} x", f"'{key}", f"{key}%"]
    for each in keys:
        answer = post(api, ONE, one(metric), Idempotency_Key=each)
        accepted(answer)
        assert REPLAYED not in answer.headers
    assert len(stored(api, metric)) == len(keys)


def test_a_retry_may_be_packed_otherwise(api: httpx2.Client, metric: str, key: str) -> None:
    first = post(api, ONE, one(metric), Idempotency_Key=key)
    packed = gzip.compress(one(metric))
    again = post(api, ONE, packed, Idempotency_Key=key, Content_Encoding="gzip")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers[REPLAYED] == "true"
    assert len(stored(api, metric)) == 1


def test_a_refused_request_does_not_use_up_its_key(
    api: httpx2.Client, metric: str, key: str
) -> None:
    too_old = one(metric, timestamp="2001-01-01T00:00:00Z")
    for wrong, status in ((one(metric, value="x"), 422), (too_old, 422), (b"{", 400)):
        refused(post(api, ONE, wrong, Idempotency_Key=key), status)
    right = post(api, ONE, one(metric), Idempotency_Key=key)
    accepted(right)
    assert REPLAYED not in right.headers
    assert len(stored(api, metric)) == 1


# The same key for something else


@pytest.mark.parametrize(
    "other",
    [{"value": 2}, {"value": "x"}, {"timestamp": "2001-01-01T00:00:00Z"}, {"region": "a\x00"}],
    ids=["right", "malformed", "too old", "not storable"],
)
def test_another_body_under_the_same_key_is_a_conflict(
    api: httpx2.Client, metric: str, key: str, other: dict[str, object]
) -> None:
    accepted(post(api, ONE, one(metric), Idempotency_Key=key))
    error = refused(post(api, ONE, one(metric, **other), Idempotency_Key=key), 409)
    assert error["message"] == "This Idempotency-Key was used before with another request"
    assert len(stored(api, metric)) == 1


def test_another_spelling_of_the_same_sample_is_another_body(
    api: httpx2.Client, metric: str, key: str
) -> None:
    accepted(post(api, ONE, one(metric), Idempotency_Key=key))
    refused(post(api, ONE, one(metric) + b" ", Idempotency_Key=key), 409)


def test_the_same_body_at_another_path_is_a_conflict(
    api: httpx2.Client, metric: str, key: str
) -> None:
    accepted(post(api, ONE, one(metric), Idempotency_Key=key))
    refused(post(api, BATCH, one(metric), Idempotency_Key=key), 409)
    accepted(post(api, BATCH, batch(metric, 2), Idempotency_Key=f"{key}b"))
    refused(post(api, ONE, batch(metric, 2), Idempotency_Key=f"{key}b"), 409)
    assert len(stored(api, metric)) == 3


def test_a_body_that_is_no_json_is_malformed_under_any_key(
    api: httpx2.Client, metric: str, key: str
) -> None:
    accepted(post(api, ONE, one(metric), Idempotency_Key=key))
    refused(post(api, ONE, one(metric)[:-1], Idempotency_Key=key), 400)


# What may be a key


@pytest.mark.parametrize(
    "text", ["k", "k" * 200, "with spaces", "'; DROP TABLE x; --", '"quoted"', "\\t%s{}$1"]
)
def test_a_key_has_up_to_255_printable_characters(
    api: httpx2.Client, metric: str, key: str, text: str
) -> None:
    name = (text + key)[-255:]
    first = post(api, ONE, one(metric), Idempotency_Key=name)
    again = post(api, ONE, one(metric), Idempotency_Key=name)
    assert (again.status_code, again.content) == (201, first.content)
    assert len(stored(api, metric)) == 1


@pytest.mark.parametrize(
    "name", [b"", b"k" * 256, b"k" * 5000, "chave-é".encode(), b"a\tb", b"\xff"]
)
@pytest.mark.parametrize("path", [ONE, BATCH])
def test_a_key_that_is_none_is_malformed_and_nothing_is_stored(
    api: httpx2.Client, metric: str, path: str, name: bytes
) -> None:
    body = one(metric) if path == ONE else batch(metric, 2)
    error = refused(api.post(path, content=body, headers={b"Idempotency-Key": name}), 400)
    assert places(error) == [(None, "Idempotency-Key")]
    assert error["message"] == "Idempotency-Key must have 1 to 255 printable ASCII characters"
    assert stored(api, metric) == []


def test_a_key_of_255_characters_is_one_of_256_is_not(
    api: httpx2.Client, metric: str, key: str
) -> None:
    accepted(post(api, ONE, one(metric), Idempotency_Key=key.ljust(255, "k")))
    refused(post(api, ONE, one(metric), Idempotency_Key=key.ljust(256, "k")), 400)
    assert len(stored(api, metric)) == 1


# At the same time


def test_the_same_request_many_times_at_once_counts_once(
    api: httpx2.Client, metric: str, key: str
) -> None:
    answers = at_once([partial(post, api, ONE, one(metric), Idempotency_Key=key)] * 24)
    assert len({accepted(answer)["metric_id"] for answer in answers}) == 1
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert len(stored(api, metric)) == 1


def test_of_different_bodies_under_one_key_at_once_exactly_one_counts(
    api: httpx2.Client, metric: str, key: str
) -> None:
    bodies = [one(metric, value=n % 8) for n in range(24)]
    answers = at_once([partial(post, api, ONE, body, Idempotency_Key=key) for body in bodies])
    assert {answer.status_code for answer in answers} == {201, 409}
    (winner,) = {body for body, answer in zip(bodies, answers, strict=True) if answer.is_success}
    assert sum(answer.is_success for answer in answers) == bodies.count(winner)
    assert [back["value"] for back in stored(api, metric)] == [json.loads(winner)["value"]]


def test_many_keys_at_once_count_once_each(api: httpx2.Client, metric: str, key: str) -> None:
    def send(number: int) -> Callable[[], httpx2.Response]:
        body = batch(metric, number + 1)
        return partial(post, api, BATCH, body, Idempotency_Key=f"{key}-{number}")

    keyless = [partial(post, api, ONE, one(metric, value=-1))] * 4
    answers = at_once([*(send(n % 8) for n in range(24)), *keyless])
    ids: dict[int, set[int]] = {}
    for number, answer in enumerate(answers[:24]):
        ids.setdefault(number % 8, set()).update(accepted(answer)["metric_ids"])
    assert {number: len(found) for number, found in ids.items()} == {n: n + 1 for n in range(8)}
    assert len(stored(api, metric)) == sum(range(1, 9)) + len(keyless)


# Several processes


@pytest.fixture(scope="module")
def replicas(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """Two services on one database. The second keeps real_time samples for a day only, so
    that what the first accepted can be too old for it.
    """
    folder, url = tmp_path_factory.mktemp("replicas"), database_of.new_database()
    with ExitStack() as stack:
        first = stack.enter_context(running_service(folder, url))
        second = stack.enter_context(running_service(folder, url, RETENTION_DAYS="real_time=1"))
        yield first, second


def test_replicas_asked_at_once_count_once_between_them(
    replicas: tuple[Service, Service], metric: str, key: str
) -> None:
    clients = [replica.client for replica in replicas]
    answers = at_once(
        [partial(post, client, ONE, one(metric), Idempotency_Key=key) for client in clients * 8]
    )
    assert len({accepted(answer)["metric_id"] for answer in answers}) == 1
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert len(stored(clients[0], metric)) == 1


def test_replicas_hand_out_different_ids(replicas: tuple[Service, Service], metric: str) -> None:
    clients = [replica.client for replica in replicas]
    answers = at_once([partial(post, client, BATCH, batch(metric, 50)) for client in clients * 8])
    ids = [sample_id for answer in answers for sample_id in accepted(answer)["metric_ids"]]
    assert len(set(ids)) == len(ids) == 800
    assert {back["id"] for back in stored(clients[0], metric)} == set(ids)


@pytest.mark.parametrize("path", [ONE, BATCH])
def test_a_retry_is_answered_though_its_samples_have_become_too_old(
    replicas: tuple[Service, Service], metric: str, key: str, path: str
) -> None:
    young, old = (replica.client for replica in replicas)
    three_days_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    item = sample(metric, frequency="real_time", timestamp=three_days_ago)
    body = json.dumps(item if path == ONE else {"metrics": [item]}).encode()
    first = post(young, path, body, Idempotency_Key=key)
    accepted(first)

    again = post(old, path, body, Idempotency_Key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers[REPLAYED] == "true"
    assert "Too old" in refused(post(old, path, body), 422)["message"]
    assert "Too old" in refused(post(old, path, body, Idempotency_Key=f"{key}x"), 422)["message"]
    refused(post(old, path, body + b" ", Idempotency_Key=key), 409)
    assert len(stored(young, metric)) == 1


def test_a_key_held_by_a_stalled_writer_is_unavailable_until_that_is_gone(
    api: httpx2.Client, service: Service, metric: str, key: str
) -> None:
    accepted(post(api, ONE, one(metric, value=0), Idempotency_Key=f"{key}y"))
    with psycopg.connect(service.database_url) as stalled:
        stalled.execute(
            """
            INSERT INTO fature.idempotency
                (principal, idempotency_key, body_sha256, first_id, sample_count)
            SELECT principal, %s, body_sha256, first_id, sample_count
            FROM fature.idempotency WHERE idempotency_key = %s
            """,
            [key, f"{key}y"],
        )
        answer = post(api, ONE, one(metric, value=1), Idempotency_Key=key)
        accepted(post(api, ONE, one(metric, value=2)))
        stalled.rollback()
    refused(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1
    accepted(post(api, ONE, one(metric, value=1), Idempotency_Key=key))
    assert sorted(back["value"] for back in stored(api, metric)) == [0, 1, 2]

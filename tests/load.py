"""Clients that submit samples all the time, and what must be stored of them afterwards."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx2
import psycopg

from tests.acceptance.talk import refused
from tests.clients import http_client
from tests.conftest import ADMIN_KEY, Service
from tests.killable import until

CLIENTS = 4
MOST_REQUESTS = 20_000
SAMPLE_TABLES = {
    "real_time": "SELECT id, series_id, value FROM fature.sample_real_time",
    "hourly": "SELECT id, series_id, value FROM fature.sample_hourly",
}


@dataclass
class Submission:
    """One request's values, each sent by no other; `ids` once it was acknowledged."""

    number: int
    values: list[int]
    ids: list[int] = field(default_factory=list)

    def body(self, metric: str) -> dict[str, Any]:
        """For the batch endpoint, or a lone sample; a batch is of two frequencies."""
        samples = [
            {
                "metric_name": metric,
                "metric_type": "revenue",
                "unit": "BRL",
                "value": value,
                "frequency": ("real_time", "hourly")[place % 2],
            }
            for place, value in enumerate(self.values)
        ]
        return samples[0] if len(samples) == 1 else {"metrics": samples}


class Load:
    """Submits one metric from several threads until `finish`.

    With `retrying`, each request is repeated under its own Idempotency-Key until it is
    acknowledged; else it is sent once. An answer other than 201 and 503 is a failure. It
    counts the 503s, the answers that were replayed and the connections that broke.
    """

    def __init__(self, url: str, metric: str, *, retrying: bool) -> None:
        self.refusals = 0
        self.replays = 0
        self.broken_connections = 0
        self._url = url
        self._metric = metric
        self._retrying = retrying
        self._submissions: list[Submission] = []
        self._values = itertools.count(1)
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._giving_up = threading.Event()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._clients: list[Future[None]] = [self._pool.submit(self._run) for _ in range(CLIENTS)]

    def __enter__(self) -> "Load":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        self._stopping.set()
        if kind is not None:
            self._giving_up.set()
        self._pool.shutdown()

    @property
    def acknowledged(self) -> int:
        """How many requests were answered with 201."""
        return sum(bool(submission.ids) for submission in list(self._submissions))

    def go_on(self, requests: int) -> None:
        """Wait until that many more requests were acknowledged."""
        goal = self.acknowledged + requests
        until(lambda: self._failed() or self.acknowledged >= goal)
        self._raise_failure()

    def until_refused(self, before: int) -> None:
        """Wait for one more answer than `before` that says to try again."""
        until(lambda: self._failed() or self.refusals > before)
        self._raise_failure()

    def finish(self) -> list[Submission]:
        """No further request; what was submitted once every client has its answer."""
        self._stopping.set()
        done, pending = wait(self._clients, timeout=60, return_when=FIRST_EXCEPTION)
        self._raise_failure()
        assert done
        assert not pending, "some requests were never acknowledged"
        return list(self._submissions)

    def _failed(self) -> bool:
        return any(client.done() for client in self._clients)

    def _raise_failure(self) -> None:
        for client in self._clients:
            if client.done():
                client.result()
                assert self._stopping.is_set(), "a client stopped early"

    def _run(self) -> None:
        headers = {"X-API-Key": ADMIN_KEY}
        with http_client(self._url, headers=headers, timeout=30) as client:
            while not self._stopping.is_set() and (number := next(self._numbers)) < MOST_REQUESTS:
                size = (1, 2, 20)[number % 3]
                submission = Submission(number, list(itertools.islice(self._values, size)))
                self._submissions.append(submission)
                while not self._submit(client, submission):
                    if self._giving_up.wait(0.05) or not self._retrying:
                        break

    def _submit(self, client: httpx2.Client, submission: Submission) -> bool:
        path = "/api/metrics" if len(submission.values) == 1 else "/api/metrics/batch"
        key = {"Idempotency-Key": f"{self._metric}-{submission.number}"}
        try:
            response = client.post(
                path,
                json=submission.body(self._metric),
                headers=key if self._retrying else None,
            )
        except httpx2.TransportError:
            self.broken_connections += 1
            return False
        if response.status_code == 503:
            refused(response, 503)
            assert int(response.headers["Retry-After"]) > 0
            self.refusals += 1
            return False
        assert response.status_code == 201, response.text
        self.replays += "Idempotent-Replayed" in response.headers
        answer = response.json()
        submission.ids = answer.get("metric_ids") or [answer["metric_id"]]
        return True


@contextmanager
def loaded(url: str, metric: str, *, retrying: bool = False) -> Iterator[Load]:
    """A load that has begun."""
    with Load(url, metric, retrying=retrying) as load:
        load.go_on(30)
        yield load


def stored_samples(database_url: str, metric: str) -> list[tuple[int, int]]:
    """Id and value of each row of that metric in the sample tables."""
    statement = (
        f"SELECT x.id, x.value::bigint FROM ({' UNION ALL '.join(SAMPLE_TABLES.values())}) AS x "
        "JOIN fature.series AS s USING (series_id) WHERE s.metric_name = %s"
    )
    with psycopg.connect(database_url) as conn:
        return conn.execute(statement.encode(), [metric]).fetchall()


def assert_acknowledged_are_stored_once(
    database_url: str, metric: str, submissions: Sequence[Submission]
) -> None:
    """Every acknowledged id is there exactly once, with its value; of what was not
    acknowledged, each request is there once and whole, or not at all.
    """
    stored = stored_samples(database_url, metric)
    ids = Counter(id_ for id_, _ in stored)
    assert {id_: n for id_, n in ids.items() if n > 1} == {}
    times = Counter(value for _, value in stored)
    assert {value: n for value, n in times.items() if n > 1} == {}
    id_of = {value: id_ for id_, value in stored}
    for submission in submissions:
        found = [id_of.get(value) for value in submission.values]
        if submission.ids:
            assert found == submission.ids
        else:
            assert None not in found or set(found) == {None}
    assert times.keys() <= {value for one in submissions for value in one.values}


def assert_everything_counts_once(
    service: Service, metric: str, submissions: Sequence[Submission]
) -> None:
    """Every sample is there exactly once, as the tables, the view and the API say alike."""
    assert all(submission.ids for submission in submissions)
    assert_acknowledged_are_stored_once(service.database_url, metric, submissions)
    values = [value for submission in submissions for value in submission.values]
    expected = (len(values), sum(values))
    stored = stored_samples(service.database_url, metric)
    assert (len(stored), sum(value for _, value in stored)) == expected
    with psycopg.connect(service.database_url) as conn:
        view = "SELECT count(*), sum(value)::bigint FROM analytics.metrics WHERE metric_name = %s"
        assert conn.execute(view, [metric]).fetchone() == expected
    count, total = (_figure(service.client, metric, name) for name in ("count", "sum"))
    assert (count, total) == expected


def _figure(client: httpx2.Client, metric: str, aggregation: str) -> float:
    """The API's figure over all days, of which there are two around midnight."""
    params = {"metric_name": metric, "aggregation": aggregation, "period": "day"}
    answer = client.get("/api/metrics/aggregate", params=params)
    assert answer.status_code == 200, answer.text
    return float(sum(row["value"] for row in answer.json()["data"]))

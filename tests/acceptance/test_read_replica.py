"""Queries go to a streaming replica while it keeps up; the figures are right throughout."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sql.engine import Engine
from tests.acceptance.access import ok
from tests.acceptance.reading import figures
from tests.acceptance.talk import accepted, sample
from tests.acceptance.web import signed_in
from tests.clients import http_client
from tests.conftest import Service, running_service
from tests.killable import killable_server, until
from tests.load import assert_everything_counts_once, loaded
from tests.replication import Replica, running_replica

MAX_LAG = "3"


@dataclass
class Place:
    """A service whose queries go to a replica."""

    service: Service
    replica: Replica

    def gauge(self, name: str) -> float:
        """A gauge of /metrics about the replica."""
        text = self.service.client.get("/metrics").text
        (found,) = [
            one.value
            for family in text_string_to_metric_families(text)
            for one in family.samples
            if one.name == name
        ]
        return float(found)

    def is_in_use(self) -> bool:
        return self.gauge("fature_replica_in_use") == 1

    def total(self, metric: str) -> float:
        found = figures(self.service.client, metric, period="month", aggregation="sum")
        return sum(value or 0 for value in found.values())

    def add(self, metric: str, value: float) -> None:
        body = sample(metric, value=value)
        accepted(self.service.client.post("/api/metrics", json=body))


@pytest.fixture(scope="module")
def place(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(f"replica-{engine}")
    with killable_server(folder / "primary", engine) as primary:
        url = primary.databases.new_database()
        with (
            running_replica(folder / "replica", folder / "primary", url, engine) as replica,
            running_service(
                folder / "service",
                url,
                FATURE_DATABASE_READ_URL=replica.url_of(url),
                FATURE_DATABASE_READ_MAX_LAG=MAX_LAG,
                FATURE_ALERT_INTERVAL="0",
            ) as service,
        ):
            yield Place(service, replica)


@pytest.fixture(autouse=True)
def in_order(place: Place) -> None:
    until(place.is_in_use)


@contextmanager
def asking(place: Place, metric: str, least: float) -> Iterator[None]:
    """Meanwhile every question is answered, and with what was known before or more."""
    done, wrong = threading.Event(), list[object]()

    def ask() -> None:
        params = {"metric_name": metric, "period": "month", "aggregation": "sum"}
        with http_client(
            place.service.url, headers=place.service.client.headers, timeout=30
        ) as client:
            while not done.wait(0.02):
                # Another parameter each time: equal questions share an answer.
                params["limit"] = str(1 + int(params.get("limit", "1")) % 1000)
                answer = client.get("/api/metrics/aggregate", params=params)
                if answer.status_code != 200 or answer.json()["data"][0]["value"] < least:
                    wrong.append(answer.text)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert wrong == []


def test_figures_come_from_the_replica(place: Place, metric: str) -> None:
    place.add(metric, 5)
    until(lambda: place.total(metric) == 5)
    assert place.replica.answered(place.service.database_url) > 0
    assert place.gauge("fature_replica_lag_seconds") <= float(MAX_LAG)


def test_an_idle_replica_does_not_seem_to_lag(place: Place) -> None:
    for _ in range(20):
        assert place.is_in_use()


def test_one_that_lags_is_left_and_used_again_when_it_has_caught_up(
    place: Place, metric: str
) -> None:
    place.add(metric, 5)
    until(lambda: place.total(metric) == 5)
    with asking(place, metric, least=5):
        place.replica.pause()
        place.add(metric, 2)
        until(lambda: not place.is_in_use())
        assert place.total(metric) == 7
        assert place.gauge("fature_replica_lag_seconds") > float(MAX_LAG)
        place.add(metric, 1)
        assert place.total(metric) == 8
        place.replica.resume()
        until(place.is_in_use)
        assert place.total(metric) == 8


def test_one_that_is_away_is_done_without_and_used_again(place: Place, metric: str) -> None:
    place.add(metric, 5)
    until(lambda: place.total(metric) == 5)
    with asking(place, metric, least=5):
        place.replica.stop()
        place.add(metric, 2)
        until(lambda: place.total(metric) == 7)
        until(lambda: not place.is_in_use())
        place.replica.start()
        until(place.is_in_use)
    until(lambda: place.total(metric) == 7)


def wrong_while_reads_break_off(
    place: Place, metric: str, look: Callable[[httpx2.Client, int], str]
) -> list[str]:
    """What `look`, called again and again with other numbers, says is wrong meanwhile."""
    place.add(metric, 5)
    until(lambda: place.total(metric) == 5)
    done, wrong = threading.Event(), list[str]()
    with (
        signed_in(place.service.client) as web,
        psycopg.connect(place.replica.url_of(place.service.database_url), autocommit=True) as conn,
    ):

        def view() -> None:
            for number in itertools.count():
                if done.is_set():
                    break
                if told := look(web, number):
                    wrong.append(told)

        viewer = threading.Thread(target=view)
        viewer.start()
        try:
            broken_off, deadline = 0, time.monotonic() + 60
            while broken_off < 5:
                assert time.monotonic() < deadline, "waited in vain"
                broken_off += conn.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE state = 'active' AND query ~ '(Values|Last values) per bucket'"
                    " AND pid <> pg_backend_pid()"
                ).rowcount
        finally:
            done.set()
            viewer.join()
    return wrong


def test_pages_are_shown_although_it_breaks_off_what_is_read(place: Place, metric: str) -> None:
    board = ok(place.service.client.get("/api/dashboards"))[0]["id"]
    paths = (f"/dashboards/{board}", f"/explore?metric_name={metric}")

    def look(web: httpx2.Client, number: int) -> str:
        path = paths[number % 2]
        shown = web.get(path)
        fine = shown.status_code == 200 and "database is away" not in shown.text
        return "" if fine else f"{path}: {shown.status_code}"

    assert wrong_while_reads_break_off(place, metric, look) == []


def test_graphql_is_answered_although_it_breaks_off_what_is_read(place: Place, metric: str) -> None:
    def look(_: httpx2.Client, number: int) -> str:
        # Equal questions share an answer.
        figures = " ".join(
            f'a{n}: aggregate(metric: "{metric}", period: month, limit: {1 + number % 900 + n})'
            " { series { values } }"
            for n in range(20)
        )
        body = {"query": f"{{ {figures} }}"}
        answer = place.service.client.post("/graphql", json=body).json()
        return str(answer["errors"]) if "errors" in answer else ""

    assert wrong_while_reads_break_off(place, metric, look) == []


def test_a_service_starts_while_its_replica_is_away(
    place: Place, metric: str, tmp_path: Path
) -> None:
    url = place.service.database_url
    place.add(metric, 5)
    place.replica.stop()
    try:
        read_url = place.replica.url_of(url)
        with running_service(tmp_path, url, FATURE_DATABASE_READ_URL=read_url) as other:
            assert list(figures(other.client, metric, period="month").values()) == [5]
    finally:
        place.replica.start()


def test_what_is_decided_goes_by_the_primary(place: Place) -> None:
    """A key is known, a rule is listed and a name is taken at once, however far the replica."""
    client = place.service.client
    place.replica.pause()
    try:
        rule = {
            "rule_name": "Decided",
            "metric_name": "orders",
            "condition": ">",
            "threshold_value": 1,
            "severity": "low",
        }
        made = accepted(client.post("/api/alerts/rules", json=rule))["data"]
        listed = [one["id"] for one in client.get("/api/alerts/rules").json()["data"]]
        assert made["id"] in listed
        key = accepted(client.post("/api/keys", json={"name": "new", "role": "reader"}))["data"]
        with http_client(place.service.url, headers={"X-API-Key": key["key"]}) as reader:
            assert reader.get("/api/metrics/catalog").status_code == 200
        retried = {"Idempotency-Key": "only once"}
        first = client.post("/api/metrics", json=sample("orders"), headers=retried)
        again = client.post("/api/metrics", json=sample("orders"), headers=retried)
        assert accepted(again)["metric_id"] == accepted(first)["metric_id"]
    finally:
        place.replica.resume()


def test_everything_counts_once_under_load(place: Place, metric: str) -> None:
    with loaded(place.service.url, metric) as load:
        place.replica.pause()
        load.go_on(60)
        until(lambda: not place.is_in_use())
        place.replica.resume()
        until(place.is_in_use)
        submissions = load.finish()
    total = sum(value for submission in submissions for value in submission.values)
    until(lambda: place.total(metric) == total)
    assert_everything_counts_once(place.service, metric, submissions)


def test_one_that_was_promoted_is_not_read_any_more(place: Place, metric: str) -> None:
    """The last test here: it will not follow again."""
    place.add(metric, 5)
    place.replica.promote()
    until(lambda: not place.is_in_use())
    place.add(metric, 2)
    assert place.total(metric) == 7
    assert "it was promoted" in place.service.log.read_text()

"""Prometheus itself: what it scrapes, and what it says that counters rose by."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx2
import psycopg
import pytest
import yaml

from tests.acceptance.test_remote_write import FIRST, HEADERS, PATH, STALE, packed, series
from tests.conftest import ADMIN_KEY, DatabaseServer, free_port, running_service
from tests.killable import until
from tests.prometheus_server import needs_prometheus, prometheus
from tests.senders import COUNTER, GAUGE, exposed, rises, stored

pytestmark = [pytest.mark.one_engine, needs_prometheus]

CONFIG = """
global: {{scrape_interval: 250ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    authorization: {{credentials: {key}}}
    queue_config: {{batch_send_deadline: 300ms, min_backoff: 100ms, max_backoff: 300ms}}
    metadata_config: {{send: true, send_interval: 1s}}
"""


@contextmanager
def writing(folder: Path, target: int, port: int) -> Iterator[httpx2.Client]:
    """Prometheus, which scrapes that port and writes to the service at the other."""
    config = yaml.safe_load(CONFIG.format(target=target, port=port, key=ADMIN_KEY))
    options = ["--storage.remote.flush-deadline=1s", "--web.enable-remote-write-receiver"]
    with prometheus(folder, config, *options) as asking:
        until(lambda: is_ready(asking))
        yield asking


def is_ready(asking: httpx2.Client) -> bool:
    try:
        return asking.get("/status/runtimeinfo").status_code == 200
    except httpx2.TransportError:
        return False


def scraped(asking: httpx2.Client, name: str) -> list[float]:
    """Every sample of the one series of that name that Prometheus keeps."""
    answer = asking.get("/query", params={"query": f"{name}[1h]"}).json()
    (one,) = answer["data"]["result"]
    return [float(value) for _, value in one["values"]]


def wait_for(url: str, levels: int, folder: Path) -> None:
    """Until so many samples of the gauge have come from Prometheus."""
    deadline = time.monotonic() + 60
    while len(stored(url, GAUGE)) < levels:
        assert time.monotonic() < deadline, (folder / "prometheus.log").read_text()
        time.sleep(0.2)


def test_prometheus_through_a_restart(database_of: DatabaseServer, tmp_path: Path) -> None:
    """Whatever it scraped is here, counted as increase() counts it."""
    url, port = database_of.new_database(), free_port()
    with exposed() as target, writing(tmp_path, target.port, port) as asking:
        with running_service(tmp_path / "one", url, port=port, FATURE_ALERT_INTERVAL="0"):
            wait_for(url, 2, tmp_path)
            for step in range(12):
                target.counter += step
                target.gauge = step % 5
                time.sleep(0.25)
        # Away, and the counter begins anew meanwhile.
        target.counter = 3.0
        time.sleep(1)
        with running_service(tmp_path / "two", url, port=port, FATURE_ALERT_INTERVAL="0"):
            for step in range(8):
                target.counter += step / 2
                time.sleep(0.25)
            counter = scraped(asking, COUNTER)
            gauge = scraped(asking, GAUGE)
            wait_for(url, len(gauge), tmp_path)
    assert any(after < before for before, after in pairwise(counter))
    expected = rises(counter)
    assert stored(url, COUNTER)[: len(expected)] == expected
    assert stored(url, GAUGE)[: len(gauge)] == gauge


INTERVAL = 15
# Of them a range begins and ends, so that there is a sample at each edge.
EDGES = range(0, 41, 5)


def readings(chance: random.Random) -> list[float]:
    """Of a counter that rises, rests, begins anew, and is not there now and then."""
    value, found = float(chance.randint(0, 500)), []
    for place in range(EDGES[-1] + 1):
        match chance.randint(0, 9):
            case 0:
                value = float(chance.randint(0, int(value)))
            case 1 | 2:
                pass
            case 3:
                value += chance.randint(1, 10**6)
            case _:
                value += chance.randint(1, 4000) / 4
        gone = place not in EDGES and chance.random() < 0.1
        found.append(STALE if gone else value)
    return found


def increase(asking: httpx2.Client, first: int, last: int) -> dict[str, float]:
    """What Prometheus says that each till rose by between two of its samples. Newer versions leave
    out a sample at the edge: a millisecond before, it is within for all.
    """
    milliseconds = (last - first) * INTERVAL * 1000 + 1
    at = str(FIRST // 1000 + last * INTERVAL)
    query = f"increase(revenue_tills_total[{milliseconds}ms])"
    answer = asking.get("/query", params={"query": query, "time": at}).json()
    return {one["metric"]["till"]: float(one["value"][1]) for one in answer["data"]["result"]}


def risen(url: str, first: int, last: int) -> dict[str, float]:
    """The same of what is stored."""
    edges = [FIRST / 1000 + place * INTERVAL for place in (first, last)]
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT metadata ->> 'till', sum(value) FROM analytics.metrics "
            "WHERE metric_name = 'revenue_tills_total' "
            "AND ts > to_timestamp(%s) AND ts <= to_timestamp(%s) GROUP BY 1",
            edges,
        ).fetchall()
    return dict(rows)


def test_counters_rise_as_prometheus_itself_says(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    """Between any two of their samples; the service gets some of them again and in parts."""
    chance, url = random.Random(20), database_of.new_database()
    tills = {f"{number}": readings(chance) for number in range(30)}
    with (
        running_service(tmp_path / "service", url, FATURE_ALERT_INTERVAL="0") as service,
        exposed() as target,
        writing(tmp_path, target.port, free_port()) as asking,
    ):

        def send(to: httpx2.Client, path: str, begin: int, end: int) -> None:
            body = packed(
                *(
                    series(
                        "revenue_tills_total",
                        *((values[at], at * INTERVAL) for at in range(begin, end)),
                        till=till,
                    )
                    for till, values in tills.items()
                )
            )
            answer = to.post(path, content=body, headers=HEADERS)
            assert answer.status_code == 204, answer.text

        begin = 0
        while begin <= EDGES[-1]:
            end = min(begin + chance.randint(1, 9), EDGES[-1] + 1)
            send(asking, "/write", begin, end)
            send(service.client, PATH, chance.choice([begin, max(begin - 3, 0)]), end)
            begin = end
        for first in EDGES:
            for last in EDGES:
                if first < last:
                    told = increase(asking, first, last)
                    ours = dict.fromkeys(told, 0.0) | risen(url, first, last)
                    assert ours == pytest.approx(told, rel=1e-4, abs=1e-6)
                    assert len(told) == len(tills)

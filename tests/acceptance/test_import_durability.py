"""An import is exact whoever is killed in its midst: a second try under its name goes on.

`IMPORT_KILLS=10 IMPORT_ROWS=200000` make it a long run; `IMPORT_SEED` repeats one.
"""

import json
import os
import random
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import psycopg
import pytest

from sql.engine import Engine
from tests.clients import http_client
from tests.conftest import ADMIN_KEY, Service, running_service, wait_until_ready
from tests.killable import KillableServer, killable_server, until
from tests.reference import is_fine_enough, start_of

KILLS = int(os.environ.get("IMPORT_KILLS", "2"))
ROWS = int(os.environ.get("IMPORT_ROWS", "20000"))
SEED = os.environ.get("IMPORT_SEED") or secrets.token_hex(4)
METRIC = "imported_through_kills"
ZONE = ZoneInfo("America/Sao_Paulo")
PERIODS = ("hour", "day", "week", "month")
FIGURES: dict[str, Callable[[Sequence[Decimal]], Decimal]] = {
    "sum": lambda values: sum(values, Decimal(0)),
    "count": lambda values: Decimal(len(values)),
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
}
# How far an import is: rows that were read, the share of its imported samples that is counted.
PROGRESS = """
SELECT
    j.row_count,
    (j.counted + coalesce(sum(e.number) FILTER (WHERE b.status = 'counted'), 0))
    / coalesce(sum(e.number), 1),
    j.status = 'done'
FROM fature.import_job AS j
LEFT JOIN fature.import_batch AS b USING (import_id)
LEFT JOIN fature.import_extent AS e USING (batch_id)
WHERE j.import_key = %s
GROUP BY j.import_id
"""


@dataclass(frozen=True)
class Row:
    """A row of the file; every instant comes once, so that the last value is one."""

    ts: datetime
    frequency: str
    region: str
    value: Decimal

    def line(self) -> str:
        return json.dumps(
            {
                "metric_name": METRIC,
                "metric_type": "revenue",
                "unit": "BRL",
                "frequency": self.frequency,
                "region": self.region,
                "value": float(self.value),
                "timestamp": self.ts.isoformat(),
            }
        )


def some_rows(chance: random.Random, now: datetime) -> list[Row]:
    """In a few hundred hours on either side of the age up to which samples are submitted."""
    now = now.replace(minute=0, second=0, microsecond=0)
    ages = {"hourly": 16_000, "daily": 36_000}
    hours = {
        frequency: [now - timedelta(hours=chance.randint(2, most)) for _ in range(150)]
        for frequency, most in ages.items()
    }
    frequencies = chance.choices(list(ages), (2, 1), k=ROWS)
    return [
        Row(
            chance.choice(hours[frequency]) + timedelta(microseconds=number),
            frequency,
            # A series each, as the last of several is that of the later bucket.
            f"{chance.choice(['SP', 'RJ', 'MG'])} {frequency}",
            Decimal(chance.randint(-1000, 1_000_000)) / 100,
        )
        for number, frequency in enumerate(frequencies)
    ]


class Sender:
    """Sends the file until all of it was taken, each time from its start, in a thread."""

    def __init__(self, url: str, content: bytes, key: str) -> None:
        self._url = url
        self._content = content
        self._headers = {
            "X-API-Key": ADMIN_KEY,
            "Content-Type": "application/x-ndjson",
            "X-Import-Id": key,
        }
        self._gives_up = threading.Event()
        self.tries = 0
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        while not self._gives_up.is_set() and not self._once():
            self._gives_up.wait(0.2)

    def _once(self) -> bool:
        self.tries += 1
        with (
            http_client(self._url, headers=self._headers, timeout=120) as client,
            suppress(httpx2.TransportError),
        ):
            answer = client.post("/api/imports", content=self._content)
            assert answer.status_code in (202, 409, 503), answer.text
            return answer.status_code == 202
        return False

    def finish(self) -> None:
        """Once it was taken."""
        self._thread.join(120)
        assert not self._thread.is_alive()

    def give_up(self) -> None:
        self._gives_up.set()
        self._thread.join(120)


def wait_for(url: str, key: str, moment: float) -> None:
    """Up to 1: until that share of the rows was read; from 1 to 2: of the samples counted."""

    def is_there() -> bool:
        found = conn.execute(PROGRESS, [key]).fetchone()
        if found is None:
            return False
        row_count, counted, is_done = found
        return (
            bool(is_done)
            or row_count / ROWS + (float(counted) if row_count == ROWS else 0) >= moment
        )

    with psycopg.connect(url, autocommit=True) as conn:
        until(is_there, 120)


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableServer]:
    """A PostgreSQL that these tests may kill."""
    with killable_server(tmp_path_factory.mktemp(f"killable-{engine}"), engine) as running:
        yield running


@pytest.mark.parametrize("victim", ["service", "database"])
def test_an_import_is_exact_through_kills(
    server: KillableServer, tmp_path: Path, victim: str
) -> None:
    chance = random.Random(f"{SEED}-{victim}")
    rows = some_rows(chance, datetime.now(UTC))
    content = "".join(row.line() + "\n" for row in rows).encode()
    key = f"{victim}-{SEED}"
    # In the long run at any moment; in two tries while rows are read and while they are counted.
    moments = [chance.uniform(kill % 2, kill % 2 + 1) for kill in range(KILLS)]
    with ExitStack() as stack:
        url = server.databases.new_database(ZONE.key)
        service = stack.enter_context(running_service(tmp_path, url, FATURE_TIMEZONE=ZONE.key))
        port = int(service.url.rpartition(":")[2])
        sender = Sender(service.url, content, key)
        stack.callback(sender.give_up)
        for moment in sorted(moments):
            wait_for(url, key, moment)
            if victim == "service":
                assert service.stop(signal.SIGKILL) == -signal.SIGKILL
                again = running_service(tmp_path, url, port=port, FATURE_TIMEZONE=ZONE.key)
                service = stack.enter_context(again)
            else:
                server.kill()
                server.start()
                wait_until_ready(service)
        sender.finish()
        assert_exact(service, rows, key)


def assert_exact(service: Service, rows: Sequence[Row], key: str) -> None:
    """Every row counts once, at every level."""
    (number,) = [one["id"] for one in data_of(service, "/api/imports") if one["import_id"] == key]
    until(lambda: data_of(service, f"/api/imports/{number}")["status"] == "done", 240)
    found = data_of(service, f"/api/imports/{number}")
    assert (found["rows"], found["accepted"], found["counted"]) == (len(rows),) * 3, SEED
    in_order = sorted(rows, key=lambda row: row.ts)
    for period in PERIODS:
        values: dict[tuple[datetime, str], list[Decimal]] = {}
        for row in in_order:
            if is_fine_enough(row.frequency, period):
                start = start_of(row.ts, period, ZONE)
                values.setdefault((start, row.region), []).append(row.value)
        for aggregation, figure in FIGURES.items():
            expected = {place: figure(those) for place, those in values.items()}
            assert figures(service, period, aggregation) == expected, (period, aggregation, SEED)
    with psycopg.connect(service.database_url) as conn:
        stored = conn.execute(
            "SELECT count(*), sum(value::numeric) FROM analytics.metrics WHERE metric_name = %s",
            [METRIC],
        ).fetchone()
    assert stored == (len(rows), sum(row.value for row in rows)), SEED


def figures(service: Service, period: str, aggregation: str) -> dict[tuple[datetime, str], Decimal]:
    params = {
        "metric_name": METRIC,
        "period": period,
        "aggregation": aggregation,
        "group_by": "region",
        "start_date": "2015-01-01",
        "limit": "10000",
    }
    answer = service.client.get("/api/metrics/aggregate", params=params)
    assert answer.status_code == 200, answer.text
    return {
        (datetime.fromisoformat(one["start"]).astimezone(UTC), one["region"]): Decimal(one["value"])
        for one in answer.json(parse_float=Decimal)["data"]
    }


def data_of(service: Service, path: str) -> Any:
    answer = service.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]

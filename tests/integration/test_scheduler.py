"""TimescaleDB's own scheduler, with nobody's help."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from retention.apply import reconcile
from retention.policies import accept_ages, parse_keep
from sql.migrator import migrate
from sql.timezones import check_whole_hours
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency, Level
from tests.conftest import Service, database_server, running_service
from tests.integration.rollups import (
    Conn,
    new_series,
    number,
    session,
    store,
    timescale_only,
    watermarks,
)

pytestmark = timescale_only

KEEP = parse_keep("")
WITHIN_SECONDS = 300

# As late as is accepted, nearly.
LATE = {frequency: age - timedelta(minutes=10) for frequency, age in accept_ages(KEEP).items()}
EARLY_SHARES = (1.0, 0.9, 0.5, 0.1, 0.0)

Counts = dict[tuple[Frequency, Level], int]


@dataclass(frozen=True)
class Awake:
    """A service on a server whose scheduler is awake, and a look at its database."""

    service: Service
    conn: Conn


@pytest.fixture(scope="module")
def awake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Awake]:
    """Samples, then policies that are due at once, then the service."""
    folder = tmp_path_factory.mktemp("scheduler")
    with database_server(folder / "server", "timescale", background_workers=16) as server:
        # Not from a template: the scheduler would be connected to it.
        url = server.new_database(migrated=False)
        migrate(url, engine="timescale", timezone="UTC")
        with session(url) as conn:
            for frequency in FREQUENCIES:
                store_early_samples(conn, frequency)
            a_while_ago = datetime.now(UTC) - timedelta(minutes=3)
            reconcile(url, "timescale", KEEP, check_whole_hours("UTC"), a_while_ago)
            with running_service(folder / "service", url) as running:
                yield Awake(running, conn)


def test_late_samples_count_at_every_level_within_five_minutes(awake: Awake) -> None:
    wait_until_all_was_refreshed(awake.conn)
    # A level that was refreshed at the same moment as its source is whole after its next refresh.
    assert counts_within_time(awake.conn, len(EARLY_SHARES)) == everywhere(len(EARLY_SHARES))
    post_late_samples(awake.service)
    expected = len(EARLY_SHARES) + 1
    assert counts_within_time(awake.conn, expected) == everywhere(expected)


def store_early_samples(conn: Conn, frequency: Frequency) -> None:
    """From the age of the late one up to now."""
    series = new_series(conn, frequency)
    now = datetime.now(UTC)
    shares = enumerate(EARLY_SHARES)
    store(conn, frequency, [(now - LATE[frequency] * share, n, series, 1.0) for n, share in shares])


def post_late_samples(service: Service) -> None:
    now = datetime.now(UTC)
    items = [
        {
            "metric_name": f"late_{frequency}",
            "metric_type": "revenue",
            "value": 1,
            "frequency": frequency,
            "timestamp": (now - age).isoformat(),
        }
        for frequency, age in LATE.items()
    ]
    answer = service.client.post("/api/metrics/batch", json={"metrics": items})
    assert answer.status_code == 201, answer.text


def everywhere(count: int) -> Counts:
    """The same count at every level of every frequency."""
    return {(frequency, level): count for frequency in FREQUENCIES for level in LEVELS[frequency]}


def counts_within_time(conn: Conn, expected: int) -> Counts:
    """The `counts` as soon as each is as expected, or as they are after five minutes."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while (found := counts(conn)) != everywhere(expected) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def counts(conn: Conn) -> Counts:
    """Samples counted at each level, as analysts see them."""
    found: Counts = {}
    for frequency in FREQUENCIES:
        for level in LEVELS[frequency]:
            statement = sql.SQL(
                "SELECT coalesce(sum(sample_count), 0)::bigint FROM {} "
                "WHERE frequency = %(frequency)s"
            ).format(sql.Identifier("analytics", f"metric_{level}"))
            found[frequency, level] = number(conn, statement, {"frequency": frequency})
    return found


def wait_until_all_was_refreshed(conn: Conn) -> None:
    """Until every refresh succeeded, so that what is posted now is late."""
    succeeded = """
    SELECT count(*)
    FROM timescaledb_information.jobs
    INNER JOIN timescaledb_information.job_stats USING (job_id)
    WHERE proc_name = 'policy_refresh_continuous_aggregate' AND total_successes > 0
    """
    deadline = time.monotonic() + WITHIN_SECONDS
    while (done := number(conn, succeeded)) < sum(map(len, LEVELS.values())):
        assert time.monotonic() < deadline, f"only {done} refreshes succeeded"
        time.sleep(0.5)
    marks = watermarks(conn)
    for frequency, age in LATE.items():
        assert marks[f"rollup_{frequency}_{LEVELS[frequency][0]}"] > datetime.now(UTC) - age

"""TimescaleDB's own scheduler, with nobody's help."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from retention.apply import reconcile
from retention.policies import accept_ages, parse_keep
from sql.migrator import migrate
from sql.rollups import FREQUENCIES, LEVELS, Frequency, Level
from sql.timezones import check_whole_hours
from tests.conftest import Service, database_server, running_service
from tests.integration.rollups import Conn, number, session, timescale_only, watermarks

pytestmark = timescale_only

KEEP = parse_keep("")
WITHIN_SECONDS = 300

# As late as is accepted, and samples of before the first refresh, from there up to now.
LATE = {frequency: age - timedelta(minutes=10) for frequency, age in accept_ages(KEEP).items()}
SHARES = (1.0, 0.9, 0.5, 0.1, 0.0)

Counts = dict[tuple[Frequency, Level], int]


@pytest.fixture(scope="module")
def awake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on a server whose scheduler is awake, with policies that are due at once."""
    folder = tmp_path_factory.mktemp("scheduler")
    with database_server(folder / "server", "timescale", background_workers=16) as server:
        # Not from a template: the scheduler would be connected to it.
        url = server.new_database(migrated=False)
        migrate(url, engine="timescale", timezone="UTC")
        a_while_ago = datetime.now(UTC) - timedelta(minutes=3)
        reconcile(url, "timescale", KEEP, check_whole_hours("UTC"), a_while_ago)
        with running_service(folder / "service", url) as running:
            yield running


def test_late_samples_count_at_every_level_within_five_minutes(awake: Service) -> None:
    post(awake, [(frequency, age * share) for frequency, age in LATE.items() for share in SHARES])
    with session(awake.database_url) as conn:
        wait_until_all_was_refreshed(conn)
        before = counts(conn)
        assert set(before.values()) == {len(SHARES)}
        post(awake, list(LATE.items()))
        deadline = time.monotonic() + WITHIN_SECONDS
        expected = {level: count + 1 for level, count in before.items()}
        while (found := counts(conn)) != expected and time.monotonic() < deadline:
            time.sleep(0.5)
        assert found == expected


def post(service: Service, samples: list[tuple[Frequency, timedelta]]) -> None:
    """Samples of the given ages, one metric for each frequency."""
    now = datetime.now(UTC)
    items = [
        {
            "metric_name": metric_of(frequency),
            "metric_type": "revenue",
            "value": 1,
            "frequency": frequency,
            "timestamp": (now - age).isoformat(),
        }
        for frequency, age in samples
    ]
    answer = service.client.post("/api/metrics/batch", json={"metrics": items})
    assert answer.status_code == 201, answer.text


def metric_of(frequency: Frequency) -> str:
    return f"scheduled_{frequency}"


def counts(conn: Conn) -> Counts:
    """Samples counted at each level, as analysts see them."""
    found: Counts = {}
    for frequency in FREQUENCIES:
        for level in LEVELS[frequency]:
            statement = sql.SQL(
                "SELECT coalesce(sum(sample_count), 0)::bigint FROM {} WHERE metric_name = %(name)s"
            ).format(sql.Identifier("analytics", f"metric_{level}"))
            found[frequency, level] = number(conn, statement, {"name": metric_of(frequency)})
    return found


def wait_until_all_was_refreshed(conn: Conn) -> None:
    """Until every refresh ran, and what is posted now at the age of `LATE` is late."""
    waiting = """
    SELECT count(*)
    FROM timescaledb_information.jobs
    INNER JOIN timescaledb_information.job_stats USING (job_id)
    WHERE proc_name = 'policy_refresh_continuous_aggregate' AND total_successes = 0
    """
    ran = waiting.replace("= 0", "> 0")
    deadline = time.monotonic() + WITHIN_SECONDS
    everything = sum(map(len, LEVELS.values()))
    while number(conn, ran) < everything:
        assert time.monotonic() < deadline, f"{number(conn, waiting)} refreshes did not succeed"
        time.sleep(0.5)
    marks = watermarks(conn)
    for frequency, age in LATE.items():
        assert marks[f"rollup_{frequency}_{LEVELS[frequency][0]}"] > datetime.now(UTC) - age

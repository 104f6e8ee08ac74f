"""From a running service into a file, and from the file into a database of another cluster."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from sql.engine import Engine
from tests.acceptance.access import issued
from tests.acceptance.people import add_person, browser, log_in
from tests.acceptance.reading import figures
from tests.acceptance.talk import accepted
from tests.clients import http_client
from tests.conftest import (
    DatabaseServer,
    Service,
    database_server,
    run_refresh_jobs,
    running_service,
)
from tests.instances import command
from tests.killable import until
from tests.load import Submission, loaded, stored_samples

NOW = datetime.now(UTC).replace(microsecond=0)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)
# Younger and older than what is dropped, kept in columnstore, and not yet materialised.
AGES = {
    "real_time": [timedelta(hours=hours) for hours in (1, 3, 40, 70, 100, 130)],
    "hourly": [timedelta(days=days) for days in (0, 1, 10, 30, 60, 80)],
    "daily": [timedelta(days=days) for days in (1, 30, 100, 300, 600)],
    "monthly": [timedelta(days=days) for days in (30, 400, 1000, 1600)],
}
DROPPED_BEFORE = timedelta(days=2)
RULE = {
    "rule_name": "Revenue is high",
    "metric_name": "kept_real_time",
    "condition": ">",
    "threshold_value": 0,
    "aggregation": "sum",
    "window": "5m",
    "severity": "high",
    "notification_channels": [],
}
# What no sample changes.
LISTS = (
    "/api/metrics/catalog",
    "/api/alerts/rules",
    "/api/alerts/events",
    "/api/keys",
    "/api/users",
    "/api/audit",
    "/api/services/payment-service/health",
)


@dataclass
class Restored:
    """One service before and after; the database it was restored into has jobs that may run.
    `under_load` was submitted while the backup was made, up to `acknowledged` before it.
    """

    service: Service
    before: dict[str, Any]
    after: dict[str, Any]
    person: Any
    key: str
    highest_id: int
    under_load: list[Submission]
    acknowledged: int
    jobs_held: int
    jobs_that_ran_while_held: int
    released: str
    refused: str


@pytest.fixture(scope="module")
def restored(
    engine: Engine, database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restored]:
    folder = tmp_path_factory.mktemp(f"backup-{engine}")
    file, data = folder / "a backup.dump", folder / "data"
    source = database_of.new_database()
    with running_service(data, source, FATURE_ALERT_INTERVAL="1") as service:
        key, person = fill(service.client), add_person(service.client)
    age(source, engine)
    with running_service(data, source, FATURE_ALERT_INTERVAL="0") as service:
        before = answers(service.client)
        with loaded(service.url, "under_load") as load:
            acknowledged = load.acknowledged
            said(source, "backup", str(file))
            load.go_on(30)
            under_load = load.finish()
    highest = max(id_ for id_, _ in stored_samples(source, "under_load"))
    with ExitStack() as stack:
        server = database_server(folder / "another cluster", engine, background_workers=16)
        target = stack.enter_context(server).new_database(migrated=False)
        said(target, "restore", str(file))
        held, ran = jobs(target, engine), runs(target, engine)
        refused = command("restore", str(file), FATURE_DATABASE_URL=target).stderr
        running = running_service(data, target, FATURE_ALERT_INTERVAL="0")
        service = stack.enter_context(running)
        # Before the jobs run: they refresh what is kept here, where samples were dropped sooner
        # than by any policy.
        after = answers(service.client)
        released = said(target, "release-jobs")
        yield Restored(
            service,
            before,
            after,
            person,
            key,
            highest,
            [one for one in under_load if one.ids][:acknowledged],
            acknowledged,
            held,
            ran,
            released,
            refused,
        )


def said(database: str, *arguments: str) -> str:
    ended = command(*arguments, FATURE_DATABASE_URL=database)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def fill(client: httpx2.Client) -> str:
    """Something of everything that is kept; the key of a reader."""
    items = [
        {
            "metric_name": f"kept_{frequency}",
            "metric_type": "revenue",
            "unit": "BRL",
            "value": number + 0.25,
            "frequency": frequency,
            "region": region,
            "metadata": {"order": number},
            "timestamp": (NOW - age).isoformat(),
        }
        for frequency, ages in AGES.items()
        for number, age in enumerate(ages)
        for region in ("SP", "RJ")
    ]
    accepted(client.post("/api/metrics/batch", json={"metrics": items}))
    report = {"service_name": "payment-service", "status": "degraded"}
    accepted(client.post("/api/services/health", json=report))
    accepted(client.post("/api/alerts/rules", json=RULE))
    now = items[0] | {"timestamp": datetime.now(UTC).isoformat()}
    accepted(client.post("/api/metrics", json=now))
    until(lambda: bool(client.get("/api/alerts/events").json()["data"]))
    (event,) = client.get("/api/alerts/events").json()["data"]
    resolved = client.post(f"/api/alerts/events/{event['id']}/resolve", json={"comment": "seen"})
    assert resolved.status_code == 200
    key: str = issued(client, "reader", name="a dashboard")["key"]
    return key


def age(database: str, engine: Engine) -> None:
    """Effects of time: chunks go into columnstore, and old samples go while their rollups stay."""
    run_refresh_jobs(database)
    with psycopg.connect(database, autocommit=True) as conn:
        if engine == "plain":
            old = "DELETE FROM fature.sample_real_time WHERE ts < %s"
            assert conn.execute(old, [NOW - DROPPED_BEFORE]).rowcount > 0
            return
        chunks = conn.execute(
            "SELECT show_chunks(format('fature.sample_%%s', f)::regclass, older_than => %s)::text "
            "FROM unnest(%s::text[]) AS f",
            [NOW - timedelta(hours=24), list(AGES)],
        ).fetchall()
        for (chunk,) in chunks:
            conn.execute("CALL convert_to_columnstore(%s::regclass)", [chunk])
        dropped = "SELECT drop_chunks('fature.sample_real_time', older_than => %s)"
        assert conn.execute(dropped, [NOW - DROPPED_BEFORE]).fetchall()


def answers(client: httpx2.Client) -> dict[str, Any]:
    """Answers of the API about everything that was kept."""
    asked: dict[str, Any] = {}
    for frequency in AGES:
        name = f"kept_{frequency}"
        asked[name] = client.get(f"/api/metrics/query?metric_name={name}&limit=1000").json()["data"]
        for period in ("hour", "day", "week", "month"):
            params = {"metric_name": name, "period": period, "group_by": "region", "limit": 10_000}
            answer = client.get("/api/metrics/aggregate", params=params)
            assert answer.status_code in {200, 422}
            rows = answer.json().get("data", [])
            # The hour may have ended meanwhile.
            asked[f"{name} per {period}"] = [{**row, "complete": True} for row in rows]
    for path in LISTS:
        asked[path] = client.get(path).json()["data"]
    asked["/api/metrics/catalog"] = [
        row for row in asked["/api/metrics/catalog"] if row["metric_name"] != "under_load"
    ]
    return asked


def jobs(database: str, engine: Engine) -> int:
    """How many of ours there are that may not run."""
    if engine == "plain":
        return 0
    held = "SELECT count(*) FROM timescaledb_information.jobs WHERE NOT scheduled"
    with psycopg.connect(database) as conn:
        (count,) = conn.execute(held).fetchone() or (0,)
        return int(count)


def runs(database: str, engine: Engine) -> int:
    """How often ours have run."""
    if engine == "plain":
        return 0
    statement = """
        SELECT coalesce(sum(total_runs), 0)
        FROM timescaledb_information.job_stats
        WHERE job_id >= 1000
    """
    with psycopg.connect(database) as conn:
        (count,) = conn.execute(statement).fetchone() or (0,)
        return int(count)


@pytest.mark.parametrize("what", [*LISTS, *(f"kept_{frequency}" for frequency in AGES)])
def test_the_api_says_the_same_after_a_restore(restored: Restored, what: str) -> None:
    after = restored.after
    found = {name: data for name, data in restored.before.items() if name.startswith(what)}
    assert found
    assert {name: after[name] for name in found} == found


def test_rollups_of_dropped_samples_are_in_the_backup(restored: Restored, engine: Engine) -> None:
    samples = restored.before["kept_real_time"]
    counted = restored.before["kept_real_time per month"]
    per_month = sum(row["value"] for row in counted)
    kept = sum(sample["value"] for sample in samples)
    assert len(samples) == 7 if engine == "timescale" else len(samples) > 0
    assert per_month > kept if engine == "timescale" else per_month == kept


def test_a_backup_under_load_is_of_one_instant(restored: Restored) -> None:
    """Every request is in it whole or not at all, and each that was acknowledged before."""
    stored = dict(stored_samples(restored.service.database_url, "under_load"))
    assert restored.acknowledged > 0
    assert len(restored.under_load) == restored.acknowledged
    for submission in restored.under_load:
        found = [stored.get(id_) for id_ in submission.ids]
        assert found == submission.values
    counted = figures(restored.service.client, "under_load", aggregation="count")
    assert sum(value or 0 for value in counted.values()) == len(stored)


def test_keys_and_passwords_still_open(restored: Restored) -> None:
    headers = {"X-API-Key": restored.key}
    with http_client(restored.service.url, headers=headers) as reader:
        assert reader.get("/api/metrics/catalog").status_code == 200
    with browser(restored.service.url) as client:
        log_in(client, restored.person)


def test_ids_go_on_where_they_were(restored: Restored) -> None:
    item = {"metric_name": "afterwards", "metric_type": "revenue", "value": 1, "frequency": "daily"}
    answer = accepted(restored.service.client.post("/api/metrics", json=item))
    assert answer["metric_id"] > max(i for one in restored.under_load for i in one.ids)


def test_jobs_are_held_until_they_are_released(restored: Restored, engine: Engine) -> None:
    assert restored.jobs_that_ran_while_held == 0
    if engine == "plain":
        assert restored.released.startswith("0 jobs")
        return
    assert restored.jobs_held > 20
    assert restored.released.startswith(f"{restored.jobs_held} jobs were held")
    database = restored.service.database_url
    assert jobs(database, engine) == 0
    until(lambda: runs(database, engine) > 0, seconds=120)


def test_late_samples_at_midnight_count_after_a_restore(restored: Restored) -> None:
    """For which there are triggers."""
    moment = MIDNIGHT - timedelta(days=60)
    item = {
        "metric_name": "at_midnight",
        "metric_type": "revenue",
        "value": 7,
        "frequency": "daily",
        "timestamp": moment.isoformat(),
    }
    accepted(restored.service.client.post("/api/metrics", json=item))
    client = restored.service.client
    until(
        lambda: figures(client, "at_midnight", period="day") == {f"{moment:%Y-%m-%d}": 7},
        seconds=120,
    )


def test_a_database_that_is_not_empty_is_refused(restored: Restored) -> None:
    assert "error: this database is not empty (analytics, fature, federation)" in restored.refused


def test_what_is_no_backup_is_refused(database_of: DatabaseServer, tmp_path: Path) -> None:
    file = tmp_path / "other.dump"
    file.write_text("no backup at all")
    empty = database_of.new_database(migrated=False)
    ended = command("restore", str(file), FATURE_DATABASE_URL=empty)
    assert ended.returncode == 1
    assert ended.stderr == f"error: {file} is no backup: it was not made by `make backup`\n"


def test_a_backup_that_is_cut_short_is_refused_in_the_words_of_pg_restore(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    file = tmp_path / "cut.dump"
    file.write_bytes(b"PGDMP")
    empty = database_of.new_database(migrated=False)
    ended = command("restore", str(file), FATURE_DATABASE_URL=empty)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: pg_restore failed: pg_restore: error: ")


def test_a_database_that_was_never_migrated_is_not_backed_up(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    file = tmp_path / "nothing.dump"
    empty = database_of.new_database(migrated=False)
    ended = command("backup", str(file), FATURE_DATABASE_URL=empty)
    assert ended.returncode == 1
    assert ended.stderr == "error: this database was never migrated: run `make migrate`\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere/x.dump", "No such file or directory"), ("x" * 300, "File name too long")],
)
def test_a_backup_that_cannot_be_written_is_told_by_name(
    database: str, tmp_path: Path, name: str, reason: str
) -> None:
    file = tmp_path / name
    ended = command("backup", str(file), FATURE_DATABASE_URL=database)
    assert ended.returncode == 1
    assert ended.stderr == f"error: {file} cannot be written: {reason}\n"


def test_a_folder_for_backups_that_cannot_be_made_is_told(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.touch()
    ended = command("backup", FATURE_DATABASE_URL=database, FATURE_DATA_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == f"error: {folder} cannot be made: File exists\n"


def test_only_a_complete_backup_takes_the_place_of_one_of_its_name(
    database: str, tmp_path: Path
) -> None:
    file = tmp_path / "latest.dump"
    file.write_text("last night's")
    failed = command("backup", str(file), FATURE_DATABASE_URL=f"{database}_missing")
    assert failed.returncode == 1
    assert file.read_text() == "last night's"
    said(database, "backup", str(file))
    assert file.read_bytes().startswith(b"PGDMP")
    assert list(tmp_path.iterdir()) == [file]


def test_after_a_restore_the_command_to_type_finds_the_same_database(
    database_of: DatabaseServer, engine: Engine, tmp_path: Path
) -> None:
    file, folder = tmp_path / "x.dump", tmp_path / "new folder"
    said(database_of.new_database(), "backup", str(file))
    ended = command("restore", str(file), FATURE_DATA_DIR=str(folder), FATURE_ENGINE=engine)
    assert ended.returncode == 0, ended.stderr
    hint = f"then let them run: FATURE_DATA_DIR='{folder}' make release-jobs\n"
    assert (hint in ended.stdout) == (engine == "timescale")


def test_a_backup_gets_a_name_and_is_for_the_owner_alone(database: str, tmp_path: Path) -> None:
    ended = command("backup", FATURE_DATABASE_URL=database, FATURE_DATA_DIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    (file,) = (tmp_path / "backups").iterdir()
    assert str(file) in ended.stdout
    assert file.suffix == ".dump"
    assert file.stat().st_mode & 0o777 == 0o600

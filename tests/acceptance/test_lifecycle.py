"""Starting, stopping and tending the service as an operator does."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from sql.embedded import embedded_postgres
from sql.engine import Engine
from tests.conftest import DatabaseServer, free_port, running_service
from tests.instances import (
    Instance,
    command,
    fails_clearly,
    instance,
    record,
    recorded,
    workers_of,
)
from tests.killable import is_running, postmaster_pid, until
from tests.load import assert_everything_counts_once, loaded

pytestmark = pytest.mark.one_engine


@dataclass
class Run:
    """An instance that has ended: its port, output and exit code."""

    port: int
    output: str
    exit_code: int
    postgresql_is_running: bool


def end(running: Instance, how: int) -> Run:
    pid = postmaster_pid(running.data_dir)
    assert is_running(pid)
    exit_code = running.stop(how)
    return Run(running.port, running.output, exit_code, is_running(pid))


@dataclass
class Life:
    """A data folder, its first run (ended by SIGINT) and its second one (by SIGTERM)."""

    data_dir: Path
    key: str
    first: Run
    second: Run
    found_by_second: list[float]


@pytest.fixture(scope="module")
def life(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Life:
    data_dir = tmp_path_factory.mktemp(f"life-{engine}") / "a data folder"
    with instance(data_dir, engine) as running:
        key = running.output.partition("Admin key: ")[2].partition("\n")[0]
        with running.client(key) as client:
            record(client, 149.9)
        first = end(running, signal.SIGINT)
    with instance(data_dir, engine) as running:
        with running.client() as client:
            found = recorded(client)
        second = end(running, signal.SIGTERM)
    return Life(data_dir, key, first, second, found)


@pytest.fixture
def data_folders(life: Life, tmp_path: Path, engine: Engine) -> Iterator[Callable[[], Path]]:
    """Makes copies of a data folder that was in use; no PostgreSQL is left on them."""
    made: list[Path] = []

    def make() -> Path:
        folder = tmp_path / f"copy {len(made)}"
        subprocess.run(["cp", "-a", life.data_dir, folder], check=True)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        if (folder / "postgres" / "postmaster.pid").exists():
            with embedded_postgres(folder, engine=engine):
                pass


def test_the_first_start_tells_engine_address_and_admin_key(life: Life, engine: Engine) -> None:
    lines = life.first.output.splitlines()
    assert any(line.startswith(f"Engine:    {engine} (") for line in lines)
    assert f"Serving:   http://127.0.0.1:{life.first.port}" in lines
    assert f"Admin key: {life.key}" in lines
    assert len(life.key) >= 32


def test_the_admin_key_is_told_once_only(life: Life) -> None:
    assert life.first.output.count(life.key) == 1
    assert life.key not in life.second.output
    assert "Admin key" not in life.second.output
    assert f"Serving:   http://127.0.0.1:{life.second.port}" in life.second.output


def test_the_second_start_has_the_data_of_the_first(life: Life) -> None:
    assert life.found_by_second == [149.9]


@pytest.mark.parametrize("how", ["first, by SIGINT", "second, by SIGTERM"])
def test_a_signal_stops_the_service_and_its_postgresql(life: Life, how: str) -> None:
    run = life.first if how.startswith("first") else life.second
    assert run.exit_code == 0
    assert not run.postgresql_is_running
    assert run.output.endswith("Stopped.\n")
    assert "Traceback" not in run.output


def test_secrets_are_for_the_owner_alone_and_not_in_the_output(life: Life) -> None:
    for name in ("admin_key", "postgres.password"):
        assert (life.data_dir / name).stat().st_mode & 0o777 == 0o600
    password = (life.data_dir / "postgres.password").read_text()
    assert password not in life.first.output + life.second.output


def test_the_start_after_a_kill_takes_over_and_stops_postgresql_at_its_end(
    data_folders: Callable[[], Path], engine: Engine
) -> None:
    folder = data_folders()
    with instance(folder, engine) as killed:
        with killed.client() as client:
            record(client, 2)
        killed.stop(signal.SIGKILL)
    pid = postmaster_pid(folder)
    assert is_running(pid)
    with instance(folder, engine, FATURE_PORT=str(killed.port)) as next_one:
        with next_one.client() as client:
            assert recorded(client) == [149.9, 2]
        assert postmaster_pid(folder) == pid
        assert next_one.stop(signal.SIGTERM) == 0
    assert not is_running(pid)


def test_two_instances_run_at_once_each_with_its_own_data_and_key(
    data_folders: Callable[[], Path], engine: Engine, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("a key that was given\n")
    key_file.chmod(0o600)
    one_dir, other_dir = data_folders(), data_folders()
    with ExitStack() as stack:
        one = stack.enter_context(instance(one_dir, engine))
        given = {"FATURE_ADMIN_KEY_FILE": str(key_file)}
        other = stack.enter_context(instance(other_dir, engine, **given))
        ours = stack.enter_context(one.client())
        theirs = stack.enter_context(other.client("a key that was given"))
        record(ours, 1)
        record(theirs, 2)
        assert recorded(ours) == [149.9, 1]
        assert recorded(theirs) == [149.9, 2]
        with other.client() as refused:
            assert refused.get("/api/metrics/catalog").status_code == 401
        assert "a key that was given" not in other.output
        assert one.stop(signal.SIGTERM) == 0
        assert recorded(theirs) == [149.9, 2]
        assert other.stop(signal.SIGTERM) == 0


def test_a_taken_port_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        data_dir = tmp_path / "data"
        fails_clearly(port, "taken", FATURE_PORT=port, FATURE_DATA_DIR=str(data_dir))
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("FATURE_ENGINE", "oracle", ["FATURE_ENGINE", "timescale", "plain"]),
        ("FATURE_TIMEZONE", "Asia/Kolkata", ["FATURE_TIMEZONE", "Asia/Kolkata", "whole"]),
        ("RETENTION_DAYS", "hourly=ninety", ["RETENTION_DAYS", "hourly", "ninety"]),
        ("FATURE_ADMIN_KEY_FILE", "/nowhere/key", ["FATURE_ADMIN_KEY_FILE", "/nowhere/key"]),
        ("FATURE_SECRET", "short", ["FATURE_SECRET", "shorter than 32 bytes", "openssl rand"]),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(
    setting: str, value: str, words: list[str], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    settings = {"FATURE_PORT": str(free_port()), "FATURE_DATA_DIR": str(data_dir)}
    fails_clearly(*words, **settings | {setting: value})
    assert not data_dir.exists()


def test_a_stored_key_that_others_can_read_is_refused(database: str, tmp_path: Path) -> None:
    (tmp_path / "admin_key").write_text("a key that was given\n")
    (tmp_path / "admin_key").chmod(0o644)
    fails_clearly(
        f"chmod 600 {tmp_path / 'admin_key'}",
        FATURE_DATABASE_URL=database,
        FATURE_DATA_DIR=str(tmp_path),
        FATURE_PORT=str(free_port()),
    )


def test_another_engine_than_the_recorded_one_is_refused(
    engine: Engine, database: str, tmp_path: Path
) -> None:
    other = "plain" if engine == "timescale" else "timescale"
    fails_clearly(
        f"FATURE_ENGINE is {other}",
        f"set up with the engine {engine}",
        FATURE_ENGINE=other,
        FATURE_DATABASE_URL=database,
        FATURE_DATA_DIR=str(tmp_path),
        FATURE_PORT=str(free_port()),
    )


def test_another_time_zone_than_the_recorded_one_is_refused(database: str, tmp_path: Path) -> None:
    fails_clearly(
        "FATURE_TIMEZONE is America/Sao_Paulo",
        "set FATURE_TIMEZONE=UTC",
        FATURE_TIMEZONE="America/Sao_Paulo",
        FATURE_DATABASE_URL=database,
        FATURE_DATA_DIR=str(tmp_path),
        FATURE_PORT=str(free_port()),
    )


def test_two_workers_count_right_and_stop_cleanly(
    database: str, metric: str, tmp_path: Path
) -> None:
    with running_service(tmp_path, database, FATURE_WORKERS="2") as service:
        workers = workers_of(service.process.pid)
        assert len(workers) == 2
        with loaded(service.url, metric, retrying=True) as load:
            submissions = load.finish()
        assert_everything_counts_once(service, metric, submissions)
        assert service.stop(signal.SIGTERM) == 0
        assert not any(map(is_running, workers))
        assert "Traceback" not in service.log.read_text()


def test_workers_end_with_a_killed_supervisor_and_let_the_port_go(
    servers: Callable[[Engine], DatabaseServer], tmp_path: Path
) -> None:
    database = servers("plain").new_database()
    with running_service(tmp_path, database, FATURE_WORKERS="2") as killed:
        workers = workers_of(killed.process.pid)
        killed.stop(signal.SIGKILL)
        until(lambda: not any(map(is_running, workers)))
    port = int(killed.url.rpartition(":")[2])
    with running_service(tmp_path, database, port=port, FATURE_WORKERS="2") as next_one:
        assert next_one.client.get("/api/metrics/catalog").status_code == 200
        assert next_one.stop(signal.SIGINT) == 0


def test_commands_work_beside_a_running_service(
    data_folders: Callable[[], Path], engine: Engine
) -> None:
    folder = data_folders()
    with instance(folder, engine) as running, running.client() as client:
        pid = postmaster_pid(folder)
        use_every_command(folder, engine, after_rollback=lambda: assert_not_ready(client))
        assert client.get("/api/ready").status_code == 200
        assert recorded(client) == [149.9]
        assert postmaster_pid(folder) == pid
        assert running.stop(signal.SIGTERM) == 0
    assert not is_running(pid)


def test_commands_work_alone_and_leave_nothing_running(
    data_folders: Callable[[], Path], engine: Engine
) -> None:
    folder = data_folders()

    def assert_stopped() -> None:
        assert not (folder / "postgres" / "postmaster.pid").exists()

    use_every_command(folder, engine, after_each=assert_stopped)


def assert_not_ready(client: httpx2.Client) -> None:
    answer = client.get("/api/ready")
    assert answer.status_code == 503
    assert "Migrations are missing" in answer.json()["error"]["message"]


def nothing() -> None:
    """Do nothing; the default of a step."""


def use_every_command(
    folder: Path,
    engine: Engine,
    *,
    after_rollback: Callable[[], None] = nothing,
    after_each: Callable[[], None] = nothing,
) -> None:
    def said(*arguments: str) -> str:
        ended = command(*arguments, FATURE_DATA_DIR=str(folder), FATURE_ENGINE=engine)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        after_each()
        return ended.stdout

    status = said("migrate-status")
    assert f"Engine:    {engine} (" in status
    assert "pending" not in status
    newest = said("rollback").removeprefix("Rolled back ").strip()
    assert newest in status
    after_rollback()
    assert f"engine {engine}" in said("migrate")
    assert "sample_hourly" in said("retention")
    assert "Policies are as declared." in said("retention-apply")
    if shutil.which("psql"):
        assert "(1 row)" in said("psql", "--", "-c", "SELECT 1")

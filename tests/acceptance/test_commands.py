"""Messages of commands to whoever typed them, where something is not as it should be."""

from pathlib import Path

import pytest

from sql.embedded import embedded_postgres
from tests.conftest import DatabaseServer
from tests.instances import command

pytestmark = pytest.mark.one_engine

NEVER_MIGRATED = "error: this database was never migrated: run `make migrate`\n"
NO_DAYS = "is not a number of days from 1 to 36500"


@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "a key", "--role", "reader"),
        ("user", "ana@example.com", "--role", "reader"),
        ("analyst", "ana"),
        ("rules-export",),
        ("rules-apply", "rules.yaml"),
        ("mappings-apply", "rules.yaml"),
        ("retention",),
        ("retention-apply",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_database_that_was_never_migrated_is_named_as_such(
    database_of: DatabaseServer, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    given = [str(tmp_path / one) if one.endswith(".yaml") else one for one in arguments]
    empty = database_of.new_database(migrated=False)
    ended = command(*given, FATURE_DATABASE_URL=empty, FATURE_DATA_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == NEVER_MIGRATED
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("key", "x", "--role", "boss"), "error: ROLE: 'boss' is not one of 'admin', "),
        (("key", "x", "--role", "reader", "--days", "0"), f"error: DAYS: '0' {NO_DAYS}"),
        (("key", "x", "--role", "reader", "--days", "soon"), f"error: DAYS: 'soon' {NO_DAYS}"),
        (("key", "x", "--role", "reader", "--days", "99999999"), "error: DAYS: '99999999' is not"),
        (("restore", "nowhere.dump"), "error: FILE: File 'nowhere.dump' does not exist."),
        (("client", "replay", "nowhere.csv"), "error: FILE: File 'nowhere.csv' does not exist."),
        (("key", "x"), "error: Missing option '--role'."),
        (("keys",), "error: No such command 'keys'."),
    ],
)
def test_what_was_mistyped_is_named_in_one_line_or_few(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    ended = command(*arguments, FATURE_DATA_DIR=str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr.startswith(complaint)
    assert "Usage" not in ended.stderr


def test_what_a_command_refuses_begins_like_every_other_error(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    database = database_of.new_database()
    for arguments in (
        ("key", "x", "--role", "reader", "--tenant", "nope"),
        ("user", "ana@example.com", "--role", "reader", "--tenant", "nope"),
        ("analyst", "ana", "--tenant", "nope"),
    ):
        ended = command(*arguments, FATURE_DATABASE_URL=database, FATURE_DATA_DIR=str(tmp_path))
        assert ended.returncode == 1
        assert ended.stderr == "error: tenant: There is no tenant nope\n"


def test_a_command_on_the_embedded_database_says_nothing_of_finding_it(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, engine="plain"):
        ended = command("migrate-status", FATURE_DATA_DIR=str(tmp_path), FATURE_ENGINE="plain")
    assert ended.stdout == "No migration was applied yet: run `make migrate`.\n"
    assert ended.stderr == ""


def test_without_a_command_all_are_listed() -> None:
    ended = command()
    assert ended.stderr.startswith("Usage: ")
    assert "migrate-status" in ended.stderr

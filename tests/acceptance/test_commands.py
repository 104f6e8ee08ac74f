"""What commands say to whoever typed them, where something is not as it should be."""

from pathlib import Path

import pytest

from tests.conftest import DatabaseServer
from tests.instances import command

NEVER_MIGRATED = "error: this database was never migrated: run `make migrate`\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "a key", "--role", "reader"),
        ("user", "ana@example.com", "--role", "reader"),
        ("analyst", "ana"),
        ("rules-export",),
        ("rules-apply", "rules.yaml"),
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

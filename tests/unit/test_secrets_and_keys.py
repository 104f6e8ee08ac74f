"""Generated secrets and the keys that are checked."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service.auth import KeyRing
from service.secrets import admin_key, signing_secret, stored_secret


def test_a_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    secret, made = stored_secret(tmp_path / "data", "admin_key")
    assert made
    assert len(secret) >= 32
    assert stored_secret(tmp_path / "data", "admin_key") == (secret, False)
    assert stat.S_IMODE((tmp_path / "data" / "admin_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["admin_key"]


def test_processes_that_start_at_once_agree_on_a_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        secrets = list(threads.map(lambda _: stored_secret(tmp_path, "secret")[0], range(8)))
    assert len(set(secrets)) == 1


def test_a_given_key_is_used_and_not_written_down(tmp_path: Path) -> None:
    assert admin_key("a-key-of-the-operator", tmp_path) == ("a-key-of-the-operator", False)
    assert list(tmp_path.iterdir()) == []


def test_the_signing_secret_is_the_given_one_or_made_once(tmp_path: Path) -> None:
    assert signing_secret("s" * 32, tmp_path) == "s" * 32
    made = signing_secret(None, tmp_path)
    assert signing_secret(None, tmp_path) == made
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_only_the_whole_key_is_known() -> None:
    keys = KeyRing("a-key-of-the-operator")
    principal = keys.principal("a-key-of-the-operator")
    assert principal is not None
    assert principal.role == "admin"
    assert principal.scope.tenant == "default"
    for wrong in ("", "a-key-of-the-operato", "a-key-of-the-operator ", "A-key-of-the-operator"):
        assert keys.principal(wrong) is None

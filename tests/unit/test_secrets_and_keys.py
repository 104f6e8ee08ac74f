"""Generated secrets and the keys that are checked."""

import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.http.authentication import KeyRing
from service.runtime.secrets import admin_key, signing_secret, stored_secret, weakness
from sql.private_files import ExposedFile, require_private


def test_a_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    secret, made = stored_secret(tmp_path / "data", "admin_key")
    assert made
    assert len(secret) >= 32
    assert stored_secret(tmp_path / "data", "admin_key") == (secret, False)
    assert stat.S_IMODE((tmp_path / "data" / "admin_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["admin_key"]


def test_processes_that_start_at_once_agree_on_a_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: stored_secret(tmp_path, "secret")[0], range(8)))
    assert len(set(found)) == 1


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


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o602, 0o666])
def test_a_stored_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    stored_secret(tmp_path, "secret")
    (tmp_path / "secret").chmod(mode)
    with pytest.raises(ExposedFile, match=rf"mode {mode:04o} .*chmod 600 "):
        stored_secret(tmp_path, "secret")


@pytest.mark.parametrize(
    ("mode", "mine", "fine"),
    [
        (0o600, True, True),
        (0o400, True, True),
        (0o440, True, False),
        # As Kubernetes mounts them with fsGroup: the group of the process may read.
        (0o440, False, True),
        (0o640, False, True),
        (0o460, False, False),
        (0o444, False, False),
        (0o644, False, False),
    ],
)
def test_a_group_may_read_secrets_of_another_user_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, mine: bool, fine: bool
) -> None:
    path = tmp_path / "a secret"
    path.touch()
    path.chmod(mode)
    owner = path.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner if mine else owner + 1)
    if fine:
        require_private(path)
    else:
        with pytest.raises(ExposedFile, match=r"chmod 600 '.*a secret'"):
            require_private(path)


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        ("", "shorter than 32 bytes"),
        ("a" * 31, "shorter than 32 bytes"),
        ("a" * 64, "few different"),
        ("01" * 32, "few different"),
        ("correct horse " * 4, "repetition"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "sequence"),
        ("98765432109876543210zyxwvutsrqponmlkji", "sequence"),
        ("change-me-please-0a9s8d7f6g5h4j3k2l1", "placeholder"),
        ("MyPassword-0a9s8d7f6g5h4j3k2l1zxcvb", "placeholder"),
    ],
)
def test_weak_secrets_are_told_apart(weak: str, why: str) -> None:
    assert why in (weakness(weak) or "")


def test_random_secrets_are_never_weak() -> None:
    for _ in range(2000):
        for made in (secrets.token_urlsafe(32), secrets.token_hex(32), secrets.token_hex(16)):
            assert weakness(made) is None

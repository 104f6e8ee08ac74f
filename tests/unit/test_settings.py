"""Settings: from the environment or from files, and refused with their name."""

import os
import traceback
from datetime import timedelta
from pathlib import Path

import pytest

from service.runtime.settings import (
    Settings,
    SettingsError,
    environment_with_password,
    load_settings,
)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FATURE_", "RETENTION_DAYS")):
            monkeypatch.delenv(name)


def test_defaults_are_those_of_the_documentation() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert settings.data_dir == Path(".data")
    assert settings.engine == "auto"
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 5000, 1)
    assert settings.timezone == "UTC"
    assert settings.keep["real_time"] == timedelta(days=7)
    assert settings.url == "http://127.0.0.1:5000"


def test_a_setting_may_be_given_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a-key-from-a-secret-file\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "days").write_text("real_time=3\n")
    monkeypatch.setenv("FATURE_ADMIN_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("RETENTION_DAYS_FILE", str(tmp_path / "days"))
    settings = load_settings()
    assert settings.admin_key == "a-key-from-a-secret-file"
    assert settings.keep["real_time"] == timedelta(days=3)


def test_the_setting_itself_wins_over_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "port").write_text("6001")
    monkeypatch.setenv("FATURE_PORT_FILE", str(tmp_path / "port"))
    monkeypatch.setenv("FATURE_PORT", "6002")
    assert load_settings().port == 6002


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FATURE_ADMIN_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match=r"FATURE_ADMIN_KEY_FILE.*No such file"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("FATURE_PORT", "http", "FATURE_PORT: This is no whole number$"),
        ("FATURE_PORT", "70000", "FATURE_PORT: This is more than 65535$"),
        ("FATURE_DRAIN_SECONDS", "long", "FATURE_DRAIN_SECONDS: This is no number$"),
        ("FATURE_ALERT_INTERVAL", "nan", "FATURE_ALERT_INTERVAL: This is no number$"),
        ("FATURE_WEBHOOK_ALLOW_PRIVATE", "often", "FATURE_WEBHOOK_ALLOW_PRIVATE: Use true or"),
        ("FATURE_SECRET", "too short", "FATURE_SECRET: .*32"),
        ("FATURE_ENGINE", "oracle", "FATURE_ENGINE: Use .*timescale"),
        ("FATURE_TIMEZONE", "Mars/Olympus", "FATURE_TIMEZONE: .*not a time zone"),
        ("FATURE_TIMEZONE", "Asia/Kolkata", "FATURE_TIMEZONE: .*whole number of hours"),
        ("FATURE_TIMEZONE", "America/Havana", "FATURE_TIMEZONE: .*midnight comes twice"),
        ("FATURE_ADMIN_KEY", "short", "FATURE_ADMIN_KEY: This is shorter than 16 "),
        ("FATURE_PASSWORD_MEMORY", "18", "FATURE_PASSWORD_MEMORY: This is less than 19$"),
        ("FATURE_WORKERS", "0", "FATURE_WORKERS: This is less than 1$"),
        ("RETENTION_DAYS", "hourly:3", "^RETENTION_DAYS: 'hourly:3' is not NAME=DAYS"),
        ("RETENTION_DAYS", "hourly=x", "^RETENTION_DAYS: hourly: 'x' is not a number of days"),
        ("RETENTION_DAYS", "0", "^RETENTION_DAYS: '0' is not a number of days"),
        ("RETENTION_DAYS", "monthly=30", "RETENTION_DAYS: monthly samples .* 75 days"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=complaint):
        load_settings()


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATURE_PORT", "x")
    monkeypatch.setenv("FATURE_ENGINE", "x")
    with pytest.raises(SettingsError, match=r"(?s)FATURE_ENGINE.*FATURE_PORT"):
        load_settings()


def test_a_password_goes_by_the_environment_not_by_the_arguments() -> None:
    conninfo, environment = environment_with_password("postgresql://ana:s%20ecret@db:5433/fature")
    assert "ecret" not in conninfo
    assert environment["PGPASSWORD"] == "s ecret"
    assert "host=db" in conninfo
    assert "user=ana" in conninfo


SECRETS = {
    "DATABASE_URL": "postgresql://ana:hush@db/fature",
    "DATABASE_READ_URL": "postgresql://ana:hush@replica/fature",
    "ADMIN_KEY": "hush-0123456789abcdef",
    "SECRET": "hush-k3Jx9QmT2vWbLz7RfYp0NsHcUaEdGi5o",
    "SMTP_PASSWORD": "hush",
    "SLACK_WEBHOOK_URL": "https://hooks.example.com/hush",
    "WEBHOOK_URL": "https://hush@hooks.example.com/",
    "WEBHOOK_SECRET": "hush",
    "SMS_TOKEN": "hush",
    "KAFKA_API_KEY": "hush",
    "KAFKA_PASSWORD": "hush",
}


def test_the_secrets_are_these() -> None:
    marked = {name.upper() for name, field in Settings.model_fields.items() if not field.repr}
    assert marked == set(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_a_private_file_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRETS[name] + "\n")
    path.chmod(0o600)
    monkeypatch.setenv(f"FATURE_{name}_FILE", str(path))
    settings = load_settings()
    assert getattr(settings, name.lower()) == SECRETS[name]
    assert "hush" not in repr(settings)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match=rf"FATURE_{name}_FILE: .*chmod 600 {path}"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FATURE_SECRET", "hush"),
        ("FATURE_ADMIN_KEY", "hush"),
        ("FATURE_SLACK_WEBHOOK_URL", "hush"),
        ("FATURE_DATABASE_URL", "hush"),
        ("FATURE_DATABASE_URL", "postgres//ana:hush@db/fature"),
        ("FATURE_DATABASE_URL", "postgresql://ana:hu@hush@db/fature"),
        ("FATURE_DATABASE_URL", "postgresql://ana:hush@db/fature?hush=hush"),
        ("FATURE_DATABASE_READ_URL", "host=db password='hush"),
    ],
)
def test_a_refused_secret_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as refused:
        load_settings()
    told = "".join(traceback.format_exception(refused.value))
    assert "hush" not in told.replace(__file__, "")

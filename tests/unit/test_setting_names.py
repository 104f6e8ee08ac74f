"""Names of settings that none has: misspelt ones are refused with the nearest."""

import os

import pytest

from service.runtime.settings import SettingsError, ignored_names, load_settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FATURE_", "RETENTION_")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FATURE_ALERT_INTERVL", "FATURE_ALERT_INTERVAL"),
        ("FATURE_ALERTS_INTERVAL", "FATURE_ALERT_INTERVAL"),
        ("FATURE_PROT", "FATURE_PORT"),
        ("FATURE_DATABSE_URL", "FATURE_DATABASE_URL"),
        ("FATURE_DATABASE_ULR_FILE", "FATURE_DATABASE_URL"),
        ("FATURE_SMTP_PASS", "FATURE_SMTP_PASSWORD"),
        ("FATURE_TIMEZON", "FATURE_TIMEZONE"),
        ("fature_wrokers", "FATURE_WORKERS"),
        ("RETENTION_DAY", "RETENTION_DAYS"),
    ],
)
def test_a_misspelt_setting_is_named_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    monkeypatch.setenv(name, "5")
    monkeypatch.setenv("FATURE_WORKERS", "none")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert f"{name}: there is no such setting; {nearest} is one" in str(refusal.value)
    assert "FATURE_WORKERS: " in str(refusal.value), "all that is wrong is named at once"


def test_what_belongs_to_others_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of compose files, of clients, and what Kubernetes sets for a service fature-metrics."""
    monkeypatch.setenv("FATURE_GRAFANA_DATABASE", "metrics")
    monkeypatch.setenv("FATURE_GRAFANA_SSLMODE", "require")
    monkeypatch.setenv("FATURE_API_KEY", "fature_…")
    monkeypatch.setenv("FATURE_METRICS_PORT", "tcp://10.0.0.7:5000")
    monkeypatch.setenv("FATURE_METRICS_SERVICE_HOST", "10.0.0.7")
    monkeypatch.setenv("FATURE_METRICS_PORT_5000_TCP_ADDR", "10.0.0.7")
    load_settings()
    assert ignored_names() == [
        "FATURE_API_KEY",
        "FATURE_GRAFANA_DATABASE",
        "FATURE_GRAFANA_SSLMODE",
    ]

"""docker-compose.yml: valid, hardened, started in order, and of settings and files that exist."""

import json
import re
import stat
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from deploy.compose.make_secrets import OWNERS, make_secrets
from service.runtime.secrets import weakness
from service.runtime.settings import Settings
from sql.embedded.tuning import tuned_settings
from sql.private_files import require_private
from tests.conftest import ROOT
from tests.deploy.images import is_pinned

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"secrets", "migrate", "prometheus-key", "kafka-key"}
LASTING = set(SERVICES) - ONCE
SETTINGS = {f"FATURE_{name}".upper() for name in Settings.model_fields} | {"RETENTION_DAYS"}


def test_it_is_what_the_specification_allows() -> None:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(vendored.read_text()))


def test_everything_is_there() -> None:
    assert {
        "db", "pgbouncer", "service", "alerts", "consume", "retention", "grafana", "prometheus",
        "mailpit",
    } == LASTING  # fmt: skip
    assert SERVICES["service"]["ports"] == ["127.0.0.1:5000:5000"]


def test_the_database_plans_as_the_embedded_one_does() -> None:
    given = dict(re.findall(r"-c([\w.]+)=(\S+)", " ".join(SERVICES["db"]["command"])))
    embedded = tuned_settings(memory=0, wal_compression="off", timescaledb=True)
    for name in ("seq_page_cost", "random_page_cost", "jit", "max_worker_processes"):
        assert given[name] == embedded[name]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert is_pinned(service["image"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    if name == "secrets":
        # It gives files to others; it sees no network.
        assert service["cap_add"] == ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
        assert service["network_mode"] == "none"
    else:
        assert "cap_add" not in service
        assert not service["user"].startswith("0")
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "nothing is open to the world unasked"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_until_those_it_needs_are_well(name: str) -> None:
    service = SERVICES[name]
    for needed, how in service.get("depends_on", {}).items():
        done = "service_completed_successfully"
        assert how["condition"] == (done if needed in ONCE else "service_healthy")
    check = service.get("healthcheck", {})
    # The image of the service has a check of its own, for what serves.
    assert "test" in check or check.get("disable") or name == "service"


def test_who_waits_for_whom_leads_to_the_secrets() -> None:
    def before(name: str) -> set[str]:
        needed = set(SERVICES[name].get("depends_on", {}))
        return needed.union(*(before(one) for one in needed))

    for name in LASTING - {"mailpit"}:
        assert "secrets" in before(name)
    for name in LASTING - {"mailpit", "db", "pgbouncer"}:
        assert "migrate" in before(name)


def test_settings_exist_and_secrets_come_from_files() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if name not in ("db", "grafana"):
                assert variable.removesuffix("_FILE") in SETTINGS
            if re.search(r"PASSWORD|SECRET|KEY|DATABASE_URL", variable):
                assert variable.endswith("_FILE"), f"{variable} of {name}"
                assert value.startswith(("/run/secrets/", "/run/keys/"))


def test_only_who_has_kafka_consumes_with_a_key_that_was_made_before() -> None:
    of_kafka = {name for name, service in SERVICES.items() if "profiles" in service}
    assert of_kafka == {"kafka-key", "consume"}
    consume, key = SERVICES["consume"], SERVICES["kafka-key"]
    assert "kafka-key" in consume["depends_on"]
    assert consume["environment"]["FATURE_KAFKA_API_KEY_FILE"] == "/run/keys/api_key"
    assert "/run/keys/api_key" in key["command"][0]
    assert "secrets-kafka:/run/keys:ro" in consume["volumes"]
    assert "secrets-kafka:/run/keys" in key["volumes"]
    assert OWNERS["kafka"] == OWNERS["service"]


def test_days_are_those_of_the_same_zone_everywhere() -> None:
    chosen = "${FATURE_TIMEZONE:-America/Sao_Paulo}"
    zones = [service.get("environment", {}).get("FATURE_TIMEZONE") for service in SERVICES.values()]
    assert set(zones) == {None, chosen}
    assert SERVICES["grafana"]["environment"]["GF_DATE_FORMATS_DEFAULT_TIMEZONE"] == chosen
    kubernetes = (ROOT / "deploy/k8s-deployment.yaml").read_text()
    assert set(re.findall(r"(?:FATURE_TIMEZONE|timeZone): (\S+)", kubernetes)) == {
        "America/Sao_Paulo"
    }
    assert "FATURE_TIMEZONE=America/Sao_Paulo make run" in (ROOT / "README.md").read_text()


def test_notifications_are_in_the_same_language_everywhere() -> None:
    for name in ("service", "alerts"):
        assert SERVICES[name]["environment"]["FATURE_LANGUAGE"] == "${FATURE_LANGUAGE:-en}"
    kubernetes = (ROOT / "deploy/k8s-deployment.yaml").read_text()
    assert re.findall(r"FATURE_LANGUAGE: (\S+)", kubernetes) == [Settings().language]


def test_mounted_files_and_volumes_exist() -> None:
    used = set()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists()
                assert mount.endswith(":ro")
            else:
                used.add(source)
    assert used == set(COMPOSE["volumes"])


def test_files_of_secrets_that_are_named_are_made(tmp_path: Path) -> None:
    make_secrets(tmp_path, give=lambda *_: None)
    for name, service in SERVICES.items():
        mounts = dict(mount.split(":")[:2] for mount in service.get("volumes", []))
        folder = {target: source for source, target in mounts.items()}.get("/run/secrets")
        for value in map(str, service.get("environment", {}).values()):
            if value.startswith("/run/secrets/"):
                assert folder is not None
                made = tmp_path / folder.removeprefix("secrets-") / Path(value).name
                assert made.exists(), f"{value} of {name}"
    grafana = (ROOT / "deploy/grafana/provisioning/datasources/fature.yml").read_text()
    assert (tmp_path / "grafana" / "database_password").exists()
    assert "$__file{/run/secrets/database_password}" in grafana


def test_secrets_are_drawn_once_and_are_their_readers_alone(tmp_path: Path) -> None:
    given: dict[Path, tuple[int, int]] = {}

    def give(path: Path, uid: int, gid: int) -> None:
        given[path] = (uid, gid)

    assert make_secrets(tmp_path, give=give)
    texts = {path: path.read_text() for path in tmp_path.glob("*/*")}
    for path in texts:
        require_private(path)
        if path.name != "complete":
            assert given[path] == OWNERS[path.parent.name]
    for folder in tmp_path.iterdir():
        assert not stat.S_IMODE(folder.stat().st_mode) & 0o027
        assert given[folder] == OWNERS[folder.name]
    secret = (tmp_path / "service" / "secret").read_text()
    assert weakness(secret) is None
    assert not make_secrets(tmp_path, give=give)
    assert texts == {path: path.read_text() for path in tmp_path.glob("*/*")}


def test_the_users_of_secrets_are_those_who_run() -> None:
    for name, folder in [
        ("db", "database"), ("pgbouncer", "pgbouncer"), ("grafana", "grafana"),
        ("service", "service"), ("alerts", "service"), ("migrate", "owner"),
        ("retention", "owner"),
    ]:  # fmt: skip
        assert f"secrets-{folder}:/run/secrets:ro" in SERVICES[name]["volumes"]
        assert SERVICES[name]["user"].split(":")[0] == str(OWNERS[folder][0])
    assert SERVICES["prometheus"]["user"].split(":")[1] == str(OWNERS["prometheus"][1])


def test_prometheus_scrapes_what_there_is() -> None:
    found = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    *jobs, consume = found["scrape_configs"]
    targets = [job["static_configs"][0]["targets"][0] for job in jobs]
    assert targets == ["service:5000", "alerts:9100"]
    # By its name, which is known only where the profile is.
    (place,) = consume["dns_sd_configs"]
    assert SERVICES["consume"]["environment"]["FATURE_KAFKA_METRICS_PORT"] == place["port"]
    assert place["names"] == ["consume"]
    assert SERVICES["alerts"]["environment"]["FATURE_ALERT_METRICS_PORT"] == 9100
    assert set(SERVICES["prometheus"]["networks"]) <= set(SERVICES["service"]["networks"])


def test_urls_lead_to_the_database_and_the_pool(tmp_path: Path) -> None:
    make_secrets(tmp_path, give=lambda *_: None)
    for folder, file, host, port, user in [
        ("owner", "database_url", "db", "5432", SERVICES["db"]["environment"]["POSTGRES_USER"]),
        ("service", "database_url", "pgbouncer", "6432", "metrics"),
        ("service", "database_url_direct", "db", "5432", "metrics"),
    ]:
        url = conninfo_to_dict((tmp_path / folder / file).read_text())
        assert (url["host"], url["port"], url["user"]) == (host, port, user)
        assert url["dbname"] == SERVICES["db"]["environment"]["POSTGRES_DB"]

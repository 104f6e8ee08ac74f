"""deploy/k8s-*.yaml: valid against Kubernetes' own schemas, and as strict as they are meant."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import kubernetes_validate  # type: ignore[import-untyped]
import psycopg
import pytest
import yaml

from retention.apply import reconcile
from retention.policies import parse_keep
from service.runtime.settings import Settings
from sql.embedded.tuning import tuned_settings
from sql.engine import Engine
from sql.migrator import migrate
from sql.roles import administers
from tests.conftest import ROOT, database_server
from tests.deploy.images import is_pinned
from tests.deploy.test_compose import SETTINGS
from tests.integration.login_roles import database_owned_by, log_in_role, user_of

Manifest = dict[str, Any]

SERVICE: list[Manifest] = list(
    yaml.safe_load_all((ROOT / "deploy/k8s-deployment.yaml").read_text())
)
KAFKA: list[Manifest] = list(yaml.safe_load_all((ROOT / "deploy/k8s-kafka.yaml").read_text()))
DATABASE: list[Manifest] = list(yaml.safe_load_all((ROOT / "deploy/k8s-database.yaml").read_text()))
CUSTOM = "postgresql.cnpg.io/v1"
LABEL = "monitoring-service"


def name_of(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def one(kind: str, name: str = LABEL, *, among: list[Manifest] = SERVICE) -> Manifest:
    (found,) = [each for each in among if name_of(each) == f"{kind}/{name}"]
    return found


def pods() -> Iterator[tuple[str, Manifest]]:
    """Every pod there will be: its owner and its specification."""
    for manifest in SERVICE + KAFKA:
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield name_of(manifest), template


PODS = dict(pods())
API = PODS[f"Deployment/{LABEL}"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    "manifest",
    [each for each in SERVICE + KAFKA + DATABASE if each["apiVersion"] != CUSTOM],
    ids=name_of,
)
def test_a_manifest_is_what_kubernetes_takes(manifest: Manifest) -> None:
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifest, version, strict=True)
    if manifest["kind"] != "Namespace":
        assert manifest["metadata"]["namespace"] == "fature"


def test_everything_is_there() -> None:
    assert sorted(map(name_of, SERVICE)) == [
        "ConfigMap/monitoring-settings",
        "CronJob/monitoring-backup",
        "CronJob/monitoring-retention",
        "Deployment/monitoring-alerts",
        "Deployment/monitoring-service",
        "HorizontalPodAutoscaler/monitoring-service",
        "Job/monitoring-migrate",
        "Namespace/fature",
        "NetworkPolicy/default-deny",
        "NetworkPolicy/monitoring-egress",
        "NetworkPolicy/monitoring-ingress",
        "PersistentVolumeClaim/monitoring-backups",
        "PodDisruptionBudget/monitoring-service",
        "Service/monitoring-service",
        "ServiceAccount/monitoring-service",
    ]
    labels = one("Namespace", "fature")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_restricted_and_limited(name: str) -> None:
    template = PODS[name]
    assert template["metadata"]["labels"]["app"] == LABEL
    spec = template["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert is_pinned(container["image"])
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}
    for volume in spec["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o400
            assert spec["securityContext"]["fsGroup"] == 10001


@pytest.mark.parametrize("name", PODS)
def test_mounts_name_volumes_and_settings_exist(name: str) -> None:
    spec = PODS[name]["spec"]
    for container in spec["containers"]:
        assert {each["name"] for each in container["volumeMounts"]} == {
            each["name"] for each in spec["volumes"]
        }
        for variable in container.get("env", []):
            assert variable["name"].removesuffix("_FILE") in SETTINGS
    for variable in one("ConfigMap", "monitoring-settings")["data"]:
        assert variable.removesuffix("_FILE") in SETTINGS


def test_the_service_is_probed_scaled_and_replaced_as_it_should() -> None:
    assert one("Service")["spec"]["ports"][0] | {"name": ""} == {
        "name": "", "port": 80, "targetPort": 5000, "protocol": "TCP",
    }  # fmt: skip
    assert API["livenessProbe"]["periodSeconds"] == 10
    assert API["livenessProbe"]["httpGet"]["path"] == "/api/health"
    assert API["readinessProbe"]["periodSeconds"] == 5
    assert API["readinessProbe"]["httpGet"]["path"] == "/api/ready"
    rollout = one("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rollout == {"maxSurge": 1, "maxUnavailable": 0}
    scaler = one("HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 8)
    targets = {each["resource"]["name"]: each["resource"]["target"] for each in scaler["metrics"]}
    assert targets["cpu"]["averageUtilization"] == 70
    assert targets["memory"]["averageUtilization"] == 80
    assert one("PodDisruptionBudget")["spec"]["minAvailable"] == 1
    for kind in ("Service", "PodDisruptionBudget", "Deployment"):
        selector = one(kind)["spec"]["selector"]
        chosen = selector.get("matchLabels", selector)
        assert chosen.items() <= PODS[f"Deployment/{LABEL}"]["metadata"]["labels"].items()


def test_only_the_alert_loop_judges_and_it_has_a_session_of_its_own() -> None:
    def environment(container: Manifest) -> dict[str, str]:
        return {each["name"]: each["value"] for each in container["env"]}

    assert environment(API)["FATURE_ALERT_INTERVAL"] == "0"
    (alerts,) = PODS["Deployment/monitoring-alerts"]["spec"]["containers"]
    assert alerts["args"] == ["alerts"]
    assert environment(alerts)["FATURE_DATABASE_URL_FILE"].endswith("database_url_direct")


def test_consumers_of_kafka_are_probed_and_reach_their_brokers() -> None:
    (consume,) = PODS["Deployment/monitoring-consume"]["spec"]["containers"]
    assert consume["args"] == ["consume"]
    assert {"secretRef": {"name": "monitoring-kafka"}} in consume["envFrom"]
    (port,) = (each["containerPort"] for each in consume["ports"])
    assert {"name": "FATURE_KAFKA_METRICS_PORT", "value": str(port)} in consume["env"]
    assert consume["livenessProbe"]["httpGet"] == {"path": "/health", "port": "metrics"}
    assert consume["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "metrics"}
    (way_out,) = one("NetworkPolicy", "monitoring-kafka-egress", among=KAFKA)["spec"]["egress"]
    assert {each["port"] for each in way_out["ports"]} == {9092, 9093, 9094}
    (way_in,) = one("NetworkPolicy", "monitoring-ingress")["spec"]["ingress"]
    assert port in {each["port"] for each in way_in["ports"]}


def test_retention_is_reconciled_at_two_in_the_business_time_zone() -> None:
    spec = one("CronJob", "monitoring-retention")["spec"]
    assert spec["schedule"] == "0 2 * * *"
    assert spec["concurrencyPolicy"] == "Forbid"
    zone = one("ConfigMap", "monitoring-settings")["data"]["FATURE_TIMEZONE"]
    assert spec["timeZone"] == zone
    assert Settings(timezone=zone).zone
    (container,) = PODS["CronJob/monitoring-retention"]["spec"]["containers"]
    assert container["args"] == ["retention-apply"]


def test_ten_gibibytes_are_claimed_and_used() -> None:
    claim = one("PersistentVolumeClaim", "monitoring-backups")["spec"]
    assert claim["resources"]["requests"]["storage"] == "10Gi"
    volumes = PODS["CronJob/monitoring-backup"]["spec"]["volumes"]
    assert {"claimName": "monitoring-backups"} in [v.get("persistentVolumeClaim") for v in volumes]


def test_the_network_is_closed_but_for_what_is_needed() -> None:
    closed = one("NetworkPolicy", "default-deny")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (way_in,) = one("NetworkPolicy", "monitoring-ingress")["spec"]["ingress"]
    assert all(set(peer) == {"namespaceSelector"} for peer in way_in["from"])
    assert all(peer["namespaceSelector"]["matchLabels"] for peer in way_in["from"])
    ways_out = one("NetworkPolicy", "monitoring-egress")["spec"]["egress"]
    ports = {port["port"] for way in ways_out for port in way["ports"]}
    assert ports == {53, 443, 25, 465, 587, 5432, 6432}


def test_the_database_is_replicated_timescaledb_of_the_community() -> None:
    cluster = one("Cluster", "fature-db", among=DATABASE)["spec"]
    assert cluster["instances"] == 3
    assert is_pinned(cluster["imageName"])
    assert cluster["postgresql"]["shared_preload_libraries"] == ["timescaledb"]
    parameters = cluster["postgresql"]["parameters"]
    assert parameters["timescaledb.license"] == "timescale"
    embedded = tuned_settings(memory=0, wal_compression="off", timescaledb=True)
    for name in ("seq_page_cost", "random_page_cost", "jit", "max_worker_processes"):
        assert parameters[name] == embedded[name]
    assert cluster["storage"]["resizeInUseVolumes"] is True
    assert set(cluster["resources"]) == {"requests", "limits"}
    pooler = one("Pooler", "fature-db-pooler", among=DATABASE)["spec"]
    assert pooler["pgbouncer"]["poolMode"] == "transaction"


def test_its_owner_migrates_and_keeps_policies(engine: Engine, tmp_path: Path) -> None:
    """With what CloudNativePG runs as superuser, and then as an owner who is none."""
    first = one("Cluster", "fature-db", among=DATABASE)["spec"]["bootstrap"]["initdb"]
    with database_server(tmp_path / "cluster", engine) as server:
        owner = log_in_role(server.url, "")
        url = database_owned_by(server, owner)
        with psycopg.connect(server.url.rpartition("/")[0] + "/" + url_name(url)) as conn:
            for statement in first["postInitApplicationSQL"]:
                if "EXTENSION" not in statement or engine == "timescale":
                    conn.execute(statement.replace(first["owner"], user_of(owner)).encode())
        assert administers(url)
        migrate(url, engine=engine, timezone="UTC")
        reconcile(url, engine, parse_keep(""), ZoneInfo("UTC"), datetime.now(UTC))


def url_name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])

"""Clients that two generators make of the OpenAPI document: they type-check and work, with what is
optional left out.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.documentation.document import api_document
from service.features import ENDPOINTS
from tests.conftest import ROOT, Service

pytestmark = pytest.mark.one_engine

NODE_MODULES = ROOT / "service" / "web" / "node_modules"
PYTHON = """
import os
from fature_api import AuthenticatedClient
from fature_api.api.alerts import create_alert_rule, get_alert_rule
from fature_api.api.metrics import query_samples, record_metric
from fature_api.models.rule import Rule
from fature_api.models.metric_in import MetricIn

client = AuthenticatedClient(
    base_url=os.environ["URL"], token=os.environ["KEY"], raise_on_unexpected_status=True
)
rule = create_alert_rule.sync(client=client, body=Rule.from_dict({
    "rule_name": os.environ["NAME"], "metric_name": "active_users", "condition": "<",
    "threshold_value": 75, "severity": "medium",
}))
assert get_alert_rule.sync(rule.data.id, client=client).data.rule_name == os.environ["NAME"], rule
made = record_metric.sync(client=client, body=MetricIn.from_dict({
    "metric_name": os.environ["NAME"], "metric_type": "user_activity", "value": 3.5,
    "frequency": "real_time",
}))
found = query_samples.sync(client=client, metric_name=os.environ["NAME"])
assert [(one.id, one.value) for one in found.data] == [(made.metric_id, 3.5)], found
"""
TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { env: Record<string, string> };
const { URL, KEY, NAME } = process.env;
const client = createClient<paths>({ baseUrl: URL, headers: { "X-API-Key": KEY } });
const expect = (holds: unknown, seen: unknown) => {
  if (!holds) throw new Error(JSON.stringify(seen));
};
const rule = await client.POST("/api/alerts/rules", {
  body: {
    rule_name: NAME, metric_name: "active_users", condition: "<", threshold_value: 75,
    severity: "medium",
  },
});
expect(rule.data, rule.error);
const again = await client.GET("/api/alerts/rules/{id}", {
  params: { path: { id: rule.data!.data.id } },
});
expect(again.data?.data.rule_name === NAME, again.error);
const made = await client.POST("/api/metrics", {
  body: { metric_name: NAME, metric_type: "user_activity", value: 3.5, frequency: "real_time" },
});
const found = await client.GET("/api/metrics/query", { params: { query: { metric_name: NAME } } });
// Or text, as CSV can be asked for.
const page = found.data as Exclude<typeof found.data, string>;
expect(page?.data[0]?.id === made.data?.metric_id, [made.error, found.error]);
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clients") / "openapi.json"
    path.write_text(json.dumps(api_document(ENDPOINTS)))
    return path


def test_the_document_is_valid() -> None:
    document = api_document(ENDPOINTS)
    assert [str(error.message) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_a_default_of_another_type_would_be_found() -> None:
    broken = {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {},
        "components": {
            "schemas": {"X": {"properties": {"for": {"type": "string", "default": 0.0}}}}
        },
    }
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_every_field_and_parameter_has_a_meaning_and_every_request_an_example() -> None:
    document = api_document(ENDPOINTS)
    lacking = [
        f"{shape}.{name}"
        for shape, schema in document["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if not field.get("description")
    ]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            lacking += [
                f"{path} {p['name']}" for p in operation["parameters"] if not p["description"]
            ]
            contents: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
            lacking += [f"{path} example" for media in contents.values() if "example" not in media]
            assert operation["x-codeSamples"][0]["source"].startswith("curl ")
    assert lacking == []


def test_a_python_client_is_made_and_works(document: Path, service: Service) -> None:
    folder = document.parent
    _run(
        [sys.executable, "-m", "openapi_python_client", "generate", *_given(document, folder)],
        folder,
    )
    (folder / "use.py").write_text(PYTHON)
    _run([sys.executable, "use.py"], folder, _environment(service, "python"))


def test_a_typescript_client_is_made_and_works(document: Path, service: Service) -> None:
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "openapi-typescript").is_dir():
        pytest.skip("node and the packages of service/web/package.json are not installed")
    folder = document.parent
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(NODE_MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "use.ts").write_text(TYPESCRIPT)
    tools = NODE_MODULES / "openapi-typescript" / "bin" / "cli.js"
    _run([node, str(tools), str(document), "-o", "schema.d.ts"], folder)
    options = "--strict --target es2022 --module nodenext --skipLibCheck --lib es2022,dom"
    _run(
        [node, str(NODE_MODULES / "typescript" / "bin" / "tsc"), *options.split(), "use.ts"], folder
    )
    _run([node, "use.js"], folder, _environment(service, "typescript"))


def _given(document: Path, folder: Path) -> list[str]:
    target = str(folder / "fature_api")
    return ["--path", str(document), "--meta", "none", "--output-path", target, "--overwrite"]


def _environment(service: Service, name: str) -> dict[str, str]:
    key = service.client.headers["X-API-Key"]
    return {"URL": service.url, "KEY": key, "NAME": f"generated_{name}"}


def _run(command: list[str], folder: Path, extra: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(extra or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr

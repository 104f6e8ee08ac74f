"""Requests of the acceptance tests of submitting, and the answers they expect."""

from typing import Any, cast

import httpx2

ONE = "/api/metrics"
BATCH = "/api/metrics/batch"
JSON = {"Content-Type": "application/json"}

EMOJI = "\N{GRINNING FACE}"
SQL = "'; DROP TABLE fature.series; --"

AWKWARD_TEXTS = [
    SQL,
    '" OR 1=1 --',
    "$1 %s %(tenant)s {relation}",
    "\\N",
    "\\.",
    "back\\slash \\t \\n \\x41 \\101",
    "quote ' double \" tick `",
    "{a,b} [1] (c)",
    "<script>alert(1)</script>",
    "a\u2028b\u2029c",
    "e\u0301 is not \u00e9",
    "\u202egnirts",
    "çãõ ßø ЖД 日本語",
    f"{EMOJI}\N{ZERO WIDTH JOINER}\U0010ffff",
    " leading and trailing ",
    "null",
    "NaN",
    "true",
]

CODES = {
    400: "malformed_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limited",
    503: "unavailable",
}


def sample(metric: str, **fields: object) -> dict[str, Any]:
    """A sample that is right, but for `fields`."""
    return {
        "metric_name": metric,
        "metric_type": "revenue",
        "value": 1.5,
        "frequency": "hourly",
        **fields,
    }


def sample_with(metric: str, field: str, raw: bytes) -> bytes:
    """A sample as JSON in which one field is `raw`, whatever that is."""
    rest = {name: value for name, value in sample(metric).items() if name != field}
    fields = b"".join(b'"%b":%b,' % (k.encode(), _text(v)) for k, v in rest.items())
    return b'{%b"%b":%b}' % (fields, field.encode(), raw)


def _text(value: object) -> bytes:
    return f'"{value}"'.encode() if isinstance(value, str) else str(value).encode()


def post(api: httpx2.Client, path: str, body: bytes, **headers: str) -> httpx2.Response:
    """POST bytes as JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.post(path, content=body, headers={**JSON, **named})


def stored(api: httpx2.Client, metric: str) -> list[dict[str, Any]]:
    """The samples of a metric, in the order of their times and ids."""
    answer = api.get(
        "/api/metrics/query", params={"metric_name": metric, "order": "asc", "limit": 10_000}
    )
    assert answer.status_code == 200, answer.text
    return cast("list[dict[str, Any]]", answer.json()["data"])


def accepted(response: httpx2.Response) -> dict[str, Any]:
    """The answer to what was recorded."""
    assert response.status_code == 201, response.text
    body = cast("dict[str, Any]", response.json())
    assert body["success"] is True
    return body


def refused(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The error of a refusal, which has the one shape that errors have."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    body = cast("dict[str, Any]", response.json())
    assert body.keys() == {"success", "error", "request_id"}
    assert body["success"] is False
    assert body["request_id"] == response.headers["X-Request-ID"]
    error = cast("dict[str, Any]", body["error"])
    assert error.keys() == {"code", "message", "details"}
    assert error["code"] == CODES[status]
    assert error["message"]
    for detail in error["details"]:
        assert detail.keys() <= {"index", "field", "message"}
        assert detail["message"]
    assert "Traceback" not in response.text
    return error


def places(error: dict[str, Any]) -> list[tuple[int | None, str | None]]:
    """Index and field of everything an error names."""
    return [(detail.get("index"), detail.get("field")) for detail in error["details"]]


def refused_items(
    api: httpx2.Client, items: list[dict[str, Any]]
) -> list[tuple[int | None, str | None]]:
    """Index and field of everything that is wrong with a batch."""
    return places(refused(api.post(BATCH, json={"metrics": items}), 422))

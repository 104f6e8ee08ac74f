"""Samples that the acceptance tests of reading put in, and their questions."""

from datetime import datetime
from typing import Any, cast

import httpx2

from tests.acceptance.talk import BATCH, accepted, sample


def submit(api: httpx2.Client, metric: str, *samples: dict[str, Any]) -> list[int]:
    """Post samples that are right but for what is given; their ids."""
    body = {"metrics": [sample(metric, **fields) for fields in samples]}
    return cast("list[int]", accepted(api.post(BATCH, json=body))["metric_ids"])


def at(moment: datetime, value: float = 1.0, **fields: Any) -> dict[str, Any]:
    """A sample at that instant."""
    return {"timestamp": moment.isoformat(), "value": value, **fields}


def aggregate(api: httpx2.Client, metric: str, **params: Any) -> dict[str, Any]:
    """The whole answer to an aggregate question."""
    response = ask(api, metric, **params)
    assert response.status_code == 200, response.text
    return cast("dict[str, Any]", response.json())


def figures(api: httpx2.Client, metric: str, **params: Any) -> dict[str, float | None]:
    """The values of an answer without groups, by the period's label."""
    rows = aggregate(api, metric, **params)["data"]
    return {row["period"]: row["value"] for row in rows}


def ask(api: httpx2.Client, metric: str, **params: Any) -> httpx2.Response:
    """The response to an aggregate question."""
    return api.get("/api/metrics/aggregate", params={"metric_name": metric, **params})


def query(api: httpx2.Client, metric: str, **params: Any) -> dict[str, Any]:
    """A page of samples."""
    response = api.get("/api/metrics/query", params={"metric_name": metric, **params})
    assert response.status_code == 200, response.text
    return cast("dict[str, Any]", response.json())


def allow_units(api: httpx2.Client, metric: str, *units: str) -> None:
    """Let a metric that is known take samples in those units."""
    answer = api.patch(f"/api/metrics/catalog/{metric}", json={"units": units})
    assert answer.status_code == 200, answer.text


def submit_in_units(api: httpx2.Client, metric: str, *samples: dict[str, Any]) -> None:
    """Post samples in several units or none: those without one before the metric has any."""
    bare = [one for one in samples if one.get("unit") is None]
    units = list(dict.fromkeys(one["unit"] for one in samples if one.get("unit") is not None))
    first = bare or [one for one in samples if one["unit"] == units[0]]
    submit(api, metric, *first)
    allow_units(api, metric, *units)
    if rest := [one for one in samples if one not in first]:
        submit(api, metric, *rest)

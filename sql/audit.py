"""The audit log: who changed what, written in the transaction of the change."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from sql.database import Connection, run


async def record(
    conn: Connection,
    tenant: str,
    actor: str,
    action: str,
    target: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> None:
    """Add an entry. `action` is such as ``rule.update``, `target` such as ``rule:7``;
    `before` and `after` hold no secrets.
    """
    params = entry(tenant, actor, action, target, before=before, after=after, address=address)
    await run(conn, "record_audit", params)


def entry(
    tenant: str,
    actor: str,
    action: str,
    target: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> dict[str, Any]:
    """The parameters of ``record_audit``; the request's id is that of the log lines."""
    return {
        "tenant": tenant,
        "actor": actor,
        "action": action,
        "target": target,
        "address": address,
        "before": _json(before),
        "after": _json(after),
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
    }


def _json(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()

"""Muting the notifications of matching rules for a period."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import DictRow

from alerts.registry import Reach
from sql.database import Pool, fetch_all


async def list_silences(pool: Pool, reach: Reach) -> list[DictRow]:
    """Past, current and coming silences of the tenant, newest first."""
    return await fetch_all(pool, "list_alert_silences", {"tenant": reach.tenant})


async def add_silence(
    pool: Pool, reach: Reach, silence: Mapping[str, Any], created_by: str
) -> DictRow:
    """The new silence; columns that are None match everything."""
    params = {**silence, "tenant": reach.tenant, "created_by": created_by}
    (row,) = await fetch_all(pool, "insert_alert_silence", params)
    return row


async def remove_silence(pool: Pool, reach: Reach, silence_id: int) -> bool:
    """Whether there was one to remove."""
    params = {"tenant": reach.tenant, "silence_id": silence_id}
    return bool(await fetch_all(pool, "delete_alert_silence", params))

"""Links that show one dashboard, read-only, to whoever has them. Each call is one transaction."""

import hmac
import secrets
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.access.credentials import derived_key
from sql.database import Pool, connection, fetch_all, run
from sql.scope import Scope


class Shared(NamedTuple):
    """A dashboard's row, and whose data a link to it shows."""

    dashboard: DictRow
    scope: Scope


class Shares:
    """Makes, finds and ends links; of the secret in one only an HMAC is kept."""

    def __init__(self, pool: Pool, secret: str) -> None:
        self._pool = pool
        self._key = derived_key(secret, "dashboard link")

    async def create(self, caller: Caller, dashboard: DictRow, expires_at: datetime) -> str:
        """The secret of a new link to that dashboard; it shows what the caller sees."""
        token = secrets.token_urlsafe(32)
        params = {
            "dashboard_id": dashboard["dashboard_id"],
            "service_name": caller.principal.scope.service_name,
            "digest": self._digest(token),
            "actor": caller.principal.id,
            "now": caller.now,
            "expires_at": expires_at,
        }
        async with connection(self._pool) as conn, conn.transaction():
            await run(conn, "delete_expired_dashboard_shares", params)
            (row,) = await run(conn, "insert_dashboard_share", params)
            after = {"share": row["dashboard_share_id"], "expires_at": expires_at.isoformat()}
            target = f"dashboard:{dashboard['dashboard_id']}"
            await caller.record(conn, "dashboard.share", target, after=after)
        return token

    async def of_dashboard(self, tenant: str, number: int, now: datetime) -> list[DictRow]:
        """The links to a dashboard that hold, newest first, without their secrets."""
        params = {"tenant": tenant, "dashboard_id": number, "now": now}
        return await fetch_all(self._pool, "list_dashboard_shares", params)

    async def end(self, caller: Caller, number: int, share: int) -> bool:
        """End a link to that dashboard; false where there is none."""
        params = {
            "tenant": caller.tenant,
            "dashboard_id": number,
            "dashboard_share_id": share,
        }
        async with connection(self._pool) as conn, conn.transaction():
            if not await run(conn, "delete_dashboard_share", params):
                return False
            target, before = f"dashboard:{number}", {"share": share}
            await caller.record(conn, "dashboard.unshare", target, before=before)
            return True

    async def shown_by(self, token: str, now: datetime) -> Shared | None:
        """The dashboard of a link; None where it does not hold (any more)."""
        params = {"digest": self._digest(token), "now": now}
        rows = await fetch_all(self._pool, "shared_dashboard", params)
        if not rows:
            return None
        return Shared(rows[0], Scope(rows[0]["tenant"], rows[0]["shared_service_name"]))

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._key, token.encode(), "sha256")

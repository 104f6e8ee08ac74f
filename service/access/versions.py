"""Which version each user is at, so that an access token can end before it expires; and what
they are called, which no token says.
"""

import asyncio

from service.access.tokens import Claims
from sql.database import Pool, fetch_all

# So young may be the token of somebody who was made elsewhere since the last reading. It was
# made from the database, within the 5 seconds that a change may take to be seen anyway.
UNHEARD_SECONDS = 4.0


class UserVersions:
    """Every user's version, read again every few seconds. Whatever must end access
    tokens (another role, a new password, deactivation) raises it; deletion removes it.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._versions: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._reading = asyncio.Lock()

    async def reload(self) -> None:
        """Read them as they are now: whoever has changed one has it seen here at once."""
        # One at a time: an older reading must not come last.
        async with self._reading:
            rows = await fetch_all(self._pool, "user_versions")
            self._versions = {row["user_id"]: row["version"] for row in rows}
            self._names = {row["user_id"]: row["name"] or row["email"] for row in rows}

    def name_of(self, user_id: int) -> str:
        """The name, else the email; empty for somebody who is not known here yet."""
        return self._names.get(user_id, "")

    def holds(self, claims: Claims, now: float) -> bool:
        """Whether a token still speaks for its user; `now` in Unix seconds."""
        known = self._versions.get(claims.user_id)
        if known is None:
            return now - claims.iat < UNHEARD_SECONDS
        # One that is newer than what is known here was made by a replica that knows more.
        return claims.ver >= known

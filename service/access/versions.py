"""The version each user is at, so that an access token can end before it expires; and what users
are called, which no token says.
"""

from typing import NamedTuple

from service.access.tokens import Claims
from sql.database import Pool, fetch_all
from sql.snapshot import Snapshot

# So young may be the token of somebody who was made elsewhere since the last reading. It was
# made from the database, within the 5 seconds that a change may take to be seen anyway.
UNSEEN_SECONDS = 4.0


class _User(NamedTuple):
    version: int
    name: str


class UserVersions:
    """Every user's version, read again every few seconds. Whatever must end access
    tokens (another role, a new password, deactivation) raises it; deletion removes it.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._users: Snapshot[dict[int, _User]] = Snapshot(self._read, {})

    async def reload(self) -> None:
        """Read them as they are now: whoever has changed one has it seen here at once."""
        await self._users.reload()

    def name_of(self, user_id: int) -> str:
        """The name, else the email; empty for a user who is not known here yet."""
        user = self._users.value.get(user_id)
        return user.name if user else ""

    def holds(self, claims: Claims, now: float) -> bool:
        """Whether a token still speaks for its user; `now` in Unix seconds."""
        user = self._users.value.get(claims.user_id)
        if user is None:
            return now - claims.iat < UNSEEN_SECONDS
        # One that is newer than what is known here was made by a replica that knows more.
        return claims.ver >= user.version

    async def _read(self) -> dict[int, _User]:
        rows = await fetch_all(self._pool, "user_versions")
        return {row["user_id"]: _User(row["version"], row["name"] or row["email"]) for row in rows}

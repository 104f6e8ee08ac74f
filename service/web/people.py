"""Names of users and keys, for pages that show who made a change."""

import asyncio

from starlette.requests import Request

from service.access import keys, users
from service.http.authentication import principal_of
from service.runtime.resources import resources_of


async def names_of(request: Request) -> dict[str, str]:
    """By what changes are noted under: a user's name, else the email; the name of a key."""
    pool, tenant = resources_of(request).read_pool, principal_of(request).scope.tenant
    people, programs = await asyncio.gather(
        users.list_users(pool, tenant), keys.list_keys(pool, tenant)
    )
    named = {f"user:{row['user_id']}": row["name"] or row["email"] for row in people}
    return named | {f"key:{row['key_id']}": row["name"] for row in programs}

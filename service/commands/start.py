"""What ``make run`` says of the pages."""

import asyncio
from collections.abc import Iterator

from service.access.users import any_user
from service.runtime.settings import Settings
from service.sign_in.welcome import welcome_link
from service.web.assets import AssetsMissing, load_assets
from sql.database import create_pool


def about_pages(settings: Settings, database_url: str) -> Iterator[str]:
    """That they are missing, or, while nobody can sign in, where the first user is made."""
    try:
        load_assets()
    except AssetsMissing as error:
        yield f"Pages:     missing: {error}"
        return
    if asyncio.run(_any_user(database_url)):
        return
    try:
        link = welcome_link(settings)
    except OSError:
        # A container has nowhere to keep the link's token, nor do replicas share a folder.
        yield "Welcome:   nobody can sign in yet: `python -m service user EMAIL --role admin`"
        yield "           makes the first user"
        return
    yield f"Welcome:   {link}"
    yield "           makes the first user; works once"


async def _any_user(database_url: str) -> bool:
    async with create_pool(database_url, size=1) as pool:
        return await any_user(pool)

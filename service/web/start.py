"""What ``make run`` says of the pages."""

import asyncio
from collections.abc import Iterator

from service.access.users import any_user
from service.settings import Settings
from service.web.assets import AssetsMissing, load_assets
from service.web.welcome import welcome_link
from sql.database import create_pool


def about_pages(settings: Settings, database_url: str) -> Iterator[str]:
    """That they are missing, or, while nobody can sign in, where the first user is made."""
    try:
        load_assets()
    except AssetsMissing as error:
        yield f"Pages:     missing: {error}"
        return
    if not asyncio.run(_any_user(database_url)):
        yield f"Welcome:   {welcome_link(settings)}"
        yield "           makes the first user; works once"


async def _any_user(database_url: str) -> bool:
    async with create_pool(database_url, size=1) as pool:
        return await any_user(pool)

"""Television mode: pages that nobody touches, large, perhaps one after the other."""

from typing import NamedTuple
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request

from service.dashboards import store
from service.http.authentication import principal_of
from service.runtime.resources import resources_of
from sql.errors import Invalid, Problem
from sql.messages import Message

# How long a page is shown, in seconds, where others follow.
_SHORTEST, _LONGEST = 10, 3600
_OVERVIEW = "/"


class Television(NamedTuple):
    """`leave` is the address of the same page as usual; `next` that of the one that follows after
    so many seconds (empty: it stays).
    """

    leave: str
    next: str = ""
    after: int = 0


def television_of(request: Request) -> Television | None:
    """The mode of a page that stays; None unless its address asks for it."""
    given = request.query_params
    if given.get("tv") != "1":
        return None
    pairs = [pair for pair in given.multi_items() if pair[0] not in ("tv", "rotate")]
    path = request.url.path
    return Television(f"{path}?{urlencode(pairs)}" if pairs else path)


async def rotating(request: Request) -> Television | None:
    """The mode of a page that others follow, where its address says after how long: the overview,
    then each dashboard, and again.

    Raises:
        Invalid: it is no number of seconds, or too small or large.
    """
    television = television_of(request)
    after = _seconds(request.query_params)
    if television is None or after is None:
        return television
    tenant = principal_of(request).scope.tenant
    rows = await store.list_dashboards(resources_of(request).read_pool, tenant)
    rows.sort(key=lambda row: row["name"].casefold())
    paths = [_OVERVIEW, *(f"/dashboards/{row['dashboard_id']}" for row in rows)]
    path = request.url.path
    following = paths[(paths.index(path) + 1) % len(paths)] if path in paths else _OVERVIEW
    return Television(television.leave, f"{following}?tv=1&rotate={after}", after)


def _seconds(given: QueryParams) -> int | None:
    text = given.get("rotate")
    if not text:
        return None
    seconds = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not _SHORTEST <= seconds <= _LONGEST:
        limits = {"least": _SHORTEST, "most": _LONGEST}
        raise Invalid(Problem(Message("Use {least} to {most} seconds", limits), "rotate"))
    return seconds

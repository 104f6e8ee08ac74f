"""Retention of each relation: declared, and as the database applies it."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from retention.plan import in_words
from retention.policies import Columnstore, Corrected, Expiry, Policy, Refresh, Retention
from retention.report import Line, Rows, lines, questions
from service.http.authentication import principal_of
from service.language.reader import Reader
from service.language.translations import N_
from service.runtime.resources import Resources, resources_of
from service.web.choices import FREQUENCIES
from service.web.navigation import section
from service.web.page import Page
from service.web.rendering import render
from service.web.session import reader_of
from sql.database import connection, run
from sql.errors import Forbidden
from sql.messages import Message


async def show_retention(request: Request) -> Response:
    """Every policy, with sizes and next runs; for who looks after the whole installation."""
    if not section("retention").is_open_to(principal_of(request)):
        raise Forbidden(Message("You may not do or see this"))
    resources, reader = resources_of(request), reader_of(request)
    engine, keep = resources.engine, resources.settings.keep
    found = lines(engine, await _answers(resources), keep, datetime.now(UTC))
    context = {
        "rows": [(line, *_said(reader, line)) for line in found],
        "engine": engine,
        "differs": not all(line.in_line for line in found),
        "frequencies": FREQUENCIES,
        "accept": {name: in_words(age) for name, age in resources.accept.items()},
    }
    return render(request, "storage/retention.html", context)


async def _answers(resources: Resources) -> Rows:
    """To `questions`. Two at a time: a connection takes long over its first look at TimescaleDB's
    catalogue, and sizes take as long as all else.
    """
    asked = questions(resources.engine, resources.settings.keep)

    async def answer(names: Iterable[str]) -> dict[str, list[DictRow]]:
        async with connection(resources.read_pool) as conn:
            return {name: await run(conn, asked[name]) for name in names}

    sizes = asked.keys() & {"relation_sizes"}
    one, other = await asyncio.gather(answer(sizes), answer(asked.keys() - sizes))
    return one | other


def _said(reader: Reader, line: Line) -> tuple[str, str]:
    """The declared policy and the applied one, in the reader's language."""
    nothing = reader.gettext(N_("nothing"))
    declared = _words(reader, line.wanted) if line.wanted else nothing
    if line.found is None:
        return declared, nothing
    return declared, _words(reader, line.found.policy)


def _words(reader: Reader, policy: Policy | None) -> str:
    match policy:
        case Retention(keep=keep) | Expiry(keep=keep):
            return _fill(reader, N_("kept for %(time)s"), time=in_words(keep))
        case Columnstore(after=after):
            return _fill(reader, N_("columnstore after %(time)s"), time=in_words(after))
        case Refresh(start=start, end=end):
            text = N_("refreshed from %(start)s to %(end)s ago")
            return _fill(reader, text, start=in_words(start), end=in_words(end))
        case Corrected(every=every):
            text = N_("what was corrected is refreshed every %(time)s")
            return _fill(reader, text, time=f"{every.seconds} s")
    return reader.gettext(N_("a policy with open ends"))


def _fill(reader: Reader, text: str, **values: Any) -> str:
    return reader.gettext(text) % values


PAGES = [Page("GET", "/admin/retention", show_retention, scope="keys:admin")]

"""The page that explains a change, which other pages show a part of."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service.explain.asking import asked_of
from service.language.names import title_of
from service.metrics.explanations import Explanation, ExplanationQuery
from service.panels.addresses import FILTER
from service.runtime.resources import resources_of
from service.web import choices
from service.web.page import Page
from service.web.rendering import render
from sql.errors import DomainError
from sql.vocabulary import NONE


async def show_explanation(request: Request) -> Response:
    """What accounts for the change that the address asks about, or why that cannot be said."""
    now = datetime.now(UTC)
    found, query, problem = None, None, None
    try:
        query = replace(await asked_of(request, now), units="main")
        found = await resources_of(request).explanations.explanation(query, now)
    except DomainError as error:
        problem = error
    given = request.query_params
    context = {
        "found": found,
        "query": query,
        "problem": problem,
        "metric_name": given.get("metric_name", ""),
        "compare": given.get("compare", "previous_period"),
        "state": [pair for pair in given.multi_items() if pair[0] != "compare"],
        "explore": explorer_of(query, found) if query and found else {},
        "choices": choices,
        "title_of": title_of,
    }
    return render(request, "explain/explanation.html", context)


def explorer_of(query: ExplanationQuery, found: Explanation) -> Mapping[int, str]:
    """The address of each contributor in the explorer, by its place."""
    since, before = (edge.astimezone(query.zone) for edge in found.span[:2])
    pairs = {
        "metric_name": query.metric.metric_name,
        "aggregation": found.query.aggregation,
        "start_date": f"{since:%Y-%m-%d}",
        "end_date": f"{before - timedelta(microseconds=1):%Y-%m-%d}",
        **{FILTER + name: value for name, value in (query.filters or {}).items() if value},
    }
    return {
        number: "/explore?"
        + urlencode(pairs | {FILTER + name: value or NONE for name, value in one.labels.items()})
        for number, one in enumerate(found.account.contributors)
    }


PAGES = [Page("GET", "/explain", show_explanation, scope="metrics:read")]

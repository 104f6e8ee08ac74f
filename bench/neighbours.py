"""How long one tenant's questions take beside another one's that are as large as they get."""

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, cycle, product
from pathlib import Path
from typing import Any, get_args

import httpx2

from bench.dataset import DAYS, Dataset, load
from bench.figures import Figures, Neighbour
from bench.reading import questions
from bench.requests import ADMIN_KEY, with_key
from bench.scale import Kit
from bench.stack import BenchmarkError, Service, running_service
from bench.stats import latency
from bench.traffic import Outcome, Plan
from sql.vocabulary import Aggregation

_METRIC = "sales_by_affiliate"
_PANELS, _QUERIES = 50, 8
_READERS = 10
_RATE = 20.0
# Until the readers have come to what they go on with.
_WARM_UP = 3.0
_LINK = re.compile(r"/shared/[\w-]+")
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')

Ask = Callable[[httpx2.Client, int], httpx2.Response]


def measure_neighbours(figures: Figures, kit: Kit, folder: Path, url: str) -> None:
    """Questions of a tenant of ten series in turns alone, beside readers of a page and beside
    readers of groups of another tenant, one of whose services has 10,000 series.
    """
    kit.tell(f"neighbours with {kit.scale.neighbour_samples:,} samples")
    dataset = load(url, kit.scale.neighbour_samples, "series_of_affiliates")
    with running_service(folder, url) as service, _client(service) as admin:
        link = _shared_link(service, admin)
        beside: Mapping[str, Ask | None] = {
            "alone": None,
            f"ten readers of a page of {_PANELS * _QUERIES} queries": lambda c, _: c.get(link),
            "ten readers of 10,000 groups": lambda c, n: c.get(_groups(dataset, n)),
        }
        key = admin.post(
            "/api/keys", json={"name": "neighbour", "role": "reader", "tenant": "neighbour"}
        ).json()["data"]["key"]
        # The first of each makes connections and reads templates.
        for first in filter(None, beside.values()):
            first(admin, 0)
        outcomes = {name: Outcome() for name in beside}
        for turn, (name, ask) in product(range(kit.scale.turns), beside.items()):
            requests = [with_key(one, key) for one in questions(dataset, "day", turn, metrics=1)]
            seconds = kit.scale.neighbour_seconds
            plan = Plan(service.port, requests, 1, seconds, warm_up=_WARM_UP, rate=_RATE)
            with _readers(service, ask):
                outcomes[name].add(kit.drive(plan))
        for name, outcome in outcomes.items():
            outcome.check()
            figures.neighbours.append(Neighbour(name, latency(outcome.durations)))
            kit.tell(f"{name}: p99 {figures.neighbours[-1].latency.p99:.1f} ms")
        figures.peak_memory = max(figures.peak_memory, service.peak_memory())


def _groups(dataset: Dataset, number: int) -> str:
    """A question about all groups, none like the one before."""
    since = (dataset.before - DAYS + number % 1000 * DAYS / 2000).isoformat()
    query = httpx2.QueryParams(metric_name=_METRIC, group_by="affiliate_id", start_date=since)
    return f"/api/metrics/aggregate?{query}"


@contextmanager
def _readers(service: Service, ask: Ask | None) -> Iterator[None]:
    """Ten readers who ask again as soon as they are answered, or a second after a refusal."""
    stop, numbers = threading.Event(), count()

    def read() -> None:
        with _client(service) as client:
            while ask and not stop.is_set():
                answer = ask(client, next(numbers))
                if answer.status_code == 503:
                    stop.wait(1)
                elif not answer.is_success:
                    raise BenchmarkError(f"a reader was answered {answer.status_code}")

    with ThreadPoolExecutor(_READERS) as pool:
        readers = [pool.submit(read) for _ in range(_READERS)]
        try:
            yield
        finally:
            stop.set()
    for reader in readers:
        reader.result()


def _client(service: Service) -> httpx2.Client:
    headers = {"X-API-Key": ADMIN_KEY, "Accept": "text/html"}
    return httpx2.Client(base_url=f"http://127.0.0.1:{service.port}", headers=headers, timeout=60)


def _shared_link(service: Service, admin: httpx2.Client) -> str:
    """A link to the largest dashboard that there can be."""
    made = admin.post("/api/dashboards", json=_dashboard()).raise_for_status()
    path = f"/dashboards/{made.json()['data']['id']}/shares"
    person = {"email": "owner@example.com", "password": secrets.token_urlsafe()}
    admin.post("/api/users", json=person | {"role": "admin"}).raise_for_status()
    with httpx2.Client(base_url=admin.base_url, headers={"Accept": "text/html"}) as browser:
        _send(browser, "/sign-in", person)
        found = _LINK.search(_send(browser, path, {"days": "1"}).text)
    if not found:
        raise BenchmarkError("the dashboard could not be shared")
    return found[0]


def _send(browser: httpx2.Client, path: str, fields: Mapping[str, str]) -> httpx2.Response:
    token = _CSRF.search(browser.get(path).text)
    if not token:
        raise BenchmarkError(f"{path} has no form")
    return browser.post(path, data={"csrf": token[1], **fields})


def _dashboard() -> dict[str, Any]:
    ways = cycle(product(("none", "zero", "null"), ("day", "week"), get_args(Aggregation)))
    panels: list[dict[str, Any]] = [
        {
            "id": f"panel-{number}",
            "type": "line",
            "title": f"Panel {number}",
            "compare": "previous_period",
            "queries": [_query(*next(ways)) for _ in range(_QUERIES)],
        }
        for number in range(_PANELS)
    ]
    layout = [
        {"panel": panel["id"], "x": 0, "y": 4 * number, "w": 12, "h": 4}
        for number, panel in enumerate(panels)
    ]
    config = {"panels": panels, "layout": layout, "time_range": {"last": "last_90_days"}}
    return {"name": "As large as they get", "config": config}


def _query(fill: str, period: str, aggregation: str) -> dict[str, Any]:
    return {
        "metric_name": _METRIC,
        "aggregation": aggregation,
        "period": period,
        "fill": fill,
        "group_by": ["affiliate_id"],
    }

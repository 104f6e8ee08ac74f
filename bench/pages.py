"""How fast pages are made."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from bench.dataset import load
from bench.figures import PAGE_SECONDS, Figures, PageViews
from bench.requests import ADMIN_KEY, view
from bench.scale import Kit
from bench.stack import Service, running_service
from bench.traffic import Plan

# By their routes, pages that are looked at; no two in the same moment. Every page comes again
# when what was kept for the last view is too old for this one.
_PATHS: Mapping[str, Sequence[str]] = {
    "/": ["/"],
    "/explore": [
        "/explore",
        # 90 days of eight regions beside the 90 days before them: the most cells a page has.
        "/explore?metric_name=revenue_hourly&range=last_90_days&period=day&group_by=region"
        "&compare=previous_period",
    ],
    "/dashboards/{id:int}": ["/dashboards/{dashboard}"],
    "/services": ["/services"],
    "/alerts": ["/alerts"],
    "/alerts/rules": ["/alerts/rules"],
    "/alerts/rules/{id:int}": ["/alerts/rules/{rule}"],
    "/admin/catalog": ["/admin/catalog"],
    "/admin/catalog/{metric_name}": ["/admin/catalog/revenue_hourly"],
    "/admin/users": ["/admin/users"],
    "/admin/keys": ["/admin/keys"],
    "/admin/audit": ["/admin/audit"],
    "/admin/retention": ["/admin/retention"],
}
_RATE = 10.0
_FIRST_VIEWS = 3


def measure_pages(figures: Figures, kit: Kit, folder: Path, url: str) -> None:
    """Pages for an admin, one view at a time, with samples of all metrics of the platform."""
    samples = kit.scale.page_samples
    kit.tell(f"pages with {samples:,} samples")
    load(url, samples, "series_of_platform")
    with running_service(folder, url) as service:
        requests = _requests(service)
        # The first views make connections, show them the catalogue and read templates.
        kit.drive(Plan(service.port, requests, 1, 60, most=_FIRST_VIEWS * len(requests))).check()
        before = _answers(service)
        kit.drive(Plan(service.port, requests, 1, kit.scale.page_seconds, rate=_RATE)).check()
        for route, (prompt, views) in _answers(service).items():
            earlier = before[route]
            views -= earlier[1]
            figures.pages.append(PageViews(route, samples, views, (prompt - earlier[0]) / views))


def _answers(service: Service) -> dict[str, tuple[int, int]]:
    return {route: service.answers(route, PAGE_SECONDS) for route in _PATHS}


def _requests(service: Service) -> list[bytes]:
    """A view of every page, by a new admin."""
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{service.port}", headers={"X-API-Key": ADMIN_KEY}, timeout=30
    ) as client:
        admin = {"email": "admin@example.com", "password": secrets.token_urlsafe()}
        client.post("/api/users", json=admin | {"role": "admin"}).raise_for_status()
        answer = client.post("/api/auth/login", json=admin).raise_for_status()
        token = answer.json()["access_token"]
        rules = client.get("/api/alerts/rules").raise_for_status().json()["data"]
        dashboards = client.get("/api/dashboards").raise_for_status().json()["data"]
    return [
        view(path.format(dashboard=dashboard["id"], rule=rules[0]["id"]), token)
        for paths in _PATHS.values()
        for path in paths
        for dashboard in (dashboards if "{dashboard}" in path else dashboards[:1])
    ]

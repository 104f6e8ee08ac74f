"""The pages of targets, and where they are shown besides."""

import json
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from tests.acceptance.access import ok
from tests.acceptance.reading import at, submit
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

API = "/api/targets"


@pytest.fixture(scope="module")
def user(service: Service) -> Iterator[httpx2.Client]:
    with signed_in(service.client) as client:
        yield client


@pytest.fixture(scope="module")
def sold(service: Service) -> str:
    metric = f"metric_{secrets.token_hex(6)}"
    submit(service.client, metric, at(datetime.now(UTC), 1234.5, unit="BRL", region="SP"))
    return metric


def fields(metric: str, **changes: str) -> dict[str, str]:
    usual = {
        "name": secrets.token_hex(6),
        "metric_name": metric,
        "period": "month",
        "value": "2,000.50",
        "direction": "at_least",
    }
    return usual | changes


def test_people_set_change_and_remove_one(service: Service, user: httpx2.Client, sold: str) -> None:
    given = fields(sold, region="SP", since="2026-01-01")
    answer = post(user, "/targets", **given)
    assert answer.status_code == 303, answer.text
    (made,) = (one for one in ok(service.client.get(API)) if one["name"] == given["name"])
    assert (made["value"], made["region"], made["from"]) == (2000.5, "SP", "2026-01-01")
    page = f"/targets/{made['id']}"
    assert given["name"] in text_of(user.get("/targets"))
    assert 'value="2000.5"' in user.get(page).text
    shown = text_of(user.get(f"{page}/progress"))
    assert "R$1,234.50" in shown
    assert "of R$2,000.50" in shown
    assert post(user, page, **given | {"value": "3000", "region": ""}).status_code == 303
    changed = ok(service.client.get(f"{API}/{made['id']}"))
    assert (changed["value"], changed["region"]) == (3000, None)
    assert post(user, f"{page}/delete", sure="yes").status_code == 303
    assert service.client.get(f"{API}/{made['id']}").status_code == 404


def test_what_is_wrong_is_said_beside_the_form(user: httpx2.Client, sold: str) -> None:
    wrong = post(user, "/targets", **fields(sold, value="many"))
    assert wrong.status_code == 422
    assert "It is no number" in wrong.text
    backwards = post(user, "/targets", **fields(sold, since="2026-02-01", until="2026-01-01"))
    assert backwards.status_code == 422
    assert "to is before from" in text_of(backwards)
    unknown = post(user, "/targets", **fields("unheard_of_x"))
    assert unknown.status_code == 404
    assert "There is no metric unheard_of_x" in text_of(unknown)


def test_a_reader_sees_them_and_sets_none(service: Service, sold: str) -> None:
    with signed_in(service.client, "reader") as reader:
        page = reader.get("/targets")
        assert page.status_code == 200
        assert "Set a target" not in page.text
        assert post(reader, "/targets", **fields(sold)).status_code == 403


def goals(page: httpx2.Response) -> list[tuple[float, str]]:
    found = re.findall(r'(?s)<script type="application/json">(.*?)</script>', page.text)
    return [(t["value"], t["label"]) for spec in found for t in json.loads(spec)["thresholds"]]


def test_the_explorer_draws_those_of_what_it_shows(
    service: Service, user: httpx2.Client, sold: str
) -> None:
    body = {"metric_name": sold, "period": "day", "value": 99}
    name = secrets.token_hex(6)
    ok(service.client.post(API, json=body | {"name": name, "region": "SP"}))
    asked = {"metric_name": sold, "range": "last_7_days", "period": "day"}
    of_region = user.get("/explore", params=asked | {"filter.region": "SP"})
    assert goals(of_region) == [(99, name)]
    assert goals(user.get("/explore", params=asked)) == []
    by_hour = asked | {"filter.region": "SP", "period": "hour"}
    assert goals(user.get("/explore", params=by_hour)) == []


def test_the_overview_has_them(user: httpx2.Client) -> None:
    assert 'hx-get="/targets"' in user.get("/").text

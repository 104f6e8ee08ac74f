"""The page that compares figures with a CSV of another system."""

from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from tests.acceptance.reading import at, submit
from tests.acceptance.web import signed_in, text_of, token_in
from tests.clock import today
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

PATH = "/explore/reconcile"


@pytest.fixture(scope="module")
def web(service: Service) -> Iterator[httpx2.Client]:
    with signed_in(service.client, "operator") as client:
        yield client


def upload(web: httpx2.Client, content: bytes, **fields: str) -> httpx2.Response:
    token = token_in(web.get(PATH))
    files = {"file": ("figures.csv", content, "text/csv")}
    return web.post(PATH, data={"csrf": token, "period": "day", **fields}, files=files)


def test_a_file_is_compared_line_by_line(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    day = today() - timedelta(days=2)
    submit(api, metric, at(day, 1234.5, region="SP"), at(day, 2.0, region="RJ"))
    date = str(day.date())
    good = f"\ufeffperiod;region;value;count\r\n{date};SP;1.234,50;1\r\n{date};RJ;2;1\r\n"
    assert "2 agree, 0 differ" in text_of(upload(web, good.encode(), metric_name=metric))
    bad = good.replace("1.234,50", "1.234,40")
    shown = text_of(upload(web, bad.encode(), metric_name=metric))
    assert "1 agree, 1 differ" in shown
    assert f"{date} SP 1,234.4 1,234.5 0.1 1 1" in shown


def test_what_is_wrong_with_a_file_is_said_beside_it(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, {"value": 1.0})
    for content, problem in (
        (b"", "Choose a file"),
        (b"day,value\n1,2\n", "The first line has to name the columns"),
        (b"period,value\n2026-11-01,1\n2026-02-30,2\n", "Line 3: No day is called so"),
        (b"period,value\n2026-11-01,\n", "Line 2: Give a value or a count"),
        (b"period,value\n\n2026-11-01,1\n\n2026-02-30,2\n", "Line 5: No day is called so"),
        (b"period,value,regoin\n2026-11-01,1,SP\n", "&#39;regoin&#39; is none of"),
    ):
        answer = upload(web, content, metric_name=metric)
        assert answer.status_code == 422
        assert problem in answer.text, answer.text
    assert upload(web, b"period,value\n2026-11-01,1\n", metric_name="nobodys").status_code == 404


def test_readers_do_not_get_the_page(api: httpx2.Client) -> None:
    with signed_in(api, "reader") as reader:
        assert reader.get(PATH).status_code == 403

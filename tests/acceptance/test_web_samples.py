"""Pages of samples: what is behind figures, and its correction."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx2
import psycopg
import pytest

from tests.acceptance.reading import query, submit
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

_UNTIL = re.compile(r'name="until" value="([^"]+)"')
_LINK = re.compile(r'href="/explore/samples/\d+"')


@pytest.fixture(scope="module")
def web(service: Service) -> Iterator[httpx2.Client]:
    with signed_in(service.client, "operator") as client:
        yield client


def until_in(answer: httpx2.Response) -> str:
    """Up to when the page counted."""
    match = _UNTIL.search(answer.text)
    assert match, answer.text
    return match[1]


def test_a_sample_is_found_from_the_explorer_and_voided_with_a_reason(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    wrong, _ = submit(
        api,
        metric,
        {"value": 3500.0, "unit": "BRL", "region": "SP"},
        {"value": 3.5, "unit": "BRL", "region": "RJ"},
    )
    explorer = web.get("/explore", params={"metric_name": metric, "filter.region": "SP"})
    address = re.search(r'href="(/explore/samples\?[^"]+)"', explorer.text)
    assert address
    listed = web.get(unescape(address[1]))
    assert f'href="/explore/samples/{wrong}"' in listed.text
    assert "R$3,500.00" in text_of(listed)
    assert "R$3.50" not in text_of(listed)
    path = f"/explore/samples/{wrong}"
    assert "Correct this sample" in text_of(web.get(path))
    without = post(web, f"{path}/void", reason=" ")
    assert without.status_code == 422
    assert len(query(api, metric)["data"]) == 2
    answer = post(web, f"{path}/void", reason="Typed <3500> for 3.5", value="")
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    shown = text_of(web.get(path))
    assert "This sample is voided" in shown
    assert "Typed <3500> for 3.5" in shown
    assert "Correct this sample" not in shown
    assert [row["value"] for row in query(api, metric)["data"]] == [3.5]
    voids = text_of(web.get("/explore/voids", params={"metric_name": metric}))
    assert "Typed <3500> for 3.5" in voids
    again = post(web, f"{path}/void", reason="Another reason")
    assert again.status_code == 409
    assert "was voided before" in text_of(again)


def test_a_sample_is_replaced_by_the_right_value(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    (wrong,) = submit(api, metric, {"value": 3500.0, "unit": "BRL"})
    path = f"/explore/samples/{wrong}"
    without = post(web, f"{path}/replace", reason="A typo", value="")
    assert without.status_code == 422
    assert "A typo" in without.text
    answer = post(web, f"{path}/replace", reason="A typo", value="3.5")
    (row,) = query(api, metric)["data"]
    assert row["value"] == 3.5
    assert answer.headers["Location"] == f"/explore/samples/{row['id']}"
    assert f'href="/explore/samples/{row["id"]}"' in web.get(path).text


def test_who_may_not_correct_sees_samples_without_forms(api: httpx2.Client, metric: str) -> None:
    (number,) = submit(api, metric, {"value": 1.0})
    with signed_in(api, "reader") as reader:
        shown = reader.get(f"/explore/samples/{number}")
        assert shown.status_code == 200
        assert "Correct this sample" not in shown.text
        assert post(reader, f"/explore/samples/{number}/void", reason="x").status_code == 403
        assert reader.get("/explore/samples/999999999999").status_code == 404
    assert len(query(api, metric)["data"]) == 1


def test_samples_are_shown_page_by_page(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, *({"value": float(n)} for n in range(120)))
    first = web.get("/explore/samples", params={"metric_name": metric})
    assert len(_LINK.findall(first.text)) == 100
    older = first.text.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = web.get(older.replace("&amp;", "&"))
    assert len(_LINK.findall(second.text)) == 20


def test_all_that_the_explorer_shows_is_counted_and_voided_with_a_reason(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    submit(
        api,
        metric,
        *({"value": value, "region": "SP"} for value in (0.1, 0.2)),
        {"value": 5.0, "region": "RJ"},
    )
    asked = {"metric_name": metric, "filter.region": "SP"}
    listed = web.get("/explore/samples", params=asked)
    address = re.search(r'href="(/explore/samples/void\?[^"]+)"', listed.text)
    assert address
    path = unescape(address[1])
    counted = web.get(path)
    shown, until = text_of(counted), until_in(counted)
    assert "Samples 2 Sum 0.3" in shown
    assert "Region SP" in shown
    assert post(web, path, reason="", until=until).status_code == 422
    assert len(query(api, metric)["data"]) == 3
    answer = post(web, path, reason="Test orders", until=until)
    assert answer.headers["Location"] == f"/explore/voids?metric_name={metric}"
    assert [row["value"] for row in query(api, metric)["data"]] == [5.0]
    assert "No samples" in text_of(web.get(path))
    assert web.get("/explore/samples/void?metric_name=nobodys").status_code == 404
    with signed_in(api, "reader") as reader:
        assert reader.get(path).status_code == 403
        assert "/explore/samples/void" not in reader.get("/explore/samples", params=asked).text


def test_what_arrives_after_the_count_stays(
    web: httpx2.Client, api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, {"value": 1.0}, {"value": 2.0})
    path = f"/explore/samples/void?metric_name={metric}&range=today"
    until = until_in(web.get(path))
    submit(api, metric, {"value": 4.0})
    old = datetime.now(UTC) - timedelta(days=2)
    for wrong in ({}, {"until": "then"}, {"until": old.isoformat()}):
        again = post(web, path, reason="Test orders", **wrong)
        assert again.status_code == 422
        assert "Samples 3 Sum 7" in text_of(again)
    assert post(web, path, reason="Test orders", until=until).status_code == 303
    assert [row["value"] for row in query(api, metric)["data"]] == [4.0]


def test_of_very_many_it_is_said_that_they_are_being_voided(
    service: Service, web: httpx2.Client, metric: str
) -> None:
    (number,) = submit(service.client, metric, {"value": 1.0})
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "INSERT INTO fature.sample_hourly (ts, id, series_id, value) "
            "SELECT ts - n * interval '1 s', 10^13::bigint * series_id + n, series_id, value "
            "FROM fature.sample_hourly, generate_series(1, 100000) AS n WHERE id = %s",
            [number],
        )
    path = f"/explore/samples/void?metric_name={metric}"
    answer = post(web, path, reason="Test orders", until=until_in(web.get(path)))
    assert answer.status_code == 303, answer.text
    shown = text_of(web.get(answer.headers["Location"]))
    assert "Samples that are being voided: 100,001. It takes minutes." in shown

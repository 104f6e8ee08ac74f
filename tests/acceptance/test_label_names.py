"""Names for the values of labels: an affiliate is shown by name, and found by it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx2
import pytest

from tests.acceptance.access import new_tenant, with_new_key
from tests.acceptance.reading import at, submit
from tests.acceptance.talk import places, refused
from tests.acceptance.web import signed_in, text_of

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
PATH = "/api/labels/affiliate_id"


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    with signed_in(api) as client:
        yield client


@pytest.fixture
def sold(api: httpx2.Client, metric: str) -> Iterator[str]:
    """Sales of three affiliates, one of which has a name."""
    submit(
        api,
        metric,
        *(
            at(YESTERDAY, value, affiliate_id=f"{metric}/{number}", service_name="shop")
            for number, value in enumerate((30.0, 20.0, 10.0))
        ),
    )
    value = f"{metric}/1"
    answer = api.put(f"{PATH}/{value}", json={"name": " Loja da Ana "})
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["name"] == "Loja da Ana"
    yield metric
    api.delete(f"{PATH}/{value}")


def test_names_are_listed_changed_and_taken_away(api: httpx2.Client, metric: str) -> None:
    for number in range(3):
        api.put(f"{PATH}/{metric}-{number}", json={"name": f"Shop {number}"})
    listed = []
    cursor = None
    while True:
        page = api.get(PATH, params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        listed += page["data"]
        if (cursor := page["next_cursor"]) is None:
            break
    mine = [one for one in listed if one["value"].startswith(metric)]
    assert [one["name"] for one in mine] == ["Shop 0", "Shop 1", "Shop 2"]
    changed = api.put(f"{PATH}/{metric}-1", json={"name": "Other"}).json()["data"]
    assert (changed["label"], changed["value"], changed["name"]) == (
        "affiliate_id",
        f"{metric}-1",
        "Other",
    )
    assert api.delete(f"{PATH}/{metric}-1").json()["data"]["name"] == "Other"
    refused(api.delete(f"{PATH}/{metric}-1"), 404)
    audit = api.get("/api/audit", params={"target": f"label:affiliate_id:{metric}-1"}).json()
    assert [one["action"] for one in audit["data"]] == ["label.unname", "label.name", "label.name"]


@pytest.mark.parametrize(
    ("label", "value", "body", "field"),
    [
        ("colour", "red", {"name": "Red"}, "label"),
        ("affiliate_id", "x" * 201, {"name": "Long"}, "value"),
        ("affiliate_id", "a", {"name": ""}, "name"),
        ("affiliate_id", "a", {"name": "x" * 201}, "name"),
        ("affiliate_id", "a", {"title": "A"}, "title"),
    ],
)
def test_what_is_no_name_is_refused(
    api: httpx2.Client, label: str, value: str, body: dict[str, str], field: str
) -> None:
    error = refused(api.put(f"/api/labels/{label}/{value}", json=body), 422)
    assert (None, field) in places(error)


def test_a_dimension_has_names(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(YESTERDAY))
    api.patch(f"/api/metrics/catalog/{metric}", json={"dimensions": [metric[-12:]]})
    answer = api.put(f"/api/labels/{metric[-12:]}/pix", json={"name": "Pix"})
    assert answer.status_code == 200, answer.text


def test_who_is_bound_to_a_service_sees_names_of_its_series(api: httpx2.Client, sold: str) -> None:
    for service, count in (("shop", 1), ("elsewhere", 0)):
        with with_new_key(api, "reader", service_name=service) as bound:
            names = bound.get(PATH, params={"limit": 10_000}).json()["data"]
            assert len([one for one in names if one["value"].startswith(sold)]) == count


def test_names_are_shown_in_place_of_ids(web: httpx2.Client, sold: str) -> None:
    params = {"metric_name": sold, "range": "last_7_days", "group_by": "affiliate_id"}
    page = web.get("/explore", params=params)
    (table,) = re.findall(r'(?s)<table class="ranking">(.*?)</table>', page.text)
    assert "Loja da Ana" in table
    assert f">{sold}/1<" not in table
    assert f">{sold}/0<" in table
    # The chart's line, and the filter's choice.
    assert re.search(r'"label": ?"Loja da Ana"', unescape(page.text))
    assert re.search(rf'<option value="{sold}/1"[^>]*>Loja da Ana', page.text)


def test_groups_and_choices_are_found_by_name(
    api: httpx2.Client, web: httpx2.Client, sold: str
) -> None:
    params = {"metric_name": sold, "group_by": "affiliate_id", "search": "da ana"}
    found = api.get("/api/metrics/breakdown", params=params).json()
    assert [row["affiliate_id"] for row in found["data"]] == [f"{sold}/1"]
    asked = {"metric_name": sold, "name": "affiliate_id", "filter.affiliate_id": "LOJA"}
    choices = web.get("/explore/choices", params=asked)
    assert re.findall(r'<option value="([^"]+)">([^<]+)', unescape(choices.text)) == [
        (f"{sold}/1", "Loja da Ana")
    ]
    assert "Loja da Ana" in text_of(web.get("/explore", params={**params, "search": "da ana"}))


def test_names_are_their_tenants_alone(api: httpx2.Client, sold: str) -> None:
    with new_tenant(api, f"t{sold[-10:]}") as other:
        assert other.get(PATH).json()["data"] == []
        refused(other.delete(f"{PATH}/{sold}/1"), 404)
        assert other.put(f"{PATH}/{sold}/1", json={"name": "Theirs"}).status_code == 200
    names = api.get(PATH, params={"limit": 10_000}).json()["data"]
    assert [one["name"] for one in names if one["value"] == f"{sold}/1"] == ["Loja da Ana"]

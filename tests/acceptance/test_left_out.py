"""Answers and pages say what they do not count or show, and which names nobody knows."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.acceptance.reading import aggregate, ask, at, figures, submit, submit_in_units
from tests.acceptance.talk import places, refused
from tests.acceptance.web import signed_in, text_of
from tests.clock import today

DAY = timedelta(days=1)
GROUPS = 30


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    with signed_in(api) as client:
        yield client


@pytest.fixture
def affiliates(api: httpx2.Client, metric: str) -> str:
    """A metric of thirty affiliates on three days, each with more than the one before."""
    samples = [
        at(today() - days * DAY, 10.0 * number, affiliate_id=f"a-{number:02}", unit="BRL")
        for number in range(1, GROUPS + 1)
        for days in range(3)
    ]
    submit(api, metric, *samples)
    return metric


def test_a_misspelt_metric_is_not_found_and_the_nearest_are_named(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, {})
    error = refused(ask(api, f"{metric}s"), 404)
    assert "did you mean" in error["message"]
    assert metric in error["message"].partition("did you mean")[2]
    error = refused(ask(api, "revenue_hourli", payment_method="pix"), 404)
    assert "revenue_hourly" in error["message"]
    error = refused(ask(api, "zzzzzzzzzzzzzzzzzzzzzzz.qqqq"), 404)
    assert "did you mean" not in error["message"]


def test_only_units_with_samples_in_the_range_are_several(api: httpx2.Client, metric: str) -> None:
    submit_in_units(
        api,
        metric,
        at(today(), 7.0, unit="BRL", frequency="daily"),
        at(today() - 40 * DAY, 5.0, unit="USD", frequency="daily"),
    )
    recent = {"start_date": str((today() - 7 * DAY).date())}
    answer = aggregate(api, metric, **recent)
    assert answer["unit"] == "BRL"
    assert [row["value"] for row in answer["data"]] == [7.0]
    old = {"end_date": str((today() - 30 * DAY).date())}
    assert aggregate(api, metric, **old)["unit"] == "USD"
    error = refused(ask(api, metric), 422)
    assert places(error) == [(None, "unit")]
    assert "BRL, USD" in error["message"]
    # A unit that is left out leaves no groups of its own behind.
    rows = aggregate(api, metric, group_by="unit", fill="zero", **recent)["data"]
    assert {row["unit"] for row in rows} <= {"BRL", "USD"}


def test_pages_take_the_unit_of_the_catalogue_and_say_what_they_leave_out(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    submit_in_units(
        api,
        metric,
        at(today(), 3.25, unit="BRL"),
        at(today(), 99.5, unit="USD"),
        at(today(), 98.5, unit="USD"),
    )
    page = web.get("/explore", params={"metric_name": metric, "range": "today"})
    assert "3.25" in text_of(page)
    assert "99.5" not in text_of(page)
    assert "without what is in USD" in text_of(page)


def test_the_explorer_shows_the_largest_groups_and_says_how_many_there_are(
    web: httpx2.Client, affiliates: str
) -> None:
    asked = {"metric_name": affiliates, "group_by": "affiliate_id", "range": "last_7_days"}
    page = web.get("/explore", params=asked)
    said = text_of(page)
    assert f"12 largest of {GROUPS} groups are drawn" in said
    assert f"a-{GROUPS}" in page.text
    # The smallest ones are in no row.
    assert '<th scope="col" class="number">a-05</th>' not in page.text
    assert '<th scope="col" class="number">a-07</th>' in page.text


def test_the_csv_of_the_explorer_has_every_group_and_period(
    web: httpx2.Client, affiliates: str
) -> None:
    asked = {"metric_name": affiliates, "group_by": "affiliate_id", "range": "last_7_days"}
    rows = list(csv.DictReader(io.StringIO(web.get("/explore.csv", params=asked).text)))
    assert len(rows) == 3 * GROUPS
    assert len({row["affiliate_id"] for row in rows}) == GROUPS


def test_what_is_compared_is_of_the_same_groups(api: httpx2.Client, web: httpx2.Client) -> None:
    """The largest groups of a range are compared with themselves, however small they were."""
    metric = f"compared.{datetime.now(UTC).timestamp():.6f}"
    now, before = today(), today() - 7 * DAY
    samples = [at(now, 1000.0 + n, affiliate_id=f"big-{n:02}", unit="BRL") for n in range(24)] + [
        at(before, 1.0, affiliate_id=f"big-{n:02}", unit="BRL") for n in range(24)
    ]
    samples += [at(before, 5000.0, affiliate_id=f"old-{n:02}", unit="BRL") for n in range(24)]
    submit(api, metric, *(sample | {"frequency": "daily"} for sample in samples))
    asked = {
        "metric_name": metric,
        "group_by": "affiliate_id",
        "range": "last_7_days",
        "compare": "previous_period",
        "period": "day",
    }
    page = web.get("/explore", params=asked)
    assert "big-23" in page.text
    assert 'class="number">old-' not in page.text
    assert "1.00" in text_of(page)


@pytest.mark.parametrize("limit", [1, 7, 45, 89])
def test_a_smaller_limit_keeps_the_newest_rows(
    api: httpx2.Client, affiliates: str, limit: int
) -> None:
    everything = aggregate(api, affiliates, group_by="affiliate_id")["data"]
    answer = aggregate(api, affiliates, group_by="affiliate_id", limit=limit)
    assert answer["data"] == everything[-limit:]
    assert answer["truncated"] is True


def test_very_many_choices_are_searched(api: httpx2.Client, web: httpx2.Client) -> None:
    metric = f"choices.{datetime.now(UTC).timestamp():.6f}"
    samples = [at(today(), 1.0, affiliate_id=f"loja {n:03}_%", unit="BRL") for n in range(130)]
    submit(api, metric, *samples)
    page = web.get("/explore", params={"metric_name": metric})
    assert 'list="values-affiliate_id"' in page.text
    asked = {"metric_name": metric, "name": "affiliate_id", "filter.affiliate_id": "A 12"}
    found = web.get("/explore/choices", params=asked)
    assert found.text.count("<option") == 10
    assert 'value="loja 125_%"' in found.text
    literal = web.get("/explore/choices", params=asked | {"filter.affiliate_id": "9_"})
    assert literal.text.count("<option") == 13
    chosen = web.get(
        "/explore", params={"metric_name": metric, "filter.affiliate_id": "loja 129_%"}
    )
    assert 'value="loja 129_%"' in chosen.text


def test_a_filled_answer_has_the_groups_that_count_alone(api: httpx2.Client, metric: str) -> None:
    submit_in_units(
        api,
        metric,
        at(today(), 1.0, unit="BRL", frequency="daily", region="SP"),
        at(today() - 60 * DAY, 1.0, unit="USD", frequency="daily", region="RJ"),
    )
    asked = {"start_date": str((today() - 2 * DAY).date()), "fill": "zero", "group_by": "region"}
    rows = aggregate(api, metric, **asked)["data"]
    assert {row["region"] for row in rows} == {"SP"}


def test_figures_of_few_and_of_all_groups_are_the_same(api: httpx2.Client, affiliates: str) -> None:
    by_group = aggregate(api, affiliates, group_by="affiliate_id")["data"]
    for period, total in figures(api, affiliates).items():
        assert sum(row["value"] for row in by_group if row["period"] == period) == total

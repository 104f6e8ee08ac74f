"""``GET /api/metrics/breakdown``: groups ranked, their shares, changes and others."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import pytest

from tests.acceptance.reading import at, submit, submit_in_units
from tests.acceptance.talk import places, refused

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
PATH = "/api/metrics/breakdown"


def noon(days_ago: int) -> datetime:
    """Noon of a day in UTC."""
    return (NOW - days_ago * DAY).replace(hour=12, minute=0, second=0, microsecond=0)


def day(days_ago: int) -> str:
    return f"{noon(days_ago):%Y-%m-%d}"


def break_down(api: httpx2.Client, metric: str, **params: Any) -> dict[str, Any]:
    answer = api.get(PATH, params={"metric_name": metric, "group_by": "region", **params})
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


def wrong_fields(answer: httpx2.Response) -> list[str | None]:
    return [field for _, field in places(refused(answer, 422))]


def regions(body: dict[str, Any], field: str = "value") -> dict[str | None, float | None]:
    return {row["region"]: row[field] for row in body["data"]}


@pytest.fixture
def sales(api: httpx2.Client, metric: str) -> str:
    """This week RS has nothing and AM is new; RJ doubled."""
    this = {"SP": 60.1, "RJ": 30.2, "AM": 9.7, None: 100.0}
    before = {"SP": 80.0, "RJ": 15.1, "RS": 5.0, None: 100.0}
    submit(api, metric, *(at(noon(2), value, region=name) for name, value in this.items()))
    submit(api, metric, *(at(noon(9), value, region=name) for name, value in before.items()))
    return metric


def test_the_largest_come_first_with_their_share_of_all(api: httpx2.Client, sales: str) -> None:
    body = break_down(api, sales, start_date=day(2), end_date=day(2))
    assert list(regions(body).items()) == [(None, 100.0), ("SP", 60.1), ("RJ", 30.2), ("AM", 9.7)]
    assert regions(body, "share") == {None: 0.5, "SP": 0.3005, "RJ": 0.151, "AM": 0.0485}
    assert body["total"]["value"] == 200.0
    assert (body["groups"], body["count"], body["next_cursor"]) == (4, 4, None)
    assert (body["others"]["groups"], body["others"]["value"]) == (0, None)
    assert (body["unit"], body["aggregation"], body["period"]) == (None, "sum", "day")
    assert regions(body, "change") == dict.fromkeys(regions(body))


@pytest.mark.parametrize(
    ("order", "first", "last"),
    [
        ("value", None, "RS"),
        ("-value", "RS", None),
        ("change", "RJ", "SP"),
        ("-change", "SP", "RJ"),
        ("-change_percent", "RS", "AM"),
        ("name", "AM", None),
        ("-name", None, "AM"),
    ],
)
def test_groups_come_in_the_order_that_is_asked_for(
    api: httpx2.Client, sales: str, order: str, first: str | None, last: str | None
) -> None:
    body = break_down(
        api, sales, start_date=day(2), end_date=day(2), compare="previous_week", order=order
    )
    names = list(regions(body))
    assert (names[0], names[-1]) == (first, last)


def test_a_change_is_against_the_same_a_week_before(api: httpx2.Client, sales: str) -> None:
    body = break_down(api, sales, start_date=day(2), end_date=day(2), compare="previous_week")
    assert body["baselines"] == [{"start": f"{day(9)}T00:00:00Z", "end": f"{day(8)}T00:00:00Z"}]
    assert regions(body, "change") == {None: 0, "SP": -19.9, "RJ": 15.1, "AM": 9.7, "RS": -5}
    assert regions(body, "change_percent") == {
        None: 0,
        "SP": -24.875,
        "RJ": 100,
        # There was nothing that it could be a percentage of.
        "AM": None,
        "RS": -100,
    }
    assert regions(body)["RS"] == 0
    total = body["total"]
    assert (total["value"], total["baseline"], total["change"]) == (200.0, 200.1, -0.1)


@pytest.mark.parametrize(
    ("compare", "days"),
    [
        ("previous_period", (3,)),
        ("previous_day", (1,)),
        ("previous_week", (7,)),
        ("average_4_weeks", (7, 14, 21, 28)),
    ],
)
def test_what_is_compared_with(
    api: httpx2.Client, metric: str, compare: str, days: tuple[int, ...]
) -> None:
    # Each day another power of two: the sum says which days are in it.
    submit(api, metric, *(at(noon(ago), float(2**ago), region="SP") for ago in range(35)))
    body = break_down(api, metric, start_date=day(4), end_date=day(2), compare=compare)
    sums = [sum(2.0 ** (ago + back) for ago in (2, 3, 4)) for back in days]
    assert regions(body, "baseline") == {"SP": sum(sums) / len(sums)}
    assert [one["start"][:10] for one in body["baselines"]] == [day(4 + back) for back in days]


def test_weeks_before_the_first_sample_are_none_of_the_average(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, *(at(noon(ago), 10.0, region="SP") for ago in (2, 9)))
    submit(api, metric, at(noon(16), 4.0, region="RJ"))
    body = break_down(api, metric, start_date=day(2), end_date=day(2), compare="average_4_weeks")
    assert regions(body, "baseline") == {"SP": 5.0, "RJ": 2.0}
    assert body["total"]["baseline"] == 7.0


def test_what_is_not_over_is_compared_with_as_much(api: httpx2.Client, metric: str) -> None:
    now = datetime.now(UTC)
    begun = now.replace(minute=0, second=0, microsecond=0)
    week = timedelta(days=7)
    submit(api, metric, at(now, 5.0, region="SP"))
    submit(
        api,
        metric,
        at(begun - week, 3.0, region="SP"),
        # The hour after that did not begin yet today.
        at(begun - week + timedelta(hours=1), 100.0, region="SP"),
    )
    body = break_down(api, metric, start_date=day(0), end_date=day(0), compare="previous_week")
    assert regions(body, "baseline") == {"SP": 3.0}


def test_pages_go_on_to_the_last_group(api: httpx2.Client, metric: str) -> None:
    values = {f"r{number:02}": float(number % 7) for number in range(23)}
    submit(api, metric, *(at(noon(2), value, region=name) for name, value in values.items()))
    for order in ("value", "-value", "name", "-name", "change"):
        params: dict[str, Any] = {"order": order, "limit": 5, "start_date": day(2)}
        if order == "change":
            params["compare"] = "previous_day"
        found: list[str] = []
        while True:
            body = break_down(api, metric, **params)
            found += [row["region"] for row in body["data"]]
            rest = set(values) - set(found)
            assert body["others"]["groups"] == len(rest)
            assert (body["others"]["value"] or 0) == sum(values[name] for name in rest)
            assert (body["total"]["value"], body["groups"]) == (sum(values.values()), 23)
            if body["next_cursor"] is None:
                break
            params["cursor"] = body["next_cursor"]
        assert len(found) == 23, order
        assert set(found) == set(values), order
        right = [values[name] for name in found]
        if order in ("value", "-value"):
            assert right == sorted(right, reverse=order == "value")
        elif order in ("name", "-name"):
            assert found == sorted(values, reverse=order == "-name")


def test_a_page_goes_on_behind_its_last_group_when_others_came(
    api: httpx2.Client, metric: str
) -> None:
    submit(api, metric, *(at(noon(2), 1.0, region=name) for name in "bdfh"))
    page = break_down(api, metric, order="name", limit=2)
    submit(api, metric, *(at(noon(2), 1.0, region=name) for name in "aceg"))
    following = break_down(api, metric, order="name", limit=9, cursor=page["next_cursor"])
    assert list(regions(following)) == ["e", "f", "g", "h"]


def test_groups_are_searched_without_losing_the_whole(api: httpx2.Client, sales: str) -> None:
    body = break_down(api, sales, start_date=day(2), end_date=day(2), search="r")
    assert list(regions(body)) == ["RJ"]
    assert (body["groups"], body["total"]["value"]) == (1, 200.0)
    assert body["data"][0]["share"] == 0.151


def test_ratios_have_no_share_and_the_mean_of_all_samples(api: httpx2.Client, metric: str) -> None:
    rows = [("SP", 10.0), ("SP", 10.0), ("SP", 10.0), ("RJ", 2.0)]
    submit(api, metric, *(at(noon(2), value, region=name) for name, value in rows))
    body = break_down(api, metric, aggregation="avg", start_date=day(2))
    assert regions(body) == {"SP": 10.0, "RJ": 2.0}
    assert body["total"]["value"] == 8.0
    assert regions(body, "share") == {"SP": None, "RJ": None}


def test_levels_that_ended_are_none_of_the_whole(api: httpx2.Client, metric: str) -> None:
    submit(
        api,
        metric,
        at(noon(2), 40.0, region="SP", metric_type="user_activity"),
        at(noon(2), 10.0, region="RJ", metric_type="user_activity"),
    )
    whole = break_down(api, metric, start_date=day(2), end_date=day(2))
    assert regions(whole, "share") == {"SP": 0.8, "RJ": 0.2}
    submit(api, metric, at(noon(1), 50.0, region="SP", metric_type="user_activity"))
    body = break_down(api, metric, start_date=day(2), end_date=day(1))
    assert regions(body) == {"SP": 50.0, "RJ": 10.0}
    assert body["total"]["value"] == 50.0
    assert regions(body, "share") == {"SP": None, "RJ": None}


def test_several_units_have_no_whole(api: httpx2.Client, metric: str) -> None:
    submit_in_units(api, metric, at(noon(2), 1.0, unit="BRL"), at(noon(2), 2.0, unit="USD"))
    body = break_down(api, metric, group_by="unit", start_date=day(2))
    assert {row["unit"]: row["value"] for row in body["data"]} == {"BRL": 1.0, "USD": 2.0}
    assert (body["total"]["value"], body["unit"]) == (None, None)
    assert wrong_fields(api.get(PATH, params={"metric_name": metric, "group_by": "region"})) == [
        "unit"
    ]
    samples = break_down(api, metric, aggregation="count", start_date=day(2))
    assert (samples["total"]["value"], regions(samples, "share")) == (2, {None: 1})


def test_monthly_samples_are_broken_down_by_month(api: httpx2.Client, metric: str) -> None:
    start = noon(40).replace(day=1)
    submit(api, metric, at(start, 7.0, region="SP", frequency="monthly"))
    body = break_down(api, metric, start_date=f"{start:%Y-%m-05}", end_date=f"{start:%Y-%m-06}")
    assert (regions(body), body["period"]) == ({"SP": 7.0}, "month")
    given = {"metric_name": metric, "group_by": "region", "period": "day"}
    assert wrong_fields(api.get(PATH, params=given)) == ["period"]


def test_hours_count_where_the_range_is_none_of_days(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(noon(2), 1.0, region="SP"), at(noon(2) + DAY / 24, 2.0, region="SP"))
    since = (noon(2) + DAY / 24).isoformat()
    body = break_down(api, metric, start_date=since)
    assert (regions(body), body["period"], body["start"]) == (
        {"SP": 2.0},
        "hour",
        since.replace("+00:00", "Z"),
    )


def test_nothing_has_no_groups(api: httpx2.Client, sales: str) -> None:
    body = break_down(api, sales, region="))  == [")
    assert (body["data"], body["groups"], body["total"]["value"]) == ([], 0, None)
    body = break_down(api, sales, start_date=day(1), end_date=day(1))
    assert (body["data"], body["groups"], body["total"]["value"]) == ([], 0, None)


def test_a_breakdown_as_csv(api: httpx2.Client, sales: str) -> None:
    params = {"metric_name": sales, "group_by": "region", "start_date": day(2), "limit": "2"}
    answer = api.get(PATH, params=params, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["region"], row["value"], row["share"]) for row in rows] == [
        ("", "100.0", "0.5"),
        ("SP", "60.1", "0.3005"),
    ]
    cursor = answer.headers["X-Next-Cursor"]
    rest = break_down(api, sales, start_date=day(2), limit=2, cursor=cursor)
    assert list(regions(rest)) == ["RJ", "AM"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"group_by": []}, "group_by"),
        ({"group_by": ["region", "service_name", "affiliate_id", "unit"]}, "group_by"),
        ({"group_by": ["colour"]}, "group_by"),
        ({"order": "size"}, "order"),
        ({"compare": "last_tuesday", "start_date": "2026-01-01"}, "compare"),
        ({"compare": "previous_week"}, "start_date"),
        ({"limit": 0}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"fill": "zero"}, "fill"),
    ],
)
def test_what_is_wrong_is_named(
    api: httpx2.Client, sales: str, params: dict[str, Any], field: str
) -> None:
    given = {"metric_name": sales, "group_by": ["region"], **params}
    assert field in wrong_fields(api.get(PATH, params=given))


def test_a_cursor_is_of_its_order_and_groups(api: httpx2.Client, sales: str) -> None:
    cursor = break_down(api, sales, limit=1)["next_cursor"]
    for other in ({"order": "name"}, {"group_by": ["region", "unit"]}):
        given = {"metric_name": sales, "group_by": "region", "cursor": cursor, **other}
        assert wrong_fields(api.get(PATH, params=given)) == ["cursor"]


def test_an_unknown_metric_is_named(api: httpx2.Client) -> None:
    answer = api.get(PATH, params={"metric_name": "revenue_hurly", "group_by": "region"})
    assert "revenue_hourly" in refused(answer, 404)["message"]

"""Durations, windows, recipients and the series a rule selects."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import RuleProblem
from alerts.figures import Bucket, alive, figure, merged, periods, trail
from alerts.recipients import Channel, kind_of, targets
from alerts.rule_problems import problems
from alerts.rule_rows import as_stored, from_row
from alerts.rules import Rule
from alerts.selection import Series, StoredRule, plan_of
from alerts.watched import CatalogueEntry, window_of
from sql.durations import (
    Calendar,
    Trailing,
    duration_text,
    parse_duration,
    parse_window,
)

NOW = datetime(2026, 3, 10, 12, 34, 56, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h", 3600), ("1d", 86400), ("1h30m", 5400), ("0", 0), (0, 0)],
)
def test_durations_are_read(text: object, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "1m1h", True, None, 1.5, "400d"])
def test_other_texts_are_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match=r"not a duration|At most"):
        parse_duration(text)


@given(st.integers(0, 366 * 86400))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


def test_windows_are_periods_or_trailing() -> None:
    assert parse_window("week") == Calendar("week")
    assert parse_window("1h") == Trailing(3600)
    assert [str(parse_window(text)) for text in ("day", "90m")] == ["day", "1h30m"]


@pytest.mark.parametrize(
    ("recipient", "kind"),
    [
        ("ops@fature.example", "email address"),
        ("https://hooks.example/x?y=1", "http(s) URL"),
        ("http://127.0.0.1:8080/", "http(s) URL"),
        ("+5511912345678", "E.164 number"),
        ("5511912345678", None),
        ("ftp://x.example", None),
        ("a@b@c", None),
        ("https://", None),
        ("http://x.example:99999/", None),
        ("", None),
    ],
)
def test_recipients_are_told_apart(recipient: str, kind: str | None) -> None:
    assert kind_of(recipient) == kind


@pytest.mark.parametrize(
    ("channels", "recipients", "expected"),
    [
        (["email"], [], [("email", "")]),
        (["email", "slack"], ["a@b.c"], [("email", "a@b.c"), ("slack", "")]),
        (["webhook"], ["http://a/", "http://b/"], [("webhook", "http://a/"), ("webhook", "http://b/")]),
        (["slack", "webhook"], ["http://a/", "https://hooks.slack.com/s"],
         [("slack", "https://hooks.slack.com/s"), ("webhook", "http://a/")]),
        (["slack"], ["http://a/"], [("slack", "http://a/")]),
        ([], [], []),
    ],
)  # fmt: skip
def test_each_recipient_goes_to_the_channel_that_takes_it(
    channels: list[Channel], recipients: list[str], expected: list[tuple[str, str]]
) -> None:
    assert list(targets(channels, recipients)) == expected


def rule_of(**fields: Any) -> Rule:
    smallest = {
        "rule_name": "r",
        "metric_name": "m",
        "condition": ">",
        "threshold_value": 1,
        "severity": "low",
    }
    return Rule.model_validate(smallest | fields)


@pytest.mark.parametrize(
    ("frequency", "window"),
    [("real_time", "5m"), ("hourly", "hour"), ("daily", "day"), ("monthly", "month")],
)
def test_the_window_follows_the_frequency(frequency: Any, window: str) -> None:
    assert str(window_of(rule_of(), CatalogueEntry(frequency=frequency))) == window


@pytest.mark.parametrize(
    ("frequency", "window", "fits"),
    [
        ("real_time", "1m", True),
        ("hourly", "59m", False),
        ("hourly", "1h", True),
        ("daily", "hour", False),
        ("daily", "12h", False),
        ("daily", "week", True),
        ("monthly", "day", False),
        ("monthly", "month", True),
    ],
)
def test_a_window_is_not_finer_than_the_frequency(frequency: Any, window: str, fits: bool) -> None:
    entry = CatalogueEntry(frequency=frequency)
    assert [one.field for one in problems(rule_of(window=window), entry)] == (
        [] if fits else ["window"]
    )


def test_how_a_metric_is_submitted_counts_more_than_the_catalogue() -> None:
    entry, rule = CatalogueEntry(frequency="daily"), rule_of(window="1h")
    assert list(problems(rule, entry, ["daily", "real_time"])) == []
    (found,) = problems(rule, CatalogueEntry(frequency="real_time"), ["monthly", "daily"])
    assert "which is submitted daily: use day or longer" in str(found.message)


def test_a_rule_is_stored_and_read_back() -> None:
    rule = rule_of(**{"for": "5m", "window": "1h", "repeat_interval": "4h", "group_by": ["unit"]})
    assert from_row(as_stored(rule)) == rule


def series(number: int, **labels: Any) -> Series:
    values: dict[str, Any] = {
        "unit": "BRL",
        "frequency": "hourly",
        "service_name": None,
        "affiliate_id": None,
        "region": None,
        "dimensions": {},
        "created_at": NOW,
    }
    return Series(series_id=number, **values | labels)


HOURLY = CatalogueEntry("flow", "sum", "hourly", ("payment_method",))


def test_groups_are_made_of_labels_and_dimensions() -> None:
    members = [
        series(1, region="SP", dimensions={"payment_method": "pix"}),
        series(2, region="SP", dimensions={"payment_method": "pix"}, affiliate_id="a"),
        series(3, region="RJ"),
    ]
    rule = rule_of(group_by=["region", "payment_method"])
    plan = plan_of(StoredRule(1, "default", 1, rule), HOURLY, members)
    assert [(dict(g.labels), list(g.sources.values())) for g in plan.groups] == [
        ({"region": "SP", "payment_method": "pix"}, [[1, 2]]),
        ({"region": "RJ", "payment_method": None}, [[3]]),
    ]


@pytest.mark.parametrize(
    ("entry", "is_of_health"),
    [
        (CatalogueEntry("stock", "last", "real_time"), True),
        # Somebody's own metric of that name.
        (CatalogueEntry("ratio", "avg", "real_time"), False),
        (CatalogueEntry("stock", "last", "hourly"), False),
        (CatalogueEntry("stock", "last", "real_time", unit="%"), False),
    ],
)
def test_only_what_services_report_is_judged_by_service_and_0_in_silence(
    entry: CatalogueEntry, is_of_health: bool
) -> None:
    rule = StoredRule(1, "default", 1, rule_of(metric_name="service_health"))
    members = [
        series(number, unit=entry.unit, frequency=entry.frequency, service_name=name)
        for number, name in enumerate(["payment", "search"])
    ]
    plan = plan_of(rule, entry, members)
    assert (len(plan.groups), plan.zero_when_silent) == ((2, True) if is_of_health else (1, False))


def test_filters_select_series() -> None:
    members = [series(1, region="SP"), series(2, region="RJ"), series(3)]
    plan = plan_of(StoredRule(1, "default", 1, rule_of(region="SP")), HOURLY, members)
    assert [list(g.sources.values()) for g in plan.groups] == [[[1]]]


def test_units_are_never_mixed_but_may_be_counted() -> None:
    members = [series(1), series(2, unit="USD")]
    with pytest.raises(RuleProblem, match=r"several units \(BRL, USD\)"):
        plan_of(StoredRule(1, "default", 1, rule_of()), HOURLY, members)
    plan_of(StoredRule(1, "default", 1, rule_of(aggregation="count")), HOURLY, members)
    grouped = plan_of(StoredRule(1, "default", 1, rule_of(group_by=["unit"])), HOURLY, members)
    assert len(grouped.groups) == 2


def test_figures_over_series() -> None:
    first = merged([Bucket(0.1, 1, 0.1, 0.1, 0.1), Bucket(0.2, 1, 0.2, 0.2, 0.2)])
    both = [first, Bucket(3.0, 2, 1.0, 2.0, 1.0)]
    found = {name: figure(name, both) for name in ("sum", "avg", "min", "max", "count", "last")}
    assert found == {"sum": 3.3, "avg": 0.825, "min": 0.1, "max": 2.0, "count": 4, "last": 1.2}


def test_a_series_has_ended_two_steps_before_the_newest() -> None:
    frequencies: dict[int, Any] = {1: "hourly", 2: "hourly", 3: "daily", 4: "hourly"}
    last = {1: NOW, 2: NOW - 3 * HOUR, 3: NOW - 47 * HOUR}
    assert alive(last, frequencies) == {1, 3}
    assert alive({}, frequencies) == {1, 2, 3, 4}


def test_a_period_settles_after_its_end() -> None:
    zone, noon = ZoneInfo("UTC"), datetime(2026, 3, 10, 12, tzinfo=UTC)
    early = periods(Calendar("hour"), noon + timedelta(minutes=9), zone, 600)
    assert (early.previous, early.current) == (noon - 2 * HOUR, noon - HOUR)
    assert list(early.unsettled) == [(noon - HOUR, noon), (noon, noon + HOUR)]
    settled = periods(Calendar("hour"), noon + timedelta(minutes=10), zone, 600)
    assert (settled.previous, list(settled.unsettled)) == (noon - HOUR, [(noon, noon + HOUR)])


def test_periods_follow_the_business_time_zone() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    around = periods(Calendar("day"), datetime(2026, 3, 10, 2, tzinfo=UTC), zone)
    assert around.previous == datetime(2026, 3, 8, 3, tzinfo=UTC)
    assert around.current == datetime(2026, 3, 9, 3, tzinfo=UTC)


def test_a_trailing_window_begins_within_a_bucket() -> None:
    found = trail(Trailing(3600), "hour", NOW, ZoneInfo("UTC"))
    assert found == (NOW - HOUR, NOW.replace(minute=0, second=0), found.edge + HOUR)


def test_a_trailing_window_of_whole_buckets_begins_with_one() -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    found = trail(Trailing(2 * 3600), "hour", noon, ZoneInfo("America/Sao_Paulo"))
    assert found == (noon - 2 * HOUR, noon - 2 * HOUR, noon + HOUR)

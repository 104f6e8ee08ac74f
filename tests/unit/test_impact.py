"""What events cost: the difference to what was expected while they lasted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from alerts.impact import Impact, filters_of, impact_of, lasted
from alerts.notification import Notification
from alerts.rendering import English
from alerts.wording import Wording
from service.runtime.rendering import renderer_of
from tests.alert_messages import OPENED, RESOLVED

UTC_ZONE = ZoneInfo("UTC")
HOUR = timedelta(hours=1)
TWO = datetime(2025, 6, 14, 14, tzinfo=UTC)
HOURS = [TWO + number * HOUR for number in range(3)]
IMPACT = Impact(
    difference=-4200.0,
    expected=9000.0,
    unit="BRL",
    since=TWO,
    until=TWO + HOUR,
    adds_up=True,
)


def event(**fields: Any) -> dict[str, Any]:
    usual = {
        "window_name": "hour",
        "window_start": TWO,
        "opened_at": TWO + timedelta(minutes=70),
        "resolved_at": None,
        "resolved_by": None,
    }
    return usual | fields


def test_of_what_adds_up_the_differences_are_added_and_silence_is_nothing() -> None:
    values = {HOURS[0]: 100.0, HOURS[2]: 900.0}
    expected = dict.fromkeys(HOURS, 1000.0)
    found = impact_of("sum", "BRL", HOURS, TWO + 3 * HOUR, values, expected)
    assert found == Impact(
        difference=-2000.0,
        expected=3000.0,
        unit="BRL",
        since=TWO,
        until=TWO + 3 * HOUR,
        adds_up=True,
    )


def test_of_means_the_difference_is_that_on_average_and_silence_is_unknown() -> None:
    values = {HOURS[0]: 300.0, HOURS[2]: 500.0}
    found = impact_of("avg", "ms", HOURS, TWO + 3 * HOUR, values, dict.fromkeys(HOURS, 250.0))
    assert found is not None
    assert (found.difference, found.expected, found.adds_up) == (150.0, 250.0, False)


def test_where_nothing_was_expected_there_is_no_impact() -> None:
    assert impact_of("sum", "BRL", HOURS, TWO + 3 * HOUR, {HOURS[0]: 1.0}, {}) is None
    partly = impact_of("sum", "BRL", HOURS, TWO + 3 * HOUR, {}, {HOURS[1]: 10.0})
    assert partly is not None
    assert partly.difference == -10.0


@pytest.mark.parametrize(
    ("fields", "now", "hours"),
    [
        ({}, TWO + timedelta(minutes=70), 1),
        ({}, TWO + timedelta(minutes=200), 3),
        # Fired in an hour that is not over.
        ({"opened_at": TWO + timedelta(minutes=20)}, TWO + timedelta(minutes=30), 0),
        # The hour from 16:00 was well again.
        ({"resolved_at": TWO + timedelta(minutes=190)}, TWO + 9 * HOUR, 2),
        ({"resolved_at": TWO + timedelta(minutes=190), "resolved_by": "Ana"}, TWO + 9 * HOUR, 3),
        ({"window_name": "5m"}, TWO + timedelta(minutes=130), 2),
        ({"window_name": "5m", "resolved_at": TWO + timedelta(minutes=123)}, TWO + 9 * HOUR, 2),
    ],
)
def test_an_event_lasts_for_whole_periods_until_it_was_well_again(
    fields: dict[str, Any], now: datetime, hours: int
) -> None:
    since, until = lasted(event(**fields), UTC_ZONE, now)
    assert since == TWO
    assert until - since == hours * HOUR


def test_days_are_those_of_the_business() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    start = datetime(2025, 6, 14, 3, tzinfo=UTC)
    daily = event(window_name="day", window_start=start, opened_at=start + 25 * HOUR)
    since, until = lasted(daily, zone, start + 50 * HOUR)
    assert since.astimezone(UTC) == start
    assert until.astimezone(UTC) == start + 48 * HOUR


def test_it_is_about_the_group_within_what_the_rule_watches() -> None:
    rule = {
        "service_name": "shop",
        "affiliate_id": None,
        "region": None,
        "unit": None,
        "filters": {"payment_method": "pix"},
    }
    wanted = {"service_name": "shop", "payment_method": "pix", "region": "SP"}
    assert filters_of({"region": "SP"}, rule) == wanted
    assert filters_of({"region": None}, rule) == {**wanted, "region": "(none)"}
    assert filters_of({"plan": None}, rule) is None


def headline(notification: Notification, language: str = "en") -> str:
    renderer = English() if language == "en" else renderer_of(language, UTC_ZONE)
    return Wording(notification, renderer).headline


def test_a_notification_says_the_difference_and_since_when() -> None:
    # In São Paulo it is 11:00.
    told = replace(OPENED, impact=IMPACT)
    assert headline(told).endswith(" 4,200 BRL less than expected since 11:00.")
    brazilian = headline(told, "pt-BR").replace("\N{NO-BREAK SPACE}", " ")
    assert brazilian.endswith(" R$ 4.200,00 a menos que o esperado desde 11:00.")


def test_what_began_another_day_is_told_with_its_date() -> None:
    told = replace(OPENED, impact=replace(IMPACT, since=TWO - 24 * HOUR))
    assert headline(told).endswith(" since 2025-06-13 11:00.")


def test_a_resolve_says_from_when_to_when_and_means_are_on_average() -> None:
    slow = replace(IMPACT, difference=62.0, unit="ms", adds_up=False)
    told = replace(RESOLVED, impact=slow)
    assert headline(told).endswith(" on average 62 ms more than expected from 11:00 to 12:00.")


def test_what_was_as_expected_is_not_said() -> None:
    assert headline(replace(OPENED, impact=replace(IMPACT, difference=0.0))) == headline(OPENED)

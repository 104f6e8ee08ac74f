"""Rules of where a window will end: what came so far and the forecast of the rest."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from alerts.bands import Values, period_starts
from alerts.baselines import Stretch
from alerts.decision import INACTIVE, Compared, Observation, Reading, next_state
from alerts.expectation.projection import Ahead
from alerts.facts import facts
from alerts.outlook import foreseen, history_before, origin_of, outlook_of, so_far, whole_window
from alerts.rendering import English
from alerts.rule_problems import problems
from alerts.rules import Rule
from alerts.selection import watch_of
from alerts.watch import Watch
from alerts.watched import CatalogueEntry
from alerts.wording import Wording
from service.runtime.rendering import renderer_of
from sql.vocabulary import Frequency
from tests.alert_messages import OPENED

pytestmark = pytest.mark.one_engine

UTC_ZONE, SAO_PAULO = ZoneInfo("UTC"), ZoneInfo("America/Sao_Paulo")
DAY = timedelta(days=1)
# A Tuesday.
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MONTH = Stretch(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def forecast(**fields: Any) -> Rule:
    given = {
        "rule_name": "r",
        "metric_name": "m",
        "type": "forecast",
        "condition": "<",
        "threshold_value": 50_000,
        "severity": "low",
    }
    return Rule.model_validate(given | fields)


def watch(**fields: Any) -> Watch:
    return watch_of(forecast(aggregation="sum", **fields), None)


@pytest.mark.parametrize(
    ("window", "zone", "start", "end"),
    [
        ("month", UTC_ZONE, "2026-03-01T00:00", "2026-03-10T00:00"),
        ("week", UTC_ZONE, "2026-03-09T00:00", "2026-03-10T00:00"),
        ("day", UTC_ZONE, "2026-03-10T00:00", "2026-03-10T12:00"),
        ("month", SAO_PAULO, "2026-03-01T03:00", "2026-03-10T03:00"),
    ],
)
def test_so_far_whole_periods_of_the_window_count(
    window: str, zone: ZoneInfo, start: str, end: str
) -> None:
    found = so_far(watch(window=window), NOON, zone)
    assert [f"{one:%Y-%m-%dT%H:%M}" for one in found] == [start, end]


def test_a_period_counts_once_it_has_settled() -> None:
    midnight = NOON.replace(hour=0)
    assert so_far(watch(), midnight, UTC_ZONE, 600.0).end == midnight - DAY
    assert so_far(watch(), midnight + timedelta(minutes=10), UTC_ZONE, 600.0).end == midnight


def test_at_its_beginning_nothing_came_of_a_window() -> None:
    assert so_far(watch(), MONTH.start, UTC_ZONE) == (MONTH.start, MONTH.start)
    assert whole_window(watch(), Stretch(MONTH.start, MONTH.start), UTC_ZONE) == MONTH


def test_a_forecast_by_hours_is_made_at_the_beginning_of_the_day() -> None:
    assert origin_of(watch(window="day"), NOON, UTC_ZONE) == NOON.replace(hour=0)
    assert origin_of(watch(), MONTH.start + 9 * DAY, UTC_ZONE) == MONTH.start + 9 * DAY


def reading(value: float | None, end: datetime = MONTH.start + 10 * DAY) -> Reading:
    return Reading(value, MONTH.start, end, "BRL")


REST = Ahead((1000.0, 1000.0), (800.0, 800.0), (1300.0, 1300.0))


def test_the_figure_is_what_came_and_the_forecast_of_the_rest() -> None:
    found = foreseen(watch(), reading(20_000.0), MONTH, REST)
    assert (found.value, found.start, found.end, found.unit) == (22_000.0, *MONTH, "BRL")
    compared = found.compared
    assert compared is not None
    assert (compared.figure, compared.is_forecast) == (20_000.0, True)
    assert compared.lower is not None
    assert compared.upper is not None
    # The misses of two days partly even out.
    assert 21_600 < compared.lower < 22_000 < compared.upper < 22_600


@pytest.mark.parametrize(
    ("value", "end", "ahead", "seen"),
    [
        # Too short a past: a figure, and nothing to judge it by.
        (20_000.0, MONTH.start + DAY, None, (None, 20_000.0)),
        # Silence of what never was is no data.
        (None, MONTH.start + DAY, REST, (None, None)),
        # At the beginning of a month all is still to come.
        (None, MONTH.start, REST, (2000.0, 0.0)),
    ],
)
def test_what_is_not_known_is_not_judged(
    value: float | None, end: datetime, ahead: Ahead | None, seen: tuple[float | None, ...]
) -> None:
    found = foreseen(watch(), reading(value, end), MONTH, ahead)
    assert (found.value, found.compared and found.compared.figure) == seen


def test_a_mean_that_nothing_came_of_is_not_judged() -> None:
    its = watch_of(forecast(aggregation="avg", no_data="alert"), None)
    beginning = foreseen(its, reading(None, MONTH.start), MONTH, REST)
    assert beginning.value is None
    assert next_state(its, INACTIVE, Observation(beginning), NOON) == (INACTIVE, [])
    silence = foreseen(its, reading(None, MONTH.start + DAY), MONTH, REST)
    assert [one.change for one in next_state(its, INACTIVE, Observation(silence), NOON)[1]] == [
        "opened"
    ]


def test_too_short_a_past_fires_whatever_no_data_says() -> None:
    its = watch(no_data="alert")
    unknown = foreseen(its, reading(20_000.0), MONTH, None)
    assert next_state(its, INACTIVE, Observation(unknown), NOON) == (INACTIVE, [])


def known(values: Sequence[float], until: datetime) -> Values:
    starts = period_starts(until - len(values) * DAY, until, "day", UTC_ZONE)
    return Values(starts, list(values))


def test_a_week_like_another_goes_on_to_the_end_of_the_month() -> None:
    week = (100.0, 110.0, 90.0, 120.0, 130.0, 40.0, 30.0)
    origin = MONTH.start + 9 * DAY
    since = origin - 112 * DAY
    values = [week[(since + number * DAY).weekday()] for number in range(112)]
    made = outlook_of(known(values, origin), watch(), MONTH, UTC_ZONE)
    assert made is not None
    assert (made.starts[0], len(made.starts)) == (origin, 22)
    rest = [week[one.weekday()] for one in made.starts]
    assert made.ahead.values == pytest.approx(rest, rel=0.02)
    assert len(made.since(origin + 20 * DAY).values) == 2
    assert outlook_of(known(values[:20], origin), watch(), MONTH, UTC_ZONE) is None


def test_the_past_that_is_used_is_the_same_whenever_it_is_asked_for() -> None:
    origin = MONTH.start + 9 * DAY
    assert history_before(watch(), origin, UTC_ZONE) == origin - 1095 * DAY
    assert history_before(watch(window="day"), origin, UTC_ZONE) == origin - 90 * DAY


def test_an_event_opens_by_the_forecast_and_says_it() -> None:
    its = watch()
    low = foreseen(its, reading(20_000.0), MONTH, REST)
    state, (opened,) = next_state(its, INACTIVE, Observation(low), NOON)
    assert (state.phase, state.peak) == ("open", 22_000.0)
    assert str(opened.reason).startswith("sum of m is forecast to be 22000 BRL (21")
    assert "at the end of the month, 20000 BRL so far: below 50000" in str(opened.reason)


NOTIFIED = replace(
    OPENED,
    metric_name="revenue_daily",
    condition="<",
    threshold_value=50_000.0,
    aggregation="sum",
    window="month",
    value=48_000.0,
    unit="BRL",
    group={},
    window_start=datetime(2026, 3, 1, 3, tzinfo=UTC),
    window_end=datetime(2026, 4, 1, 3, tzinfo=UTC),
    compared=Compared(21_000.0, None, "BRL", lower=45_000.0, upper=51_000.0),
)


def test_a_notification_says_the_figure_its_band_and_what_came_so_far() -> None:
    said = Wording(NOTIFIED, English())
    assert said.headline == (
        "The total of revenue_daily is forecast to be 48,000 BRL (45,000 to 51,000) for 2026-03, "
        "the month (America/Sao_Paulo), with 21,000 BRL so far: below 50,000 BRL."
    )
    assert ("So far", "21,000 BRL") in facts(said)
    assert ("Forecast between", "45,000 to 51,000") in facts(said)
    portuguese = Wording(NOTIFIED, renderer_of("pt-BR", UTC_ZONE)).headline
    assert "com R$" in portuguese
    assert "até agora" in portuguese


@pytest.mark.parametrize(
    ("window", "frequency", "problem"),
    [
        (None, "daily", None),
        ("day", "hourly", None),
        ("week", "real_time", None),
        ("hour", "hourly", "judge day, week, month"),
        ("5m", "real_time", "judge day, week, month"),
        ("day", "daily", "forecast by hour"),
        ("month", "monthly", "forecast by day"),
        ("week", "monthly", "finer than m"),
    ],
)
def test_windows_are_those_with_finer_periods(
    window: str | None, frequency: Frequency, problem: str | None
) -> None:
    entry = CatalogueEntry("flow", "sum", frequency)
    found = list(problems(forecast(window=window), entry))
    assert [one.field for one in found] == (["window"] if problem else [])
    assert problem is None or problem in str(found[0].message)


def test_a_forecast_needs_a_threshold_and_compares_with_nothing() -> None:
    assert str(watch().window) == "month"
    for fields in ({"threshold_value": None}, {"compare": "previous_day"}, {"direction": "below"}):
        with pytest.raises(ValidationError):
            forecast(**fields)

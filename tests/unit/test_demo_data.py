"""The demo data: believable, whole, and the same however often it is made."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import fmean
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from service.commands.demo.health import health_reports
from service.commands.demo.history import backtests
from service.commands.demo.ledger import ledger
from service.commands.demo.live import go_on
from service.commands.demo.load import demo_slices, load_demo
from service.commands.demo.platform import HOUR
from service.commands.submission.submit import Sample, Sent
from service.commands.submission.windows import Windows
from sql.vocabulary import Frequency

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 3, 10, 17, 42, 13, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOWS = Windows(
    {"real_time": 6 * DAY, "hourly": 87 * DAY, "daily": 700 * DAY, "monthly": 1750 * DAY}
)
# A few days are enough where the amount of data is not the point.
NARROW = Windows(
    {"real_time": 4 * DAY, "hourly": 7 * DAY, "daily": 30 * DAY, "monthly": 1750 * DAY}
)
UNITS = {
    "revenue_hourly": "BRL", "revenue_daily": "BRL", "revenue_monthly": "BRL",
    "average_order_value": "BRL", "commission_paid": "BRL", "commission_pending": "BRL",
    "commission_rate": "%", "top_affiliates_revenue": "BRL", "active_users": "users",
    "new_registrations": "users", "user_retention_rate": "%", "session_duration": "s",
    "conversion_rate": "%", "funnel_completion": "%", "bounce_rate": "%",
    "click_through_rate": "%", "api_response_time": "ms", "error_rate": "%",
    "throughput": "requests/s", "database_query_time": "ms", "chests_opened": "count",
    "rewards_distributed": "count", "user_engagement_score": "points",
    "achievement_completion": "%", "indication_validations": "count",
    "validation_success_rate": "%", "fraud_detection_rate": "%",
    "manual_review_required": "count",
}  # fmt: skip


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [sample for each in demo_slices(NOW, SAO_PAULO, WINDOWS) for sample in each]


def at(sample: Sample) -> datetime:
    return datetime.fromisoformat(str(sample["timestamp"]))


def value(sample: Sample) -> float:
    return float(str(sample["value"]))


def local_day(sample: Sample) -> date:
    return at(sample).astimezone(SAO_PAULO).date()


def named(samples: Iterable[Sample], name: str) -> list[Sample]:
    return [each for each in samples if each["metric_name"] == name]


def sums(samples: Iterable[Sample]) -> dict[date, Decimal]:
    """Exact sum by local day."""
    found: dict[date, Decimal] = defaultdict(Decimal)
    for each in samples:
        found[local_day(each)] += Decimal(str(each["value"]))
    return dict(found)


def hourly_totals(samples: Iterable[Sample]) -> dict[datetime, float]:
    found: dict[datetime, float] = defaultdict(float)
    for each in samples:
        found[at(each)] += value(each)
    return dict(found)


def test_all_28_metrics_are_there_in_their_units(samples: list[Sample]) -> None:
    assert {str(each["metric_name"]): each["unit"] for each in samples} == UNITS
    assert len(UNITS) == 28
    assert 150_000 <= len(samples) <= 250_000


def test_every_sample_is_one_the_service_accepts(samples: list[Sample]) -> None:
    for each in samples:
        assert WINDOWS.oldest(cast(Frequency, each["frequency"]), NOW) <= at(each) <= NOW
        assert value(each) >= 0
        assert each["unit"] != "%" or value(each) <= 100


def test_no_sample_comes_twice(samples: list[Sample]) -> None:
    identities = Counter(json.dumps({**each, "value": None}, sort_keys=True) for each in samples)
    assert identities.most_common(1)[0][1] == 1


def test_the_same_moment_makes_the_same_data() -> None:
    first = list(demo_slices(NOW, SAO_PAULO, NARROW))
    ledger.cache_clear()
    assert list(demo_slices(NOW, SAO_PAULO, NARROW)) == first


@pytest.mark.parametrize("later", [timedelta(minutes=20), timedelta(hours=9), timedelta(hours=23)])
def test_a_later_run_adds_slices_and_never_part_of_an_earlier_one(later: timedelta) -> None:
    """Else the service would count those samples a second time."""
    first = list(demo_slices(NOW, SAO_PAULO, NARROW))
    second = list(demo_slices(NOW + later, SAO_PAULO, NARROW))
    known = {json.dumps(each) for each in first}
    before = {_identity(each) for one in first for each in one}
    new = [each for one in second if json.dumps(one) not in known for each in one]
    assert new
    assert not [each for each in new if _identity(each) in before]


def _identity(sample: Sample) -> str:
    return json.dumps({**sample, "value": None}, sort_keys=True)


def test_a_day_of_revenue_is_the_sum_of_its_hours_to_the_cent(samples: list[Sample]) -> None:
    hours = sums(named(samples, "revenue_hourly"))
    days = sums(named(samples, "revenue_daily"))
    both = hours.keys() & days.keys()
    assert len(both) >= 80
    assert {day: hours[day] for day in both} == {day: days[day] for day in both}


def test_a_month_of_revenue_is_the_sum_of_its_days_to_the_cent(samples: list[Sample]) -> None:
    days = sums(named(samples, "revenue_daily"))
    months = sums(named(samples, "revenue_monthly"))
    assert sorted(months) == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    february = [total for day, total in days.items() if (day.year, day.month) == (2026, 2)]
    assert len(february) == 28
    assert months[date(2026, 2, 1)] == sum(february)


def test_the_span_is_ninety_days_up_to_the_last_whole_period(samples: list[Sample]) -> None:
    daily = {local_day(each) for each in named(samples, "revenue_daily")}
    assert (min(daily), max(daily), len(daily)) == (date(2025, 12, 10), date(2026, 3, 9), 90)
    assert max(map(at, named(samples, "revenue_hourly"))) == datetime(2026, 3, 10, 16, tzinfo=UTC)
    newest = max(map(at, named(samples, "api_response_time")))
    assert NOW - newest < timedelta(minutes=20)


def test_live_metrics_are_every_five_minutes_lately_and_hourly_before(
    samples: list[Sample],
) -> None:
    times: dict[object, set[datetime]] = defaultdict(set)
    for each in named(samples, "api_response_time"):
        times[each["frequency"]].add(at(each))
    live, hourly = sorted(times["real_time"]), sorted(times["hourly"])
    assert {after - before for before, after in pairwise(live)} == {timedelta(minutes=5)}
    assert {after - before for before, after in pairwise(hourly)} == {timedelta(hours=1)}
    assert hourly[-1] + timedelta(hours=1) == live[0]
    assert 2 * DAY <= NOW - live[0] <= 3 * DAY


def test_nights_are_quiet_weekends_weaker_and_the_platform_grows(samples: list[Sample]) -> None:
    hours = hourly_totals(named(samples, "revenue_hourly"))
    clock: dict[int, list[float]] = defaultdict(list)
    for hour, total in hours.items():
        clock[hour.astimezone(SAO_PAULO).hour].append(total)
    assert fmean(clock[20]) > 1.7 * fmean(clock[4])
    days = {day: float(total) for day, total in sums(named(samples, "revenue_daily")).items()}
    weekend = fmean(total for day, total in days.items() if day.weekday() >= 5)
    week = fmean(total for day, total in days.items() if day.weekday() < 5)
    assert weekend < 0.95 * week
    ordered = [days[day] for day in sorted(days)]
    assert fmean(ordered[-42:]) > 1.02 * fmean(ordered[:42])


def test_incidents_are_rare_and_stand_out(samples: list[Sample]) -> None:
    hours = hourly_totals(named(samples, "revenue_hourly"))
    dips = [hour for hour, total in hours.items() if total < 1500]
    assert 3 <= len(dips) <= 12
    answers: dict[datetime, list[float]] = defaultdict(list)
    for each in named(samples, "api_response_time"):
        answers[at(each)].append(value(each))
    slow = [moment for moment, values in answers.items() if fmean(values) > 250]
    assert 1 <= len(slow) <= 30
    conversion: dict[datetime, list[float]] = defaultdict(list)
    for each in named(samples, "conversion_rate"):
        conversion[at(each)].append(value(each))
    weak = [moment for moment, values in conversion.items() if fmean(values) < 3]
    assert set(weak) == set(dips)
    assert min(value(each) for each in named(samples, "active_users")) > 75


def test_revenue_has_payment_methods_and_regions(samples: list[Sample]) -> None:
    revenue = named(samples, "revenue_hourly")
    methods = {str(each["metadata"]) for each in revenue}
    assert len(methods) == 3
    assert {"SP", "RJ", "MG", "RS", "BA", "PR"} <= {str(each["region"]) for each in revenue}
    assert len({each["affiliate_id"] for each in named(samples, "commission_paid")}) == 6


def test_affiliates_bring_most_of_the_revenue_and_their_days_add_up(samples: list[Sample]) -> None:
    """An affiliate's figure at the end of a day is the sum of its hours, to the cent."""
    hours: dict[tuple[object, date], Decimal] = defaultdict(Decimal)
    for each in named(samples, "revenue_hourly"):
        hours[each.get("affiliate_id"), local_day(each)] += Decimal(str(each["value"]))
    days = {
        (each["affiliate_id"], local_day(each)): Decimal(str(each["value"]))
        for each in named(samples, "top_affiliates_revenue")
    }
    both = hours.keys() & days.keys()
    assert len(both) >= 6 * 80
    assert {key: hours[key] for key in both} == {key: days[key] for key in both}
    direct = sum((total for key, total in hours.items() if key[0] is None), Decimal())
    assert 0.25 < direct / sum(hours.values(), Decimal()) < 0.35


def test_what_comes_later_is_what_a_later_run_adds() -> None:
    """So that a demo that goes on and one that is run again never count a sample twice."""
    later = NOW + timedelta(hours=10)
    first = {json.dumps(each) for each in demo_slices(NOW, SAO_PAULO, NARROW)}
    second = [json.dumps(each) for each in demo_slices(later, SAO_PAULO, NARROW)]
    went_on = [json.dumps(each) for each in demo_slices(later, SAO_PAULO, NARROW, since=NOW)]
    kinds = {json.loads(each)[0]["frequency"] for each in went_on}
    assert kinds == {"real_time", "hourly", "daily"}
    # The hours of a day that is no longer live come with another run alone.
    by_hour = [each for each in second if each not in first and each not in went_on]
    assert {json.loads(each)[0]["metric_name"] for each in by_hour} <= {"api_response_time"}
    assert set(went_on) <= set(second)
    assert not first & set(went_on)


def test_services_are_well_but_for_incidents() -> None:
    reports = [
        report
        for days in range(40)
        for hour in (4, 18, 23)
        for report in health_reports(NOW.replace(hour=hour, minute=30) + days * DAY, SAO_PAULO)
    ]
    states = Counter((report["service_name"], report["status"]) for report in reports)
    assert states["api-gateway", "healthy"] > 110
    assert states["payment-service", "unhealthy"] >= 1
    assert states["gamification-service", "degraded"] > 60
    for report in reports:
        for ratio in ("error_rate", "cpu_usage", "memory_usage"):
            assert 0 <= float(str(report[ratio])) <= 1


def test_going_on_reports_health_and_sends_what_is_new_until_it_is_stopped() -> None:
    sent: list[Sample] = []
    reports: list[dict[str, object]] = []
    clock = iter([NOW + timedelta(seconds=30), NOW + timedelta(minutes=6)])

    def submit(slices: Iterable[Sequence[Sample]]) -> None:
        sent.extend(sample for each in slices for sample in each)

    def sleep(_: float) -> None:
        if len(reports) == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go_on(
            NOW,
            timezone=SAO_PAULO,
            windows=NARROW,
            submit=submit,
            report_health=reports.append,
            clock=lambda: next(clock),
            sleep=sleep,
        )
    assert {at(each) for each in sent} == {datetime(2026, 3, 10, 17, 45, tzinfo=UTC)}
    assert {each["frequency"] for each in sent} == {"real_time"}


RULE = {"id": 7, "rule_name": "low", "metric_name": "revenue_hourly", "for": 0, "version": 3}


def test_the_past_has_the_events_of_a_backtest_that_are_over() -> None:
    opened = NOW - timedelta(hours=9)
    over = {
        "group": {}, "value": 900.0, "peak_value": 700.0, "unit": "BRL",
        "window_start": opened.isoformat(), "window_end": opened.isoformat(),
        "opened_at": opened.isoformat(), "resolved_at": (opened + 3 * HOUR).isoformat(),
    }  # fmt: skip
    backtest: dict[str, object] = {
        "aggregation": "sum", "window": "hour", "events": [over, over | {"resolved_at": None}],
    }  # fmt: skip
    asked: list[dict[str, object]] = []

    def test(rule: dict[str, object]) -> dict[str, object] | None:
        asked.append(rule)
        return backtest if rule["metric_name"] == "revenue_hourly" else None

    found = backtests([RULE, RULE | {"metric_name": "other"}], test, SAO_PAULO)
    assert [(one["rule_id"], one["value"]) for one in found] == [(7, 900.0)]
    assert asked[0] == {
        "rule_name": "low", "metric_name": "revenue_hourly", "for": 0, "days": 90,
    }  # fmt: skip


def test_a_service_that_accepts_less_gets_less() -> None:
    windows = Windows({"real_time": DAY, "hourly": 7 * DAY, "daily": 30 * DAY, "monthly": DAY})
    times: dict[Frequency, list[datetime]] = defaultdict(list)
    for each in demo_slices(NOW, SAO_PAULO, windows):
        for sample in each:
            times[cast(Frequency, sample["frequency"])].append(at(sample))
    assert set(times) == {"real_time", "hourly", "daily"}
    assert all(min(found) >= windows.oldest(name, NOW) for name, found in times.items())


def test_a_day_of_changing_clocks_has_its_25_hours() -> None:
    berlin, now = ZoneInfo("Europe/Berlin"), datetime(2026, 10, 26, 12, tzinfo=UTC)
    hours = {
        at(sample)
        for each in demo_slices(now, berlin, NARROW)
        for sample in named(each, "session_duration")
        if at(sample).astimezone(berlin).date() == date(2026, 10, 25)
    }
    assert len(hours) == 25


def test_the_newest_hour_is_there_before_any_other() -> None:
    """Else an alert rule takes it for an hour without sales meanwhile."""
    sent: list[Sample] = []

    def submit(slices: Iterable[Sequence[Sample]], total: int) -> Sent:
        sent.extend(sample for each in slices for sample in each)
        return Sent(total, 0)

    load_demo(
        now=NOW, timezone=SAO_PAULO, windows=NARROW, submit=submit, report_health=lambda _: None
    )
    hours = [at(sample) for sample in named(sent, "revenue_hourly")]
    assert hours[0] == datetime(2026, 3, 10, 16, tzinfo=UTC)
    assert hours == sorted(hours, reverse=True)


def test_loading_sends_everything_and_reports_every_service(
    capsys: pytest.CaptureFixture[str],
) -> None:
    taken: list[Sample] = []
    reports: list[dict[str, object]] = []

    def submit(slices: Iterable[Sequence[Sample]], total: int) -> Sent:
        taken.extend(sample for each in slices for sample in each)
        return Sent(total, 1000)

    load_demo(
        now=NOW, timezone=SAO_PAULO, windows=NARROW, submit=submit, report_health=reports.append
    )
    printed = capsys.readouterr().out
    assert f"loaded {len(taken):,} samples of 90 days" in printed
    assert "1,000 of them were there already" in printed
    assert len({report["service_name"] for report in reports}) == len(reports) == 6

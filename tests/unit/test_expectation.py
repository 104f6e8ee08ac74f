"""Profiles of what is normal: what they expect of plain, odd and short histories."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.expectation.days import check_country, special_days
from alerts.expectation.fitting import History, fit, walk
from alerts.expectation.profile import from_json
from alerts.expectation.sensitivity import RARITIES
from sql import calendar
from sql.calendar import LongPeriod

pytestmark = pytest.mark.one_engine

ZONE = ZoneInfo("America/Sao_Paulo")
SINCE = datetime(2026, 1, 5, tzinfo=ZONE)
MEDIUM = RARITIES["medium"]

Values = NDArray[np.float64]


def starts(count: int, period: LongPeriod = "hour", since: datetime = SINCE) -> list[datetime]:
    """The starts of so many periods."""
    found, start = [], since.astimezone(UTC)
    for _ in range(count):
        found.append(start)
        start = calendar.following(start, period, ZONE).astimezone(UTC)
    return found


def history(values: Sequence[float] | Values, period: LongPeriod = "hour") -> History:
    """Of values from a Monday on."""
    return History(period, ZONE, starts(len(values), period), list(values))


def shop(days: int, seed: int = 1) -> Values:
    """A shop that sleeps at night, and sells less at weekends."""
    chance = np.random.default_rng(seed)
    hours = np.exp(-(((np.arange(24) - 15) / 5.0) ** 2))
    week = np.array([1, 1, 1.1, 1.1, 1.3, 0.8, 0.6])
    rows = np.outer(week[np.arange(days) % 7], hours) * 5000
    rows *= np.exp(chance.normal(0, 0.06, rows.shape))
    return np.asarray(rows.ravel(), dtype=np.float64)


def test_expects_of_an_hour_what_is_usual_at_that_hour_of_that_day() -> None:
    made = walk(history(shop(70)))
    assert made is not None
    usual = shop(70, seed=2)
    late = slice(56 * 24, None)
    off = np.abs(made.expected[late] - usual[late]) / 5000
    assert off.mean() < 0.05
    lower, upper = made.band(0.9)
    covered = (shop(70)[late] >= lower[late]) & (shop(70)[late] <= upper[late])
    assert 0.82 < covered.mean() < 0.97


def test_what_was_expected_never_changes_when_later_values_do() -> None:
    values = shop(50)
    later = values.copy()
    moment = 30 * 24 + 5
    later[moment:] = later[moment:] * -3 + 70
    one, other = walk(history(values)), walk(history(later))
    cut = walk(history(values[: moment + 1]))
    assert one is not None
    assert other is not None
    assert cut is not None
    known = slice(0, moment + 1)
    for made in (other, cut):
        assert np.array_equal(one.expected[known], made.expected[known], equal_nan=True)
        for mine, theirs in zip(one.band(0.9), made.band(0.9), strict=True):
            assert np.array_equal(mine[known], theirs[known], equal_nan=True)
        for mine, theirs in zip(one.edges(MEDIUM), made.edges(MEDIUM), strict=True):
            assert np.array_equal(mine[known], theirs[known], equal_nan=True)


def test_a_profile_goes_on_as_the_walk_does() -> None:
    values = shop(43)
    whole, profile = walk(history(values)), fit(history(values[: 42 * 24]))
    assert whole is not None
    assert profile is not None
    day = slice(42 * 24, None)
    made = profile.expect(starts(43 * 24)[day], values[day])
    assert made.expected == pytest.approx(whole.expected[day])
    for mine, theirs in zip(made.edges(MEDIUM), whole.edges(MEDIUM), strict=True):
        assert mine == pytest.approx(theirs[day])


def test_a_profile_is_kept_as_json() -> None:
    profile = fit(history(shop(42)))
    assert profile is not None
    kept = json.loads(json.dumps(profile.to_json(), allow_nan=False))
    again = from_json(kept)
    assert again is not None
    ahead = starts(60 * 24)[42 * 24 :]
    assert np.array_equal(again.expect(ahead).expected, profile.expect(ahead).expected)
    assert from_json({**kept, "version": 0}) is None


def test_bands_are_wider_further_ahead() -> None:
    profile = fit(history(shop(42)))
    assert profile is not None
    lower, upper = profile.expect(starts(56 * 24)[42 * 24 :]).band(0.9)
    width = (upper - lower).reshape(14, 24).sum(axis=1)
    assert width[7] > width[0]
    assert width[13] > width[6]


def test_nothing_is_expected_below_zero_where_nothing_was() -> None:
    values = np.maximum(np.random.default_rng(3).normal(1, 3, 40 * 24), 0)
    made = walk(history(values))
    assert made is not None
    assert np.nanmin(made.expected) >= 0
    assert np.nanmin(made.band(0.99)[0]) >= 0


@pytest.mark.parametrize("period", ["hour", "day", "week", "month"])
def test_one_sample_says_nothing_of_the_next(period: LongPeriod) -> None:
    made, profile = walk(history([5.0], period)), fit(history([5.0], period))
    assert made is not None
    assert profile is not None
    assert np.isnan(made.expected).all()
    ahead = profile.expect([calendar.following(SINCE, period, ZONE)])
    assert np.isnan(ahead.expected).all()
    assert np.isnan(ahead.edges(MEDIUM)).all()


def test_a_history_of_nothing_has_no_profile() -> None:
    assert fit(history([])) is None
    assert walk(history([])) is None


def test_two_days_say_how_a_third_may_be_with_a_wide_band() -> None:
    made = walk(history(shop(3)))
    assert made is not None
    assert np.isnan(made.expected[: 2 * 24]).all()
    lower, upper = made.band(0.9)
    day = shop(3)[2 * 24 :]
    assert ((day >= lower[2 * 24 :]) & (day <= upper[2 * 24 :])).mean() > 0.9
    assert upper[2 * 24 :].max() < 10 * day.max()


def test_of_all_zero_zero_is_expected_and_nothing_is_unusual() -> None:
    values = np.zeros(30 * 24)
    values[-1] = 5.0
    made = walk(history(values))
    assert made is not None
    assert (made.expected[3 * 24 :] == 0).all()
    assert np.isnan(made.rarity(values)[-1])
    assert np.isnan(made.edges(MEDIUM)).all()
    assert (made.band(0.9)[1][3 * 24 :] == 0).all()


def test_of_a_constant_the_same_is_expected_closely() -> None:
    made = walk(history(np.full(30 * 24, 40.0)))
    assert made is not None
    assert made.expected[3 * 24 :] == pytest.approx(40)
    lower, upper = made.band(0.9)
    assert (upper - lower)[20 * 24 :].max() < 4
    assert (np.abs(made.rarity(np.full(30 * 24, 40.0)))[3 * 24 :] < 1).all()


def test_once_a_month_is_expected_to_be_nothing_unusual() -> None:
    values = np.zeros(400)
    values[::30] = 9000.0
    made = walk(history(values, "day"))
    assert made is not None
    assert np.nanmax(made.expected) < 9000
    rare = np.abs(made.rarity(values))
    assert (rare[200:] > MEDIUM).sum() <= 1


def test_growth_from_nothing_is_followed() -> None:
    values = np.concatenate([np.zeros(30 * 24), shop(60)])
    made = walk(history(values))
    assert made is not None
    late = slice(80 * 24, None)
    lower, upper = made.band(0.9)
    assert np.abs(made.expected[late] - values[late]).mean() < 0.2 * values[late].mean()
    assert (upper - lower)[late].mean() < 3 * values[late].mean()


def test_one_wild_value_is_not_expected_again() -> None:
    values = shop(50)
    values[40 * 24 + 15] *= 100
    plain, made = walk(history(shop(50))), walk(history(values))
    assert plain is not None
    assert made is not None
    late = slice(41 * 24, None)
    off = np.abs(made.expected[late] - plain.expected[late])
    assert off.mean() < 0.05 * values.reshape(-1, 24)[:40].mean()


def test_a_level_that_shifted_is_expected_within_a_week() -> None:
    values = shop(60)
    values[40 * 24 :] *= 2
    made = walk(history(values))
    assert made is not None
    late = slice(48 * 24, None)
    assert np.abs(made.expected[late] - values[late]).sum() < 0.2 * values[late].sum()


def test_gaps_are_no_values() -> None:
    values = shop(50)
    values[20 * 24 : 23 * 24] = np.nan
    made = walk(history(values))
    assert made is not None
    assert np.isfinite(made.expected[3 * 24 :]).all()
    late = slice(30 * 24, None)
    assert np.abs(made.expected[late] - values[late]).sum() < 0.15 * values[late].sum()


def test_a_drop_of_three_hours_is_found() -> None:
    values = shop(60)
    at = 58 * 24 + 14
    values[at : at + 3] *= 0.7
    made = walk(history(values))
    assert made is not None
    assert (made.rarity(values)[at : at + 3] < -MEDIUM).any()
    below, _ = made.edges(MEDIUM)
    assert (values[at : at + 3] < below[at : at + 3]).any()


def test_last_years_carnival_is_expected_again() -> None:
    days = starts(800, "day", datetime(2024, 1, 1, tzinfo=ZONE))
    special = special_days("BR", (2024, 2025, 2026))
    carnival = [date(2024, 2, 12), date(2024, 2, 13), date(2025, 3, 3), date(2025, 3, 4)]
    chance = np.random.default_rng(5)
    values = 1000 * np.exp(chance.normal(0, 0.05, len(days)))
    local = [one.astimezone(ZONE).date() for one in days]
    for day in carnival:
        values[local.index(day)] *= 0.3
    made = walk(History("day", ZONE, days, values.tolist(), special))
    assert made is not None
    for day in carnival[2:]:
        at = local.index(day)
        assert made.expected[at] == pytest.approx(300, rel=0.3)
        assert abs(made.rarity(values)[at]) < MEDIUM


def test_special_days_are_those_of_a_country_and_its_states() -> None:
    brazil, sao_paulo = special_days("BR", [2026]), special_days("BR-SP", [2026])
    assert brazil[date(2026, 2, 17)].is_main
    assert not brazil[date(2026, 2, 14)].is_main
    assert brazil[date(2026, 11, 27)].name == "Black Friday"
    assert date(2026, 7, 9) in sao_paulo
    assert date(2026, 7, 9) not in brazil
    assert not special_days("", [2026])


@pytest.mark.parametrize("code", ["XX", "BR-XX", "br_sp"])
def test_what_is_no_country_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="no holidays are known"):
        check_country(code)

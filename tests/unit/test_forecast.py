"""Forecasts of series whose rule is known, and of series that tell little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alerts.expectation.forecast import Forecast, TooShort, forecast
from alerts.expectation.regression import Values
from sql.calendar import LongPeriod

HOURS = np.arange(90 * 24)


def business(noise: float, *, seed: int = 1, growth: float = 0.0) -> Values:
    """Ninety days by hour with the shape of days and weeks, and noise around it."""
    chance = np.random.default_rng(seed)
    day = 1 + 0.8 * np.sin(2 * np.pi * HOURS / 24)
    week = 1 - 0.4 * (HOURS // 24 % 7 >= 5)
    made: Values = 5000 * day * week * (1 + growth * HOURS) * chance.lognormal(0, noise, len(HOURS))
    return made


def mean_error(made: Forecast, actual: Values) -> float:
    return float(np.abs(made.values - actual).mean())


def test_it_knows_the_hour_and_the_weekday() -> None:
    series = business(0.1)
    made = forecast(series[:-168], "hour", 168, 0.9)
    actual = series[-168:]
    assert made.model == "autoregression"
    # The noise alone is 8 % of the mean; last week again has that of two.
    assert mean_error(made, actual) < 0.12 * actual.mean()
    assert mean_error(made, actual) < 0.85 * np.abs(series[-336:-168] - actual).mean()


def test_it_goes_on_with_growth() -> None:
    series = business(0.02, growth=0.001)
    made = forecast(series[:-48], "hour", 48, 0.9)
    assert abs(made.values.sum() / series[-48:].sum() - 1) < 0.05


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_the_band_covers_what_it_says(level: float) -> None:
    covered, said = [], []
    for seed in range(8):
        series = business(0.15, seed=seed)
        made = forecast(series[:-72], "hour", 72, level)
        actual = series[-72:]
        covered.append(((made.lower <= actual) & (actual <= made.upper)).mean())
        said.append(made.accuracy.coverage)
    assert level - 0.07 < np.mean(covered) < level + 0.12
    assert abs(np.mean(said) - np.mean(covered)) < 0.08


def test_the_accuracy_is_that_of_the_days_to_come() -> None:
    errors, said = [], []
    for seed in range(8):
        series = business(0.2, seed=seed)
        made = forecast(series[:-48], "hour", 48, 0.9)
        naive = np.abs(series[24:-48] - series[:-72]).mean()
        errors.append(mean_error(made, series[-48:]) / naive)
        assert made.accuracy.mase is not None
        said.append(made.accuracy.mase)
    assert np.mean(said) == pytest.approx(np.mean(errors), rel=0.15)


def test_where_nothing_is_better_the_last_season_comes_again() -> None:
    series = np.tile(np.random.default_rng(1).uniform(0, 100, 24), 30)
    made = forecast(series, "hour", 48, 0.9)
    assert made.model == "seasonal_naive"
    assert made.values.tolist() == series[:48].tolist()
    assert made.lower.tolist() == made.upper.tolist() == made.values.tolist()


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (np.full(400, 7.0), 7.0),
        (np.zeros(400), 0.0),
        (np.where(np.arange(2000) % 720 == 3, 500.0, 0.0), 0.0),
    ],
    ids=["constant", "nothing at all", "once a month"],
)
def test_plain_series_have_plain_forecasts(series: Values, expected: float) -> None:
    made = forecast(series, "hour", 24, 0.9)
    assert made.values.tolist() == [expected] * 24
    assert made.upper.max() <= max(expected, 1.0)


@pytest.mark.parametrize(
    ("period", "least"), [("hour", 168), ("day", 28), ("week", 12), ("month", 12)]
)
def test_it_says_how_much_it_needs(period: LongPeriod, least: int) -> None:
    series = business(0.1)
    with pytest.raises(TooShort) as caught:
        forecast(series[: least - 1], period, 10, 0.9)
    assert caught.value.least == least
    assert len(forecast(series[:least], period, 10, 0.9).values) == 10


def test_what_came_before_the_newest_history_counts_for_nothing() -> None:
    series = business(0.1)
    long = np.concatenate([np.full(1000, 1e9), series])
    assert forecast(long, "hour", 24, 0.9).values.tolist() == (
        forecast(series, "hour", 24, 0.9).values.tolist()
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(28, 120).flatmap(
        lambda size: arrays(np.float64, size, elements=st.floats(0, 2**40, width=32))
    ),
    st.integers(1, 60),
)
def test_whatever_was_the_band_holds_the_value_and_nothing_is_negative(
    series: Values, horizon: int
) -> None:
    made = forecast(series, "day", horizon, 0.9)
    assert len(made.values) == len(made.lower) == len(made.upper) == horizon
    assert np.isfinite(made.upper).all()
    assert (made.lower >= 0).all()
    assert (made.lower <= made.values).all()
    assert (made.values <= made.upper).all()

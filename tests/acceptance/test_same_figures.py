"""The same question has the same answer everywhere: the API, the views of the analysts, SQL
over the samples, and arithmetic in plain Python; live and materialised, on both engines.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.asking import Question, ask, check_answer
from tests.conftest import DatabaseServer, run_refresh_jobs
from tests.places import Place, new_place, profile
from tests.random_samples import (
    FREQUENCIES,
    MAX_AGE,
    ZONES,
    Draft,
    drafts,
    filters,
    groups,
    post,
    submit,
)
from tests.reference import PERIODS, Sample, is_fine_enough, start_of

NOW = datetime.now(UTC)
# Days; filled over a longer time an answer would have very many rows.
LONGEST_FILLED = {"minute": 0.1, "hour": 3, "day": 50, "week": 300}
# Minutes are kept for a month.
LONGEST = {"minute": 29}


@pytest.fixture(params=["UTC", "America/Sao_Paulo"])
def place(
    request: pytest.FixtureRequest, database_of: DatabaseServer, tmp_path: Path
) -> Iterator[Place]:
    """A fresh place in that business time zone."""
    with new_place(database_of, ZoneInfo(request.param), tmp_path) as fresh:
        yield fresh


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Any question about the recent past."""
    period = draw(st.sampled_from(PERIODS))
    fill = draw(st.sampled_from(("none", "none", "none", "zero", "null", "previous")))
    longest = LONGEST.get(period, 1700) if fill == "none" else LONGEST_FILLED.get(period, 1700)
    age = draw(st.floats(0, longest))
    end_age = draw(st.floats(0, age))
    starts = (_instant(age), _day(age), *[None] * (fill == "none"))
    # A day more, so that the end is never before the start.
    ends = (None, _instant(end_age - 1), _day(end_age - 1))
    return Question(
        period=period,
        group_by=draw(groups),
        filters=draw(filters),
        tz=draw(st.sampled_from((None, None, *ZONES))),
        start=draw(st.sampled_from(starts)),
        end=draw(st.sampled_from(ends)),
        fill=fill,
    )


def _instant(age: float) -> datetime:
    return (NOW - timedelta(days=age)).astimezone(timezone(timedelta(hours=-3)))


def _day(age: float) -> date:
    return (NOW - timedelta(days=age)).date()


several_questions = st.lists(questions(), min_size=3, max_size=4)


def test_live_figures_are_the_same_everywhere(place: Place) -> None:
    place.pause_refreshes()

    @settings(profile, max_examples=15)
    @given(made=drafts(), asked=several_questions)
    def check(made: list[Draft], asked: list[Question]) -> None:
        metric = next(place.names)
        samples = post(place.client, metric, made)
        place.check_sql(metric, samples)
        place.check_answers(metric, asked, samples)

    check()


def test_materialised_figures_and_late_rows_are_the_same_everywhere(place: Place) -> None:
    @settings(profile, max_examples=10)
    @given(made=drafts(), late=drafts(), asked=several_questions)
    def check(made: list[Draft], late: list[Draft], asked: list[Question]) -> None:
        metric = next(place.names)
        samples = post(place.client, metric, made)
        run_refresh_jobs(place.database_url)
        place.check_sql(metric, samples)
        place.check_answers(metric, asked, samples)
        samples += post(place.client, metric, late)
        run_refresh_jobs(place.database_url)
        place.check_sql(metric, samples)
        # Another limit, lest an answer from a moment ago comes again.
        place.check_answers(metric, asked, samples, limit="9999")

    check()


def test_a_sample_that_is_not_older_than_materialized_until_counts_at_once(place: Place) -> None:
    # A metric for each: days may be materialised further than hours that have no samples.
    metrics = {
        (frequency, period): next(place.names)
        for frequency in FREQUENCIES
        for period in PERIODS
        if is_fine_enough(frequency, period)
    }
    samples = {
        (frequency, period): submit(
            place.client, metric, frequency, [n * MAX_AGE[frequency] / 1000 for n in range(1000)]
        )
        for (frequency, period), metric in metrics.items()
    }
    run_refresh_jobs(place.database_url)
    for (frequency, period), metric in metrics.items():
        question = Question(period=period)
        now = datetime.now(UTC)
        until = ask(place.client, metric, question).json()["materialized_until"]
        age = now - datetime.fromisoformat(until) if until else MAX_AGE[frequency]
        samples[frequency, period] += submit(
            place.client, metric, frequency, [age, age / 2, timedelta()]
        )
        check_answer(place.client, metric, question, samples[frequency, period], place.zone)


# Far enough back to be materialised, and not so far that the edge before is refused.
LATE = {
    ("real_time", "minute"): 2,
    ("real_time", "hour"): 2,
    ("real_time", "day"): 2,
    ("hourly", "day"): 10,
    ("hourly", "week"): 20,
    ("hourly", "month"): 20,
    ("daily", "day"): 100,
    ("daily", "week"): 100,
    ("daily", "month"): 100,
    ("monthly", "month"): 800,
}


def test_late_rows_of_several_periods_up_to_the_start_of_one_are_in_every_level(
    place: Place,
) -> None:
    metrics = {case: next(place.names) for case in LATE}
    samples: dict[tuple[str, str], list[Sample]] = {}
    for (frequency, period), metric in metrics.items():
        ages = [n * MAX_AGE[frequency] / 100 for n in range(100)]
        samples[frequency, period] = submit(place.client, metric, frequency, ages)
    run_refresh_jobs(place.database_url)
    for (frequency, period), metric in metrics.items():
        now = datetime.now(UTC)
        edge = start_of(now - timedelta(days=LATE[frequency, period]), period, place.zone)
        before = start_of(edge - timedelta(hours=1), period, place.zone)
        ages = [now - (before + timedelta(minutes=20)), now - edge]
        samples[frequency, period] += submit(place.client, metric, frequency, ages, now=now)
    run_refresh_jobs(place.database_url)
    for case, metric in metrics.items():
        place.check_sql(metric, samples[case])

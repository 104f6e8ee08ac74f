"""How old and how new a sample may be: what is accepted will never be missing later."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx2
import pytest

from retention.policies import accept_ages, parse_keep
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import Preparer, Submission
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.sample import Sample, microseconds
from service.metrics.ingest.series import SeriesCache
from sql.database import create_pool
from sql.errors import Invalid
from sql.scope import Scope
from sql.vocabulary import Frequency
from tests.acceptance.talk import BATCH, ONE, accepted, places, refused, sample, stored

pytestmark = pytest.mark.one_engine

FREQUENCIES: list[Frequency] = ["real_time", "hourly", "daily", "monthly"]
KEPT_DAYS = {"real_time": 7, "hourly": 90, "daily": 730, "monthly": 1825}
OLDEST = accept_ages(parse_keep(""))
AHEAD = timedelta(minutes=5)
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)

T = TypeVar("T")


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def ago(age: timedelta) -> str:
    return text(datetime.now(UTC) - age)


# Over HTTP


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_health_says_how_old_a_sample_may_be(api: httpx2.Client, frequency: Frequency) -> None:
    accepts = api.get("/api/health").json()["accepts"]
    assert accepts.keys() == set(FREQUENCIES)
    age = timedelta(seconds=accepts[frequency]["max_age_seconds"])
    assert timedelta(days=0.8 * KEPT_DAYS[frequency]) < age < timedelta(days=KEPT_DAYS[frequency])
    assert age == OLDEST[frequency]


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_a_sample_just_young_enough_is_stored(
    api: httpx2.Client, metric: str, frequency: Frequency
) -> None:
    timestamp = ago(OLDEST[frequency] - MINUTE)
    accepted(api.post(ONE, json=sample(metric, frequency=frequency, timestamp=timestamp)))
    (back,) = stored(api, metric)
    assert back["timestamp"] == timestamp


@pytest.mark.parametrize("more", [timedelta(seconds=1), timedelta(days=1), timedelta(days=7000)])
@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_an_older_sample_is_refused_and_told_the_limit(
    api: httpx2.Client, metric: str, frequency: Frequency, more: timedelta
) -> None:
    item = sample(metric, frequency=frequency, timestamp=ago(OLDEST[frequency] + more))
    error = refused(api.post(ONE, json=item), 422)
    assert places(error) == [(None, "timestamp")]
    days = OLDEST[frequency].days
    assert f"Too old: {frequency} samples are accepted up to {days} d " in error["message"]
    error = refused(api.post(BATCH, json={"metrics": [sample(metric), item]}), 422)
    assert places(error) == [(1, "timestamp")]
    assert stored(api, metric) == []


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_a_sample_up_to_five_minutes_ahead_is_stored(
    api: httpx2.Client, metric: str, frequency: Frequency
) -> None:
    timestamp = ago(-(AHEAD - timedelta(seconds=1)))
    accepted(api.post(ONE, json=sample(metric, frequency=frequency, timestamp=timestamp)))
    assert [back["timestamp"] for back in stored(api, metric)] == [timestamp]


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_a_sample_further_ahead_is_refused(
    api: httpx2.Client, metric: str, frequency: Frequency
) -> None:
    item = sample(metric, frequency=frequency, timestamp=ago(-(AHEAD + MINUTE)))
    error = refused(api.post(ONE, json=item), 422)
    message = "More than 5 minutes in the future"
    assert error["details"] == [{"field": "timestamp", "message": message}]
    assert stored(api, metric) == []


@pytest.mark.parametrize(
    ("timestamp", "message"),
    [
        ("0001-01-01T00:00:00Z", "Too old"),
        ("0001-01-01T23:59:59.999999+23:59", "Too old"),
        ("0001-01-01T00:00:00-14:00", "Too old"),
        ("1969-12-31T23:59:59Z", "Too old"),
        ("1999-12-31T23:59:59.999999Z", "Too old"),
        ("9999-12-31T23:59:59.999999Z", "in the future"),
        ("9999-12-31T23:59:59.999999+14:00", "in the future"),
        ("9999-12-31T00:00:00-23:59", "in the future"),
    ],
)
def test_the_ends_of_time_are_too_old_or_too_new(
    api: httpx2.Client, metric: str, timestamp: str, message: str
) -> None:
    error = refused(api.post(ONE, json=sample(metric, timestamp=timestamp)), 422)
    assert places(error) == [(None, "timestamp")]
    assert message in error["message"]
    assert stored(api, metric) == []


def test_the_offset_decides_not_the_clock_face(api: httpx2.Client, metric: str) -> None:
    """14 hours before or after by the wall clock, the same instant."""
    now = datetime.now(UTC)
    for hours in (-12, 14):
        local = (now + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
        accepted(api.post(ONE, json=sample(metric, timestamp=f"{local}{hours:+03}:00")))
        late = f"{local}{hours - 1:+03}:00"
        refused(api.post(ONE, json=sample(metric, timestamp=late)), 422)
    assert [back["timestamp"] for back in stored(api, metric)] == [text(now)] * 2


# To the microsecond, with the time given


def prepared(url: str, action: Callable[[Preparer], Awaitable[T]]) -> T:
    """The result of a preparer on that database."""

    async def run() -> T:
        async with create_pool(url, size=1) as pool:
            return await action(
                Preparer(SeriesCache(pool, SeriesLimits(100_000, 10_000)), SampleIds(pool), OLDEST)
            )

    return asyncio.run(run())


def sample_at(moment: datetime, frequency: Frequency) -> Sample:
    return Sample("edge", "revenue", 1.0, frequency, ts=microseconds(moment))


def test_the_window_includes_its_ends_to_the_microsecond(database: str) -> None:
    now = datetime(2026, 3, 29, 1, 30, 0, 123_456, tzinfo=UTC)
    ends = [(f, now - OLDEST[f]) for f in FREQUENCIES] + [(f, now + AHEAD) for f in FREQUENCIES]
    inside = [sample_at(end, frequency) for frequency, end in ends]
    outside = [sample_at(now - OLDEST[f] - MICROSECOND, f) for f in FREQUENCIES]
    outside += [sample_at(now + AHEAD + MICROSECOND, f) for f in FREQUENCIES]

    async def both(preparer: Preparer) -> tuple[Submission, Invalid]:
        submission = await preparer.prepare(inside, Scope(), now)
        with pytest.raises(Invalid) as caught:
            await preparer.prepare(outside, Scope(), now)
        return submission, caught.value

    submission, error = prepared(database, both)
    assert submission.count == len(inside)
    assert set(submission.rows) == set(FREQUENCIES)
    assert [detail.index for detail in error.problems] == list(range(len(outside)))

"""How many series a tenant and its services may have: who is refused, and what makes room."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from structlog.testing import capture_logs

from service.metrics.ingest.room import NewSeries, SeriesLimits, SeriesRoom, nearness
from service.metrics.ingest.series import SeriesCache, SeriesKey
from sql.database import Connection, Pool, create_pool
from sql.errors import Invalid
from sql.vocabulary import FREQUENCIES, Frequency
from tests.conftest import DatabaseServer
from tests.integration.rollups import session, store

LIMITS = SeriesLimits(per_tenant=20, per_service=10)
LONG_AGO = timedelta(days=400)


@pytest.fixture
def url(database_of: DatabaseServer) -> str:
    return database_of.new_database()


def keys(
    count: int, metric: str = "sold", service: str | None = "shop", frequency: Frequency = "hourly"
) -> list[SeriesKey]:
    """So many series of affiliates."""
    return [
        SeriesKey(
            "default", metric, "revenue", "BRL", frequency, service, f"{metric} {number}", None, ()
        )
        for number in range(count)
    ]


def with_pool(url: str, steps: Callable[[Pool], Awaitable[None]]) -> None:
    async def run() -> None:
        async with create_pool(url, size=2) as pool:
            await steps(pool)

    asyncio.run(run())


def resolve(url: str, *batches: Iterable[SeriesKey], limits: SeriesLimits = LIMITS) -> SeriesCache:
    """The state of a process that has taken these one after the other."""
    caches: list[SeriesCache] = []

    async def steps(pool: Pool) -> None:
        caches.append(SeriesCache(pool, limits))
        for batch in batches:
            await caches[0].resolve(batch, {})

    with_pool(url, steps)
    return caches[0]


def age(url: str, by: timedelta = LONG_AGO) -> None:
    """Let every series have been made so long ago."""
    with session(url) as conn:
        conn.execute("UPDATE fature.series SET created_at = created_at - %s", [by])


def series(url: str) -> dict[str, int]:
    with session(url) as conn:
        return dict(conn.execute("SELECT affiliate_id, series_id FROM fature.series").fetchall())


def test_a_service_is_refused_one_series_too_many_and_told_which_metric_grows(url: str) -> None:
    resolve(url, keys(2, "old"), keys(8))
    with pytest.raises(Invalid) as refused:
        resolve(url, [*keys(8), keys(9)[8]])
    assert str(refused.value) == (
        "service shop has 10 series and may have 10 (FATURE_MAX_SERIES_PER_SERVICE): 1 new would "
        "be too many; sold grows most: do labels or dimensions hold ids?"
    )
    resolve(url, keys(8), keys(2, "old"), keys(5, service=None))


def test_the_metric_that_grows_is_not_the_largest(url: str) -> None:
    resolve(url, keys(6, "old"))
    age(url, timedelta(days=8))
    with session(url) as conn:
        at = datetime.now(UTC)
        store(conn, "hourly", [(at, 1, one, 1.0) for one in series(url).values()])
    resolve(url, keys(4, "new"))
    with pytest.raises(Invalid, match="new grows most"):
        resolve(url, keys(1, "other"))


def test_a_tenant_has_a_limit_of_its_own(url: str) -> None:
    resolve(url, keys(10), keys(9, "sent", "post"), keys(1, "seen", None))
    with pytest.raises(Invalid, match=r"tenant default has 20 series .*PER_TENANT"):
        resolve(url, keys(1, "read", None))


def test_who_has_nothing_yet_is_told_of_the_metric_that_was_sent(url: str) -> None:
    with pytest.raises(Invalid, match="sold grows most"):
        resolve(url, keys(11))


def test_the_log_warns_before_the_limit_and_not_each_time(url: str) -> None:
    with capture_logs() as lines:
        resolve(url, keys(7))
    assert lines == []
    with capture_logs() as lines:
        resolve(url, keys(8), keys(9), keys(10))
    (line,) = lines
    assert line == {
        "event": "series_near_limit",
        "log_level": "warning",
        "tenant": "default",
        "service_name": "shop",
        "series": 8,
        "most": 10,
        "metric_name": "sold",
    }


def test_whoever_is_near_a_limit_is_known(url: str) -> None:
    resolve(url, keys(8), keys(7, "sent", "post"), keys(1, "seen", None))

    async def steps(pool: Pool) -> None:
        told = [str(nearness(one)) for one in await SeriesRoom(pool, LIMITS).near_limits()]
        assert told == [
            "default has 16 of the 20 series that a tenant may have; sold grows most",
            "shop has 8 of the 10 series that a service may have; sold grows most",
        ]

    with_pool(url, steps)


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_series_without_samples_within_retention_make_room(url: str, frequency: Frequency) -> None:
    resolve(url, keys(10, frequency=frequency))
    with session(url) as conn:
        kept = [(datetime.now(UTC), 1, series(url)[f"sold {number}"], 1.0) for number in range(4)]
        store(conn, frequency, kept)
    with pytest.raises(Invalid):
        resolve(url, keys(1, "new"))
    age(url)
    resolve(url, keys(6, "new"))
    with pytest.raises(Invalid, match="service shop has 10 series"):
        resolve(url, keys(1, "newer"))
    # What made room is known all the same.
    before = series(url)
    resolve(url, keys(10, frequency=frequency))
    assert series(url) == before

    async def steps(pool: Pool) -> None:
        (near,) = await SeriesRoom(pool, LIMITS).near_limits()
        assert near.series == 10

    with_pool(url, steps)


class Late(SeriesRoom):
    """A room that is looked at after somebody else made series."""

    made: tuple[SeriesKey, ...] = ()

    async def check(self, conn: Connection, new: Iterable[NewSeries]) -> None:
        if self.made:
            made, self.made = self.made, ()
            await SeriesCache(self._pool, LIMITS).resolve(made, {})
        await super().check(conn, new)


def test_what_another_process_made_meanwhile_is_never_refused(url: str) -> None:
    resolve(url, keys(8))

    async def steps(pool: Pool) -> None:
        cache = SeriesCache(pool, LIMITS)
        room = cache.room = Late(pool, LIMITS)
        room.made = tuple(keys(10))
        assert set(await cache.resolve(keys(10), {})) == set(keys(10))
        room.made = ()
        with pytest.raises(Invalid):
            await cache.resolve(keys(11), {})

    with_pool(url, steps)
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM fature.series").fetchone() == (10,)


def test_known_series_are_taken_by_many_processes_at_once(url: str) -> None:
    async def steps(pool: Pool) -> None:
        caches = [SeriesCache(pool, LIMITS) for _ in range(5)]
        found = await asyncio.gather(*(cache.resolve(keys(10), {}) for cache in caches))
        assert len({tuple(sorted(one.values())) for one in found}) == 1

    with_pool(url, steps)

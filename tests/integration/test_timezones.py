"""Days, weeks and months of the business time zone, through every change of its clocks."""

import asyncio
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from service.runtime.settings import SettingsError, load_settings
from sql.calendar import floor
from sql.database import create_pool
from sql.engine import Engine, EngineMismatch
from sql.errors import Invalid
from sql.migrator import MigrationError, migrate
from sql.timezones import BadTimezone
from sql.vocabulary import LEVELS
from sql.zones import NOTICE, Zones, first_difference, offsets_of
from tests.conftest import DatabaseServer
from tests.integration.rollups import (
    Conn,
    Sample,
    all_differences,
    differences,
    new_series,
    number,
    refresh,
    session,
    store,
    timescale_only,
    watermarks,
)

FIRST_YEAR, LAST_YEAR = 2012, 2021
SPAN = (datetime(2011, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC))

# São Paulo changed its clocks at midnight until 2019: some days begin at 01:00.
ZONES = ("UTC", "America/Sao_Paulo", "America/New_York", "Europe/Berlin", "Pacific/Auckland")
FRACTIONAL = ("Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Adelaide")
MIDNIGHT_TWICE = ("America/Havana", "Atlantic/Azores")


def clock_changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The first full hour after each change of the offset in the ten years."""
    instant = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    offset = instant.astimezone(zone).utcoffset()
    while instant.year <= LAST_YEAR:
        instant += timedelta(hours=1)
        if (changed := instant.astimezone(zone).utcoffset()) != offset:
            offset = changed
            yield instant


def midnights(zone: ZoneInfo) -> Iterator[datetime]:
    """Local midnight of each day."""
    day = date(FIRST_YEAR, 1, 1)
    while day.year <= LAST_YEAR:
        yield datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
        day += timedelta(days=1)


def telling_instants(zone: ZoneInfo) -> list[datetime]:
    """Where a wrong edge would show: before and after midnights and changes of clocks."""
    found = {
        midnight + timedelta(seconds=seconds)
        for midnight in midnights(zone)
        for seconds in (-1, 0, 1800)
    }
    for change in clock_changes(zone):
        found |= {change + timedelta(minutes=30 * n) for n in range(-8, 9)}
    return sorted(found)


def use_yearly_chunks(conn: Conn) -> None:
    """Ten years in chunks of hours would be thousands of tables; edges do not depend on it."""
    conn.execute(
        """
        SELECT set_chunk_time_interval(format('%I.%I', schema_name, table_name), interval '1 year')
        FROM _timescaledb_catalog.hypertable
        WHERE schema_name = 'fature' OR table_name LIKE '_materialized_hypertable_%'
        """
    )


@pytest.mark.parametrize("timezone", ZONES)
@timescale_only
def test_ten_years_of_rollups_have_the_edges_that_date_trunc_has(
    servers: Callable[[Engine], DatabaseServer], timezone: str
) -> None:
    instants = telling_instants(ZoneInfo(timezone))
    with session(servers("timescale").new_database(timezone)) as conn:
        use_yearly_chunks(conn)
        for frequency, levels in LEVELS.items():
            series = new_series(conn, frequency)
            store(conn, frequency, ((ts, n, series, n % 97) for n, ts in enumerate(instants)))
            assert all_differences(conn, frequency, timezone) == {}, "computed live"
            refresh(conn, frequency, *SPAN)
            for level in levels:
                assert watermarks(conn)[f"rollup_{frequency}_{level}"] > instants[-1]
                assert differences(conn, frequency, level, timezone) == [], "materialised"


@pytest.mark.parametrize("timezone", ["UTC", "America/Sao_Paulo"])
def test_days_begin_at_local_midnight_and_weeks_on_monday(
    engine: Engine, database_of: DatabaseServer, timezone: str
) -> None:
    # A Sunday on which São Paulo's summer time began: that day has no midnight.
    sunday = {"UTC": "2018-11-04 00:00+00", "America/Sao_Paulo": "2018-11-04 03:00+00"}[timezone]
    monday = {"UTC": "2018-11-05 00:00+00", "America/Sao_Paulo": "2018-11-05 02:00+00"}[timezone]
    edges = [datetime.fromisoformat(edge) for edge in (sunday, monday)]
    samples: list[Sample] = []
    with session(database_of.new_database(timezone)) as conn:
        series = new_series(conn, "hourly")
        for n, edge in enumerate(edges):
            samples.append((edge - timedelta(seconds=1), 2 * n, series, 1.0))
            samples.append((edge, 2 * n + 1, series, 1.0))
        store(conn, "hourly", samples)
        days = conn.execute(
            "SELECT bucket, sample_count FROM fature.rollup_hourly_day ORDER BY bucket"
        ).fetchall()
        assert days[1:] == [(edges[0], 2), (edges[1], 1)]
        weeks = conn.execute(
            "SELECT bucket, sample_count FROM fature.rollup_hourly_week ORDER BY bucket"
        ).fetchall()
        assert weeks[1:] == [(edges[1], 1)]
        assert weeks[0][1] == 3


@pytest.mark.parametrize("timezone", [*FRACTIONAL, *MIDNIGHT_TWICE])
def test_zones_whose_days_are_not_whole_hours_are_refused_by_the_migrator(
    database_of: DatabaseServer, timezone: str
) -> None:
    url = database_of.new_database(migrated=False)
    with pytest.raises(BadTimezone, match=timezone):
        migrate(url, engine="auto", timezone=timezone)
    assert not is_set_up(url)


@pytest.mark.parametrize(
    ("timezone", "reason"),
    [
        *((timezone, "not a whole number of hours") for timezone in FRACTIONAL),
        *((timezone, "midnight comes twice") for timezone in MIDNIGHT_TWICE),
        ("Mars/Olympus", "not a time zone"),
    ],
)
def test_zones_whose_days_are_not_whole_hours_are_refused_by_the_settings(
    monkeypatch: pytest.MonkeyPatch, timezone: str, reason: str
) -> None:
    monkeypatch.setenv("FATURE_TIMEZONE", timezone)
    with pytest.raises(SettingsError, match=f"FATURE_TIMEZONE: .*{timezone}.* {reason}"):
        load_settings()


def test_another_zone_than_the_recorded_one_is_refused(database_of: DatabaseServer) -> None:
    url = database_of.new_database("America/Sao_Paulo")
    with pytest.raises(EngineMismatch, match="set FATURE_TIMEZONE=America/Sao_Paulo"):
        migrate(url, engine="auto", timezone="UTC")
    assert migrate(url, engine="auto", timezone="America/Sao_Paulo")[1] == []


@pytest.fixture
def zone_of_this_machine_only(tmp_path: Path) -> Iterator[str]:
    """A zone that Python finds and PostgreSQL does not know."""
    (tmp_path / "Nowhere").mkdir()
    utc = resources.files("tzdata.zoneinfo").joinpath("UTC").read_bytes()
    (tmp_path / "Nowhere" / "Near").write_bytes(utc)
    zoneinfo.reset_tzpath([str(tmp_path), *zoneinfo.TZPATH])
    yield "Nowhere/Near"
    zoneinfo.reset_tzpath()


def test_a_zone_postgresql_does_not_know_is_refused_before_it_is_recorded(
    database_of: DatabaseServer, zone_of_this_machine_only: str
) -> None:
    url = database_of.new_database(migrated=False)
    with pytest.raises(MigrationError, match=zone_of_this_machine_only):
        migrate(url, engine="auto", timezone=zone_of_this_machine_only)
    assert not is_set_up(url)
    migrate(url, engine="auto", timezone="UTC")
    assert is_set_up(url)


def is_set_up(url: str) -> bool:
    with session(url) as conn:
        return number(conn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'fature'") == 1


DAYS = """
SELECT date_trunc('day', noon, %(zone)s)
FROM generate_series('2000-01-01 12:00+00'::timestamptz, %(until)s, interval '1 day') AS d (noon)
"""


@pytest.mark.parametrize(
    "name",
    [
        *("America/Sao_Paulo", "Europe/Lisbon", "Asia/Tokyo", "EST", "UTC"),
        # Names that are fixed offsets to PostgreSQL.
        *("CET", "EET", "MET", "WET"),
        # Where the law changed lately, and the two may have files of other years.
        *("Africa/Casablanca", "America/Vancouver"),
    ],
)
def test_a_zone_whose_days_differ_between_the_database_and_here_is_refused(
    database: str, name: str
) -> None:
    now = datetime.now(UTC)
    zone = ZoneInfo(name)
    with psycopg.connect(database) as conn:
        conn.execute("SET TimeZone TO 'UTC'")
        parameters = {"zone": name, "until": now + NOTICE - timedelta(days=1)}
        there = [start for (start,) in conn.execute(DAYS, parameters)]
    noon = datetime(2000, 1, 1, 12, tzinfo=UTC)
    here = [floor(noon + timedelta(days=n), "day", zone) for n in range(len(there))]

    async def is_refused() -> bool:
        async with create_pool(database, size=1) as pool:
            try:
                await Zones(pool).check(zone, now)
            except Invalid as error:
                return error.problems[0].field == "tz"
            return False

    differs = [start.astimezone(UTC) for start in here] != there
    assert asyncio.run(is_refused()) == differs
    assert not differs or name not in ("America/Sao_Paulo", "UTC")


def test_a_change_that_only_one_of_them_knows_of_is_no_trouble_long_before() -> None:
    far = datetime(2037, 6, 1, tzinfo=UTC)
    there = [*offsets_of(ZoneInfo("America/Sao_Paulo")), (far, -7200)]
    assert first_difference(ZoneInfo("America/Sao_Paulo"), there) == far
    assert far > datetime.now(UTC) + NOTICE


@pytest.mark.parametrize("timezone", ["CET", "WET"])
def test_names_that_are_offsets_to_the_database_are_refused_by_the_migrator(
    database_of: DatabaseServer, timezone: str
) -> None:
    url = database_of.new_database(migrated=False)
    with pytest.raises(MigrationError, match=f"{timezone} is another time zone in the database"):
        migrate(url, engine="auto", timezone=timezone)
    assert not is_set_up(url)

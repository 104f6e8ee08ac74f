"""The policies TimescaleDB really has, read from its catalogue: no setting of RETENTION_DAYS
leaves a window in which a sample is accepted but never counted, or figures are refreshed from
what was dropped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retention.apply import reconcile
from retention.policies import accept_ages, parse_keep
from sql.engine import Engine
from sql.migrator import migrate
from sql.timezones import check_whole_hours
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency, Level
from tests.conftest import DatabaseServer
from tests.integration.rollups import session, timescale_only

pytestmark = timescale_only

# Longest bucket of each level, with an hour for a change of daylight-saving time.
LONGEST: dict[Level, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(hours=25),
    "week": timedelta(days=7, hours=1),
    "month": timedelta(days=31, hours=1),
}
BELOW: dict[Level, Level] = {"hour": "minute", "day": "hour", "week": "day", "month": "day"}
MARGIN = timedelta(hours=1)

SETTINGS = (
    "",
    "90",
    "1",
    "real_time=1,hourly=1,daily=7,monthly=75",
    "real_time=26,hourly=365,daily=1500,monthly=3650",
    "real_time=3,minute=4,hourly=10,hour=13,daily=300,day=360",
)


@dataclass(frozen=True)
class Job:
    """A policy as TimescaleDB runs it; None is an open end."""

    relation: str
    procedure: str
    start: timedelta | None
    end: timedelta | None
    drop_after: timedelta | None
    batch: int | None
    every: timedelta
    initial_start: datetime


@dataclass(frozen=True)
class Catalogue:
    """The declared policies and those that the database then has."""

    keep: dict[str, timedelta]
    refreshes: dict[str, Job]
    drops: dict[str, timedelta]

    def start(self, frequency: Frequency, level: Level) -> timedelta:
        return given(self.refreshes[f"rollup_{frequency}_{level}"].start)

    def end(self, frequency: Frequency, level: Level) -> timedelta:
        return given(self.refreshes[f"rollup_{frequency}_{level}"].end)


def given(value: timedelta | None) -> timedelta:
    assert value is not None, "an open end"
    return value


def read_jobs(url: str) -> list[Job]:
    with session(url) as conn:
        rows: list[tuple[Any, ...]] = conn.execute(
            """
            SELECT
                coalesce(c.view_name, j.hypertable_name)::text,
                j.proc_name::text,
                (j.config ->> 'start_offset')::interval,
                (j.config ->> 'end_offset')::interval,
                (j.config ->> 'drop_after')::interval,
                (j.config ->> 'buckets_per_batch')::integer,
                j.schedule_interval,
                j.initial_start
            FROM timescaledb_information.jobs AS j
            LEFT JOIN timescaledb_information.continuous_aggregates AS c
                ON j.hypertable_name = c.materialization_hypertable_name
            WHERE j.hypertable_name IS NOT NULL
            """
        ).fetchall()
    return [Job(*row) for row in rows]


@pytest.fixture(scope="module", params=SETTINGS)
def catalogue(
    servers: Callable[[Engine], DatabaseServer], request: pytest.FixtureRequest
) -> Catalogue:
    """The policies that a new database gets from a setting."""
    url, keep = servers("timescale").new_database(migrated=False), parse_keep(request.param)
    migrate(url, engine="timescale", timezone="UTC")
    reconcile(url, "timescale", keep, check_whole_hours("UTC"), datetime.now(UTC))
    jobs = read_jobs(url)
    refreshes = [j for j in jobs if j.procedure == "policy_refresh_continuous_aggregate"]
    drops = [j for j in jobs if j.procedure == "policy_retention"]
    assert len({j.relation for j in refreshes}) == len(refreshes)
    assert len({j.relation for j in drops}) == len(drops)
    return Catalogue(
        keep,
        {j.relation: j for j in refreshes},
        {j.relation: given(j.drop_after) for j in drops},
    )


def levels() -> Iterator[tuple[Frequency, Level]]:
    for frequency in FREQUENCIES:
        for level in LEVELS[frequency]:
            yield frequency, level


def higher_levels() -> Iterator[tuple[Frequency, Level, Level]]:
    """A frequency, a level and the level it is computed from."""
    for frequency, level in levels():
        if level != LEVELS[frequency][0]:
            yield frequency, level, BELOW[level]


def test_every_rollup_is_computed_live_beyond_what_is_materialised(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    with session(servers("timescale").new_database()) as conn:
        rows = conn.execute(
            """
            SELECT view_name::text, materialized_only
            FROM timescaledb_information.continuous_aggregates
            """
        ).fetchall()
    assert dict(rows) == {f"rollup_{frequency}_{level}": False for frequency, level in levels()}


def test_every_rollup_has_one_refresh_with_two_ends_in_one_batch_every_minute(
    catalogue: Catalogue,
) -> None:
    assert set(catalogue.refreshes) == {f"rollup_{f}_{level}" for f, level in levels()}
    for job in catalogue.refreshes.values():
        assert job.start is not None
        assert job.end is not None
        assert job.batch == 0
        assert job.every <= timedelta(minutes=1)


def test_refreshes_do_not_all_start_at_the_same_moment(catalogue: Catalogue) -> None:
    starts = [job.initial_start for job in catalogue.refreshes.values()]
    assert len(set(starts)) == len(starts)


def test_samples_are_dropped_only_after_they_left_the_refresh_window(
    catalogue: Catalogue,
) -> None:
    for frequency in FREQUENCIES:
        first = catalogue.start(frequency, LEVELS[frequency][0])
        assert first + MARGIN <= catalogue.drops[f"sample_{frequency}"]


def test_a_rollup_is_kept_longer_than_anything_refreshed_from_it(catalogue: Catalogue) -> None:
    for frequency, level, below in higher_levels():
        kept = catalogue.drops.get(f"rollup_{frequency}_{below}")
        if kept is not None:
            assert catalogue.start(frequency, level) + MARGIN <= kept


def test_a_rollup_is_not_dropped_while_it_is_refreshed_itself(catalogue: Catalogue) -> None:
    for frequency, level in levels():
        kept = catalogue.drops.get(f"rollup_{frequency}_{level}")
        if kept is not None:
            assert catalogue.start(frequency, level) < kept


def test_week_and_month_figures_are_kept_forever(catalogue: Catalogue) -> None:
    assert not [name for name in catalogue.drops if name.endswith(("_week", "_month"))]


def test_each_level_reaches_further_back_than_the_one_below_by_a_bucket(
    catalogue: Catalogue,
) -> None:
    for frequency, level, below in higher_levels():
        needed = catalogue.start(frequency, below) + LONGEST[level]
        assert catalogue.start(frequency, level) >= needed


def test_no_level_is_materialised_further_than_the_one_below(catalogue: Catalogue) -> None:
    for frequency, level, below in higher_levels():
        assert catalogue.end(frequency, level) >= catalogue.end(frequency, below)


def test_every_refresh_window_holds_two_buckets(catalogue: Catalogue) -> None:
    for frequency, level in levels():
        window = catalogue.start(frequency, level) - catalogue.end(frequency, level)
        assert window >= 2 * LONGEST[level]


def test_no_refresh_comes_as_close_as_the_minute_that_is_still_filling(
    catalogue: Catalogue,
) -> None:
    for frequency, level in levels():
        assert catalogue.end(frequency, level) >= timedelta(minutes=1)


def test_the_oldest_sample_accepted_lies_a_bucket_inside_the_refresh_window(
    catalogue: Catalogue,
) -> None:
    for frequency, age in accept_ages(catalogue.keep).items():
        level = LEVELS[frequency][0]
        assert age > timedelta()
        assert age + LONGEST[level] < catalogue.start(frequency, level)

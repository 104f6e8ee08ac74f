"""Days of 23 and 25 hours, midnights that did not exist and ends of months have the same
figures everywhere. Such samples are too old to be submitted: they are put in the database.
"""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.asking import Question
from tests.conftest import DatabaseServer
from tests.places import Place, new_place, profile
from tests.random_samples import (
    MICROSECOND,
    ZONES,
    anything,
    cents,
    filters,
    groups,
    some_series,
)
from tests.reference import Labels, Sample, start_of

FIRST, LAST = datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC)
CHANGES = (
    # Sao_Paulo: 23:00 came twice, 00:00 did not exist; New_York; Lisbon.
    *(datetime(2018, 2, 18, 2, tzinfo=UTC), datetime(2018, 11, 4, 3, tzinfo=UTC)),
    *(datetime(2019, 2, 17, 2, tzinfo=UTC), datetime(2018, 3, 11, 7, tzinfo=UTC)),
    *(datetime(2018, 11, 4, 6, tzinfo=UTC), datetime(2019, 11, 3, 6, tzinfo=UTC)),
    *(datetime(2018, 3, 25, 1, tzinfo=UTC), datetime(2019, 10, 27, 1, tzinfo=UTC)),
)
NUDGES = (-MICROSECOND, timedelta(), MICROSECOND, timedelta(minutes=17))
# Days; filled over a longer time an answer would have very many rows.
LONGEST = {"hour": 3, "day": 60, "week": 300, "month": 700}

near_changes = st.builds(
    lambda change, hours, nudge: change + timedelta(hours=hours) + nudge,
    st.sampled_from(CHANGES),
    st.sampled_from((-25, -24, -2, -1, 0, 1, 2, 21, 22, 23, 24)),
    st.sampled_from(NUDGES),
)
near_months = st.builds(
    lambda day, zone, nudge: start_of(FIRST + timedelta(days=day), "month", ZoneInfo(zone)) + nudge,
    st.integers(1, 729),
    st.sampled_from(ZONES),
    st.sampled_from(NUDGES),
)


@pytest.fixture(params=["America/Sao_Paulo", "America/New_York"])
def place(
    request: pytest.FixtureRequest, database_of: DatabaseServer, tmp_path: Path
) -> Iterator[Place]:
    """A fresh place in that business time zone."""
    with new_place(database_of, ZoneInfo(request.param), tmp_path) as fresh:
        yield fresh


@st.composite
def samples_of_then(draw: st.DrawFn) -> list[Sample]:
    """Samples around changes of clocks and ends of months."""
    instants = draw(st.lists(st.one_of(near_changes, near_months), min_size=1, max_size=15))
    series = draw(some_series())
    values = draw(st.sampled_from((cents, cents, anything)))
    one = st.tuples(st.sampled_from(instants), st.sampled_from(series), values)
    drawn = draw(st.lists(one, min_size=10, max_size=60))
    return [Sample(ts, number, of, value) for number, (ts, of, value) in enumerate(drawn, 1)]


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Any question about those years."""
    period = draw(st.sampled_from(tuple(LONGEST)))
    fill = draw(st.sampled_from(("none", "none", "zero", "null", "previous")))
    longest = 700 if fill == "none" else LONGEST[period]
    middle = draw(st.sampled_from(CHANGES))
    start = middle - timedelta(hours=draw(st.integers(0, 12 * longest)))
    end = middle + timedelta(hours=draw(st.integers(0, 12 * longest)))
    unbounded = [None] * (fill == "none")
    return Question(
        period=period,
        group_by=draw(groups),
        filters=draw(filters),
        tz=draw(st.sampled_from((None, None, *ZONES))),
        start=draw(st.sampled_from((start, _day_before(start), *unbounded))),
        end=draw(st.sampled_from((end, end - MICROSECOND, _day_after(end), *unbounded))),
        fill=fill,
    )


def _day_before(moment: datetime) -> date:
    return moment.date() - timedelta(days=1)


def _day_after(moment: datetime) -> date:
    return moment.date() + timedelta(days=1)


several_questions = st.lists(questions(), min_size=3, max_size=4)


def test_live_figures_of_changing_clocks_are_the_same_everywhere(place: Place) -> None:
    @settings(profile, max_examples=12)
    @given(samples=samples_of_then(), asked=several_questions)
    def check(samples: list[Sample], asked: list[Question]) -> None:
        metric = next(place.names)
        insert(place.conn, metric, samples)
        place.check_sql(metric, samples)
        place.check_answers(metric, asked, samples)

    check()


def test_materialised_figures_of_changing_clocks_are_the_same_everywhere(place: Place) -> None:
    @settings(profile, max_examples=8)
    @given(samples=samples_of_then(), late=samples_of_then(), asked=several_questions)
    def check(samples: list[Sample], late: list[Sample], asked: list[Question]) -> None:
        metric = next(place.names)
        insert(place.conn, metric, samples)
        refresh(place.conn)
        place.check_sql(metric, samples)
        place.check_answers(metric, asked, samples)
        late = [Sample(one.ts, one.id + 1000, one.labels, one.value) for one in late]
        insert(place.conn, metric, late)
        refresh(place.conn)
        place.check_sql(metric, [*samples, *late])
        # The service did not see them come: its answers may be a second old.
        time.sleep(1)
        place.check_answers(metric, asked, [*samples, *late])

    check()


def insert(conn: psycopg.Connection[Any], metric: str, samples: Sequence[Sample]) -> None:
    """The samples as ingest would have written them then."""
    series = {
        of: _series(conn, metric, of) for of in sorted({one.labels for one in samples}, key=repr)
    }
    with conn.transaction():
        for one in samples:
            statement = sql.SQL(
                "INSERT INTO {} (ts, id, series_id, value) VALUES (%s, %s, %s, %s)"
            ).format(sql.Identifier("fature", f"sample_{one.labels.frequency}"))
            conn.execute(statement, [one.ts, one.id, series[one.labels], one.value])


def _series(conn: psycopg.Connection[Any], metric: str, of: Labels) -> int:
    fields = of._asdict()
    method = fields.pop("payment_method")
    dimensions = json.dumps({"payment_method": method} if method else {})
    row = conn.execute(
        """
        INSERT INTO fature.series (
            metric_name, metric_type, frequency, unit, service_name, affiliate_id, region,
            dimensions
        )
        VALUES (%s, 'revenue', %s, %s, %s, %s, %s, %s)
        ON CONFLICT (identity) DO UPDATE SET metric_type = excluded.metric_type
        RETURNING series_id
        """,
        [metric, *fields.values(), dimensions],
    ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def refresh(conn: psycopg.Connection[Any]) -> None:
    """Materialise those years, lowest level first; nothing to do on the plain engine."""
    if not conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
        return
    aggregates = conn.execute(
        """
        SELECT format('%I.%I', user_view_schema, user_view_name)
        FROM _timescaledb_catalog.continuous_agg ORDER BY mat_hypertable_id
        """
    ).fetchall()
    for (aggregate,) in aggregates:
        conn.execute(
            """
            CALL refresh_continuous_aggregate(
                %s::regclass, %s, %s, options => '{"buckets_per_batch": 0}'
            )
            """,
            [aggregate, FIRST - timedelta(days=62), LAST + timedelta(days=62)],
        )

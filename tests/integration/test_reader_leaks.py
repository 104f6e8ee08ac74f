"""Ways in which a tenant's analyst could learn of others without being shown a row: predicates that
fail on some rows, by what EXPLAIN counts, and from everything else that can be read.
"""

import re

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from tests.conftest import DatabaseServer
from tests.integration.readers import FIGURE, MARK, Readers, readers

# Columns with a figure or a text that another tenant has, and one that nobody has.
GUESSES = [
    *(
        (view, column, repr(FIGURE), repr(FIGURE + 1))
        for view, columns in (
            ("metrics", "value"),
            ("service_health", "error_rate"),
            ("alert_rules", "threshold_value"),
            ("alert_events", "value"),
            *(
                (
                    f"metric_{level}",
                    "sum_value avg_value min_value max_value first_value last_value",
                )
                for level in ("minute", "hour", "day", "week", "month")
            ),
        )
        for column in columns.split()
    ),
    *(
        (view, column, f"'{MARK}'", "'nobodysmrk'")
        for view, column in (
            ("catalog", "description"),
            ("service_health", "version"),
            ("alert_rules", "description"),
            ("alert_events", "comment"),
        )
    ),
]


@pytest.fixture(scope="module")
def people(database_of: DatabaseServer) -> Readers:
    return readers(database_of)


@pytest.mark.parametrize(
    ("view", "predicate"),
    [
        ("metrics", "region::int > 0"),
        ("metrics", "(dimensions ->> 'place')::int > 0"),
        ("metrics", "(metadata ->> 'note')::int > 0"),
        ("metrics", f"1 / (value - {FIGURE}) <> 0"),
        ("metric_hour", "metric_name::int > 0"),
        ("metric_day", "(dimensions ->> 'place')::int > 0"),
        ("metric_day", f"1 / (last_value - {FIGURE}) <> 0"),
        ("metric_month", "service_name::int > 0"),
        ("catalog", "description::int > 0"),
        ("service_health", "version::int > 0"),
        ("alert_rules", "description::int > 0"),
        ("alert_events", "comment::int > 0"),
        ("alert_events", f"1 / (value - {FIGURE}) <> 0"),
    ],
)
def test_a_leaky_predicate_finds_its_own_rows_and_no_others(
    people: Readers, view: str, predicate: str
) -> None:
    """The cast, and the division, would fail on the first row of the other tenant."""
    statement = f"SELECT count(*) > 0 FROM analytics.{view} WHERE {predicate}"
    with people.session("tenant") as conn:
        assert conn.execute(statement.encode()).fetchone() == (True,)
    with people.session("analyst") as conn, pytest.raises(psycopg.DataError):
        conn.execute(statement.encode())


@pytest.mark.parametrize(("view", "column", "theirs", "nobodys"), GUESSES)
def test_explain_does_not_tell_a_right_guess_from_a_wrong_one(
    people: Readers, view: str, column: str, theirs: str, nobodys: str
) -> None:
    def plan(guess: str, operator: str) -> str:
        statement = (
            "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) "
            f"SELECT count(*) FROM analytics.{view} WHERE {column} {operator} {guess}"
        )
        lines = [str(line) for (line,) in conn.execute(statement.encode())]
        # The guess itself, and what the first query after another finds in memory.
        return re.sub(rf"{guess.strip(chr(39))}|Buffers: .*|Memory.*", "", "\n".join(lines))

    with people.session("tenant") as conn:
        plan(nobodys, "=")
        assert plan(theirs, "=") == plan(nobodys, "=")
        # Which side of the guess theirs is on; ours is below both.
        assert plan(theirs, ">=") == plan(nobodys, ">=")


def test_nothing_that_can_be_read_tells_of_another_tenant(people: Readers) -> None:
    """Every row of every readable relation, the catalogs of PostgreSQL and TimescaleDB too."""
    readable = """
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE
            c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND has_schema_privilege(c.relnamespace, 'USAGE')
            AND has_table_privilege(c.oid, 'SELECT')
    """
    with people.session("analyst") as conn:
        assert count_marked(conn, "analytics.metrics") > 0
    with people.session("tenant") as conn:
        names = [name for (name,) in conn.execute(readable)]
        assert "pg_stats" in names
        told = {name for name in names if count_marked(conn, name)}
        # Its own queries, which name what they look for.
        assert told <= {"pg_stat_activity"}
        others = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND usename <> user"
        assert conn.execute(others, (f"%{MARK}%",)).fetchone() == (0,)


def count_marked(conn: psycopg.Connection[tuple[object, ...]], relation: str) -> int:
    statement = f"SELECT count(*) FROM {relation} AS r WHERE r::text LIKE %s OR r::text LIKE %s"
    try:
        row = conn.execute(statement.encode(), (f"%{MARK}%", f"%{FIGURE}%")).fetchone()
    except InsufficientPrivilege:
        return 0
    assert row is not None
    return int(str(row[0]))

"""Members in the database of a hub: commands, rights, what is carried out where."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from service.metrics.federation.source import MemberSource
from service.metrics.federation.statements import (
    rollup_params,
    rollup_statement,
    series_statement,
)
from service.metrics.query.rollups import Buckets, RollupQuery
from service.metrics.query.selection import Grouping, Selection
from sql.analysts import let_in
from sql.database import create_pool
from sql.federation import MemberRefused, federate, members, unfederate
from sql.hub_access import HubRefused, let_hub_in
from sql.migrator import drop_repeatable_objects, migrate, recorded_engine
from sql.timezone_change import change_timezone
from sql.vocabulary import NONE, Aggregation
from tests.conftest import DatabaseServer
from tests.federation import Entry, printed_password, put
from tests.instances import command
from tests.integration.readers import add_tenants

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def login(database_of: DatabaseServer) -> Iterator[str]:
    """The log-in of a hub to an installation of its own database."""
    url = database_of.new_database()
    role = f"hub_{url.rpartition('_')[2]}"
    yield make_conninfo(url, user=role, password=let_hub_in(url, role).password)
    database_of.drop(url)


def run(*arguments: str, url: str, tmp_path: Path) -> str:
    ended = command(*arguments, FATURE_DATABASE_URL=url, FATURE_DATA_DIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_commands_make_list_and_forget_a_member_and_show_no_password(
    database: str, database_of: DatabaseServer, tmp_path: Path
) -> None:
    member = database_of.new_database("America/Sao_Paulo")
    made = command(
        "hub-access",
        FATURE_DATABASE_URL=member,
        FATURE_TIMEZONE="America/Sao_Paulo",
        FATURE_DATA_DIR=str(tmp_path),
    )
    password = printed_password(made.stdout)
    login = make_conninfo(member, user="fature_hub_login", password=password)
    outputs = [
        run("federate", "brasil", login, url=database, tmp_path=tmp_path),
        run("members", url=database, tmp_path=tmp_path),
        run("unfederate", "brasil", url=database, tmp_path=tmp_path),
        run("members", url=database, tmp_path=tmp_path),
    ]
    assert "America/Sao_Paulo" in outputs[0]
    assert re.search(r"^brasil .*127\.0\.0\.1:\d+/test_.* answers$", outputs[1], re.MULTILINE)
    assert "There are no members" in outputs[3]
    assert not [one for one in outputs if password in one]
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT FROM pg_user_mappings").fetchall() == []
    database_of.drop(member)


def test_what_is_no_other_installation_is_refused(database: str, login: str) -> None:
    federate(database, "north", login)
    with pytest.raises(MemberRefused, match="another name"):
        federate(database, "south", login)
    with pytest.raises(MemberRefused, match="no name"):
        federate(database, "hub", login)
    with pytest.raises(MemberRefused, match="password"):
        federate(database, "east", re.sub(r"password=\S+", "", login))
    own = make_conninfo(
        database, user="hub_of_itself", password=let_hub_in(database, "hub_of_itself").password
    )
    with pytest.raises(MemberRefused, match="itself"):
        federate(database, "west", own)
    with pytest.raises(MemberRefused, match="no member"):
        unfederate(database, "west")
    with pytest.raises(HubRefused, match="other duties"):
        let_hub_in(database, "fature_app")
    assert [row["member_name"] for row in members(database)] == ["north"]


def test_the_log_in_of_a_hub_reads_what_hubs_need_and_nothing_else(login: str) -> None:
    with psycopg.connect(login, autocommit=True) as conn:
        conn.execute("SELECT * FROM federation.installation, federation.catalog")
        conn.execute("SELECT * FROM federation.rollup_watermark")
        for forbidden in (
            "SELECT * FROM fature.series",
            "SELECT * FROM fature.api_key",
            "SELECT * FROM analytics.alert_events",
            "SELECT * FROM analytics.metrics",
            "SET default_transaction_read_only = off; DELETE FROM federation.series",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(forbidden)


def test_only_who_owns_the_server_sees_the_password(database: str, login: str) -> None:
    federate(database, "north", login)
    seen = "SELECT umoptions::text FROM pg_user_mappings"
    with psycopg.connect(database) as conn:
        conn.execute("SET ROLE fature_app")
        assert conn.execute(seen).fetchall() == [(None,)]
        conn.execute("SELECT * FROM member_north.catalog")
    analyst = let_in(database, "ana_of_hub")
    with psycopg.connect(
        make_conninfo(database, user=analyst.name, password=analyst.password)
    ) as conn:
        assert conn.execute(seen).fetchall() == [(None,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM member_north.catalog")


def question(aggregation: Aggregation, level: str, period: str, **changes: Any) -> RollupQuery:
    buckets = Buckets(
        frequencies=("hourly",),
        level=level,  # type: ignore[arg-type]
        period=period,  # type: ignore[arg-type]
        zone="America/Sao_Paulo",
        before=NOW,
        **changes,
    )
    return RollupQuery(
        buckets, NOW - timedelta(days=90), aggregation, "{9,3,5}", "{0,1,0}", 3, 2, 100
    )


def remote_statements(conn: psycopg.Connection, asked: RollupQuery) -> list[str]:
    """What is sent to the member."""
    statement = rollup_statement("north", asked, NOW)
    explained = sql.SQL("EXPLAIN (VERBOSE, COSTS OFF) ") + statement.body
    rows = conn.execute(explained, rollup_params(asked, NOW)).fetchall()
    lines = [line.strip() for (line,) in rows]
    return [line for line in lines if line.startswith("Remote SQL: ")]


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
def test_members_filter_and_group_themselves(
    database: str, login: str, aggregation: Aggregation
) -> None:
    federate(database, "north", login)
    with psycopg.connect(database) as conn:
        conn.execute("SET ROLE fature_app")
        for asked in (
            question(aggregation, "day", "day"),
            question(aggregation, "hour", "day"),
            question(aggregation, "day", "day", whole=True),
            question(aggregation, "month", "month"),
        ):
            remote = remote_statements(conn, asked)
            assert remote
            for statement in remote:
                assert " GROUP BY " in statement
                assert "series_id = ANY ('{3,5,9}'::integer[])" in statement
                assert "bucket >= '" in statement
                assert "bucket < '" in statement


def test_series_are_looked_for_at_the_member(database: str, login: str) -> None:
    federate(database, "north", login)
    selection = Selection("acme", {"metric_name": "m", "region": NONE}, {"payment_method": "pix"})
    statement = series_statement("north", Grouping(selection, ("service_name",)))
    with psycopg.connect(database) as conn:
        rows = conn.execute(sql.SQL("EXPLAIN (VERBOSE) ") + statement.body).fetchall()
    (remote,) = [line for (line,) in rows if "Remote SQL" in line]
    for condition in (
        "tenant = 'acme'",
        "metric_name = 'm'",
        "region IS NULL",
        """dimensions @> '{"payment_method": "pix"}'""",
    ):
        assert condition in remote


def test_analysts_of_a_hub_see_members_and_tenants_their_own(
    database: str, database_of: DatabaseServer, login: str
) -> None:
    entry = Entry(datetime.now(UTC) - timedelta(hours=3), 10, "m")
    member = make_conninfo(database_of.url, dbname=conninfo_to_dict(login)["dbname"])
    for url in (database, member):
        add_tenants(url, "acme")
        put(url, [entry, replace(entry, tenant="acme", value=7)])
    federate(database, "north", login)
    every, one = let_in(database, "every_of_hub", "*"), let_in(database, "one_of_hub", "acme")
    asked = "SELECT member, tenant, sum_value FROM analytics.member_metric_day ORDER BY 1, 2"
    for analyst, tenants in ((every, {"acme", "default"}), (one, {"acme"})):
        url = make_conninfo(database, user=analyst.name, password=analyst.password)
        with psycopg.connect(url) as conn:
            rows = conn.execute(asked).fetchall()
        assert {tenant for _, tenant, _ in rows} == tenants
        assert {name for name, *_ in rows} == {"hub", "north"}
        assert ("north", "acme", 7) in rows
    unfederate(database, "north")
    with psycopg.connect(database) as conn, pytest.raises(psycopg.errors.UndefinedTable):
        conn.execute(asked)


def test_members_are_asked_at_the_same_time_for_the_views(database: str, login: str) -> None:
    federate(database, "north", login)
    with psycopg.connect(database) as conn:
        rows = conn.execute(
            "EXPLAIN SELECT * FROM analytics.member_metric_day WHERE metric_name = 'm'"
        ).fetchall()
    assert [line for (line,) in rows if "Async Foreign Scan" in line]


@pytest.mark.anyio
async def test_a_member_of_another_time_zone_than_it_was_federated_with_is_missing(
    database: str, database_of: DatabaseServer, login: str
) -> None:
    federate(database, "north", login)
    everything = Grouping(Selection("default", {}, {}), ())
    async with create_pool(database, size=1) as pool:
        assert (await MemberSource("north", pool, "UTC").grouped(everything)).groups == [()]
        member = make_conninfo(database_of.url, dbname=conninfo_to_dict(login)["dbname"])
        change_timezone(member, "America/Sao_Paulo", "test")
        with pytest.raises(MemberRefused, match="America/Sao_Paulo now: run `make federate`"):
            await MemberSource("north", pool, "UTC").grouped(everything)
    (row,) = members(database)
    assert "America/Sao_Paulo now" in row["reason"]
    federate(database, "north", login)
    (row,) = members(database)
    assert (row["timezone"], row["reason"]) == ("America/Sao_Paulo", None)


def test_views_and_members_are_there_again_after_a_step_back(database: str, login: str) -> None:
    federate(database, "north", login)
    with psycopg.connect(database, autocommit=True) as conn:
        drop_repeatable_objects(conn, recorded_engine(database))
    migrate(database, engine="auto", timezone="UTC")
    with psycopg.connect(database) as conn:
        conn.execute("SELECT * FROM analytics.member_metric_month")

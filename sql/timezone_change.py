"""Another business time zone for a database that has samples already.

The figures of days, weeks and months are made anew; in one transaction, so that a failure changes
nothing. See ``zone_change/*.sql`` for how.
"""

from datetime import UTC, datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from sql import audit, migrator
from sql.engine import Engine
from sql.migration_files import FOLDER
from sql.migrator import MigrationError, NeverMigrated
from sql.statements import query
from sql.timezones import check_whole_hours

_FOLDER = FOLDER / "zone_change"


def change_timezone(url: str, timezone: str, actor: str) -> str:
    """The zone before; from now on days, weeks and months are those of `timezone`, and the audit
    log has it with `actor`. Policies have to be reconciled afterwards. Services must be stopped:
    they would label figures by the zone that they were started with.

    Raises:
        BadTimezone: its days are not made of whole hours of UTC.
        MigrationError: migrations are pending, PostgreSQL has the zone otherwise, or a statement
            failed.
        NeverMigrated: there is nothing to change.
    """
    check_whole_hours(timezone)
    _check_up_to_date(url)
    with migrator.session(url) as conn, migrator.migration_lock(conn):
        recorded = migrator.installation(conn)
        assert recorded is not None
        engine, before = recorded
        migrator.check_same_zone(conn, timezone, datetime.now(UTC))
        if before != timezone:
            with conn.transaction():
                _change(conn, engine, before, timezone, actor)
            if engine == "timescale":
                _show_materialised(conn)
    return before


def _check_up_to_date(url: str) -> None:
    status = migrator.status(url)
    if status is None:
        raise NeverMigrated
    if status.pending:
        raise MigrationError("migrations are pending: run `make migrate` first")


def _change(
    conn: Connection[TupleRow], engine: Engine, before: str, timezone: str, actor: str
) -> None:
    migrator.drop_repeatable_objects(conn, engine)
    migrator.execute_script(conn, _FOLDER / f"change.{engine}.sql", timezone)
    conn.execute(query("change_timezone").body, {"timezone": timezone})
    migrator.apply_pending(conn, engine, timezone)
    entry = audit.entry(
        "default",
        actor,
        "timezone.change",
        "installation",
        before={"timezone": before},
        after={"timezone": timezone},
    )
    conn.execute(query("record_audit").body, entry)


def _show_materialised(conn: Connection[TupleRow]) -> None:
    """Refresh the newest buckets, up to which the rollups then are materialised. Until then they
    show what there are samples of.
    """
    for relation, start, stop in conn.execute(query("refresh_windows").body).fetchall():
        params = {"relation": relation, "start": start, "stop": stop}
        conn.execute(query("refresh_rollup").body, params)

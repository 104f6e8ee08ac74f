"""Imported history in tests of the database: rows as an import has received them."""

from collections.abc import Sequence
from datetime import datetime

from sql.vocabulary import Frequency
from tests.integration.rollups import Conn, number


def bring(
    conn: Conn, frequency: Frequency, rows: Sequence[tuple[datetime, int, int, float]]
) -> None:
    """Have rows (instant, id, series, value) received as a batch that is closed."""
    job = number(
        conn,
        "INSERT INTO fature.import_job (tenant, import_key, actor, format, status) "
        "VALUES ('default', gen_random_uuid()::text, 'key:1', 'csv', 'counting') "
        "RETURNING import_id",
    )
    batch = number(
        conn,
        f"INSERT INTO fature.import_batch (import_id, status) VALUES ({job}, 'closed') "
        "RETURNING batch_id",
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO fature.imported_{frequency} (ts, id, series_id, value, batch_id) "
            f"VALUES (%s, %s, %s, %s, {batch})",
            rows,
        )
    conn.execute(
        "INSERT INTO fature.import_extent (batch_id, frequency, since, until, number) "
        f"SELECT {batch}, '{frequency}', min(ts), max(ts), count(*) "
        f"FROM fature.imported_{frequency} WHERE batch_id = {batch}"
    )

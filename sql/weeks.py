"""The day that weeks of an installation's views begin on."""

from sql.calendar import WeekStart
from sql.migrator import session
from sql.statements import query


def record_week_start(url: str, day: WeekStart) -> None:
    """Have the weeks of views begin on that day, and forget what was expected of others."""
    with session(url) as conn, conn.transaction():
        changed = conn.execute(query("change_week_start").body, {"week_start": day})
        if changed.fetchone():
            conn.execute(query("forget_expected_weeks").body)

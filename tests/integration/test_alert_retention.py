"""Resolved alert events go after a year; open ones stay."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from retention.apply import delete_expired, reconcile
from retention.policies import parse_keep
from retention.report import report
from sql.engine import Engine

NOW = datetime.now(UTC)
KEEP = parse_keep("")


def add_event(url: str, resolved_days_ago: int | None) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            """
            INSERT INTO fature.alert_event (
                tenant, rule_name, metric_name, condition, threshold_value, severity, status,
                aggregation, window_name, opened_at, resolved_at
            )
            VALUES ('default', 'r', 'm', '>', 1, 'low', %s, 'sum', 'hour', %s, %s)
            """,
            [
                "open" if resolved_days_ago is None else "resolved",
                NOW - timedelta(days=800),
                None if resolved_days_ago is None else NOW - timedelta(days=resolved_days_ago),
            ],
        )


def test_resolved_events_go_after_a_year(database: str, engine: Engine) -> None:
    for days in (None, 364, 366):
        add_event(database, days)
    if engine == "timescale":
        with psycopg.connect(database, autocommit=True) as conn:
            job = conn.execute(
                "SELECT job_id FROM timescaledb_information.jobs"
                " WHERE proc_name = 'delete_resolved_alert_events'"
            ).fetchone()
            assert job is not None
            conn.execute("CALL run_job(%s)", [job[0]])
    else:
        assert delete_expired(database, engine, KEEP, NOW)["alert_event"] == 1
    with psycopg.connect(database) as conn:
        left = conn.execute("SELECT status FROM fature.alert_event ORDER BY status").fetchall()
    assert left == [("open",), ("resolved",)]


def test_the_job_is_declared_once_and_follows_the_setting(database: str, engine: Engine) -> None:
    assert not reconcile(database, engine, KEEP, ZoneInfo("UTC"), NOW)
    shorter = parse_keep("alert_events=30")
    changes = reconcile(database, engine, shorter, ZoneInfo("UTC"), NOW)
    assert len(changes.add) == (1 if engine == "timescale" else 0)
    lines = {line.relation: line for line in report(database, engine, shorter, datetime.now(UTC))}
    assert lines["alert_event"].declared == lines["alert_event"].actual == "keep 30 d"
    assert all(line.in_line for line in lines.values())


def test_analysts_see_every_column_explained(database: str) -> None:
    with psycopg.connect(database) as conn:
        bare = conn.execute(
            """
            SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a
            WHERE a.attrelid IN ('analytics.alert_rules'::regclass,
            'analytics.alert_events'::regclass)
            AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL
            """
        ).fetchall()
    assert bare == []

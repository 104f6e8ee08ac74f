"""A service with a database of its own, to ask about random samples."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import psycopg
from hypothesis import HealthCheck, Phase, settings

from tests.asking import AGGREGATIONS, Question, check_answer, check_raw_sql, check_view
from tests.conftest import DatabaseServer, running_service
from tests.reference import VIEWS, Sample

# Each example takes one.
METRICS = 500

# The same examples in every run. A failing one is not made smaller: each try is a load.
profile = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Place:
    """The service and its database; `names` are metrics with the dimension
    `payment_method`.
    """

    client: httpx2.Client
    conn: psycopg.Connection[Any]
    database_url: str
    zone: ZoneInfo
    names: Iterator[str]

    def pause_refreshes(self) -> None:
        """Nothing is materialised from now on, however long a test takes."""
        if self.conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
            self.conn.execute(
                """
                SELECT alter_job(job_id, scheduled => false)
                FROM timescaledb_information.jobs
                WHERE proc_name = 'policy_refresh_continuous_aggregate'
                """
            )

    def check_sql(self, metric: str, samples: Sequence[Sample]) -> None:
        """Every view, and SQL over the samples in several zones."""
        for period in VIEWS:
            check_view(self.conn, period, metric, samples, self.zone)
            check_raw_sql(self.conn, period, metric, samples, self.zone.key)
        for zone in ("Asia/Tokyo", "Europe/Lisbon"):
            check_raw_sql(self.conn, "day", metric, samples, zone)

    def check_answers(
        self, metric: str, questions: Sequence[Question], samples: Sequence[Sample], **more: str
    ) -> None:
        """The API's answers to the questions, in every aggregation."""
        for question in questions:
            for aggregation in AGGREGATIONS:
                asked = replace(question, aggregation=aggregation)
                check_answer(self.client, metric, asked, samples, self.zone, **more)


@contextmanager
def new_place(server: DatabaseServer, zone: ZoneInfo, folder: Path) -> Iterator[Place]:
    """A fresh place in that business time zone."""
    database_url = server.new_database(zone.key)
    names = [f"random_{number}" for number in range(METRICS)]
    with closing(psycopg.connect(database_url, autocommit=True)) as conn:
        conn.execute(
            """
            INSERT INTO fature.metric (
                metric_name, metric_type, kind, default_aggregation, frequency, dimensions
            )
            SELECT name, 'revenue', 'flow', 'sum', 'hourly', '{payment_method}'
            FROM unnest(%s::text[]) AS name
            """,
            [names],
        )
        with running_service(folder, database_url, FATURE_TIMEZONE=zone.key) as service:
            yield Place(service.client, conn, database_url, zone, iter(names))

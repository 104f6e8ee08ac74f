"""Pages compare nothing while acknowledged samples wait for a refresh of rollups."""

from datetime import timedelta
from pathlib import Path

from tests.acceptance.reading import at, submit
from tests.acceptance.web import signed_in, text_of
from tests.clock import today
from tests.conftest import DatabaseServer, run_refresh_jobs, running_service

WAITING = "Late samples are not counted yet"


PAGE = "/explore?metric_name=revenue_hourly&range=last_7_days&compare=previous_period"


def test_nothing_is_compared_until_late_samples_are_in_the_rollups(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    database = database_of.new_database()
    with running_service(tmp_path, database) as service, signed_in(service.client) as web:
        days = [today() - timedelta(days=day) for day in range(1, 40)]
        submit(service.client, "revenue_hourly", *(at(day, 10.0) for day in days))
        run_refresh_jobs(database)
        assert "0.0%" in text_of(web.get(PAGE))
        # Of before and now as much: the newest would count at once, the others after a refresh.
        late = [day + timedelta(minutes=5) for day in days]
        submit(service.client, "revenue_hourly", *(at(moment, 90.0) for moment in late))
        if database_of.engine == "timescale":
            shown = text_of(web.get(PAGE))
            assert WAITING in shown
            assert "%" not in shown.partition(WAITING)[0][-40:]
            run_refresh_jobs(database)
        shown = text_of(web.get(PAGE))
        assert "0.0%" in shown
        assert WAITING not in shown

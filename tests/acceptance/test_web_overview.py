"""The overview and the pages of services: the right figures, to those who may see them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.acceptance.talk import sample
from tests.acceptance.web import signed_in, text_of
from tests.clock import this_hour, today
from tests.conftest import DatabaseServer, Service, running_service
from tests.killable import until

pytestmark = pytest.mark.one_engine


@pytest.fixture(scope="module")
def place(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of two others, and their health."""
    database = database_of.new_database()
    with running_service(
        tmp_path_factory.mktemp("overview"), database, FATURE_ALERT_INTERVAL="0.5"
    ) as service:
        report = {"status": "healthy", "response_time_ms": 81.5, "cpu_usage": 0.25}
        for name, status in (("checkout", "healthy"), ("bill/ing?", "unhealthy")):
            body = report | {"service_name": name, "status": status, "version": "<b>1"}
            assert service.client.post("/api/services/health", json=body).is_success
        yield service


@pytest.fixture
def sold(place: Service) -> None:
    """Revenue of both today and a week ago."""
    for name, value in (("checkout", 1000.5), ("billing", 234)):
        for back, times in ((0, 2), (7, 1)):
            day = today() - timedelta(days=back)
            body = sample(
                "revenue_hourly",
                value=value * times,
                unit="BRL",
                service_name=name,
                timestamp=day.isoformat(),
            )
            # Once, though every test that needs it asks for it.
            key = {"Idempotency-Key": f"{name} {day:%F}"}
            answer = place.client.post("/api/metrics", json=body, headers=key)
            assert answer.status_code == 201, answer.text


@pytest.mark.usefixtures("sold")
def test_today_is_added_up(place: Service) -> None:
    with signed_in(place.client) as ana:
        text = text_of(ana.get("/"))
        assert "Revenue today R$2,469.00" in text
        if this_hour() > today():
            assert "+100.0%" in text
        assert "Active users –" in text


def test_a_level_is_of_all_who_report_it_also_of_those_who_have_not_this_hour(
    api: httpx2.Client, metric: str
) -> None:
    """Seen by somebody of one service, as others report active users, too."""
    for region, back in (("SP", 0), ("RJ", 1)):
        body = sample(
            "active_users",
            metric_type="user_activity",
            value=300,
            unit="users",
            frequency="hourly",
            service_name=metric,
            region=region,
            timestamp=max(this_hour() - timedelta(hours=back), today()).isoformat(),
        )
        assert api.post("/api/metrics", json=body).status_code == 201
    with signed_in(api, "reader", service_name=metric) as ana:
        assert "Active users 600 users" in text_of(ana.get("/")).replace("\u202f", " ")


@pytest.mark.usefixtures("sold")
def test_open_alerts_are_shown(place: Service) -> None:
    rule = {
        "rule_name": "Revenue <came> in",
        "metric_name": "revenue_hourly",
        "condition": ">",
        "threshold_value": 1,
        "window": "day",
        "severity": "critical",
        "notification_channels": [],
    }
    answer = place.client.post("/api/alerts/rules", json=rule)
    assert answer.status_code == 201, answer.text
    with signed_in(place.client, "reader") as ana:
        until(lambda: "Revenue <came> in Critical R$2,469.00 · Open" in text_of(ana.get("/")))


@pytest.mark.usefixtures("sold")
def test_figures_are_written_as_the_reader_does(place: Service) -> None:
    with signed_in(place.client) as ana:
        ana.headers["Accept-Language"] = "pt-BR"
        text = text_of(ana.get("/"))
        assert "Receita hoje R$ 2.469,00" in text.replace("\xa0", " ")


@pytest.mark.usefixtures("sold")
def test_a_user_of_one_service_sees_that_alone(place: Service) -> None:
    with signed_in(place.client, "reader", service_name="checkout") as ana:
        text = text_of(ana.get("/"))
        assert "Revenue today R$2,001.00" in text
        assert "bill/ing?" not in text
        assert "bill/ing?" not in text_of(ana.get("/services"))
        assert ana.get("/services/checkout").status_code == 200
        assert ana.get("/services/bill%2Fing%3F").status_code == 404


@pytest.mark.usefixtures("sold")
def test_who_may_not_read_sees_no_figures(place: Service) -> None:
    with signed_in(place.client, "writer") as client:
        assert client.get("/").headers["Location"] == "/account"
        for path in ("/live", "/services", "/services/checkout"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert "2,469" not in answer.text
            assert 'href="/services"' not in answer.text


def test_no_link_leads_elsewhere_by_the_name_of_a_service(service: Service) -> None:
    for name in (".", ".."):
        body = {"service_name": name, "status": "healthy"}
        assert service.client.post("/api/services/health", json=body).is_success
    with signed_in(service.client) as ana:
        page = ana.get("/services").text
    assert 'class="name">.</th>' in page
    assert 'class="name">..</th>' in page


def test_services_show_health_and_availability(place: Service) -> None:
    with signed_in(place.client) as ana:
        page = ana.get("/services")
        text = text_of(page)
        assert "checkout Healthy" in text
        assert "bill/ing? Unhealthy" in text
        assert "<b>1" not in page.text
        for span in ("day", "week", "month", "nonsense"):
            detail = ana.get(f"/services/checkout?span={span}&cursor=nonsense")
            assert detail.status_code == 200
            assert "81.5 ms" in text_of(detail).replace("\N{NARROW NO-BREAK SPACE}", " ")
        assert ana.get("/services/nobody").status_code == 404


def test_a_name_with_a_slash_leads_to_its_page(place: Service) -> None:
    with signed_in(place.client) as ana:
        assert 'href="/services/bill%2Fing%3F?span=day"' in ana.get("/services").text
        answer = ana.get("/services/bill%2Fing%3F")
        assert answer.status_code == 200
        assert "bill/ing? · Fature" in answer.text


def test_an_open_page_follows(place: Service) -> None:
    with (
        signed_in(place.client) as ana,
        ana.stream("GET", "/live", headers={"Accept": "text/event-stream"}) as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert "Content-Encoding" not in answer.headers
        lines = answer.iter_lines()
        first = event(lines)
        assert "Active users" in first
        body = sample(
            "active_users",
            metric_type="user_activity",
            value=4711,
            unit="users",
            frequency="real_time",
        )
        assert place.client.post("/api/metrics", json=body).is_success
        while "4,711" not in event(lines):
            pass


def event(lines: Iterator[str]) -> str:
    """The next event or comment."""
    parts: list[str] = []
    for line in lines:
        if not line:
            break
        parts.append(line)
    return "\n".join(parts)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_open_page_ends_with_the_service(database: str, tmp_path: Path, workers: str) -> None:
    with (
        running_service(tmp_path, database, FATURE_WORKERS=workers) as service,
        signed_in(service.client) as ana,
        ana.stream("GET", "/live", headers={"Accept": "text/event-stream"}) as answer,
    ):
        lines = answer.iter_lines()
        event(lines)
        service.process.terminate()
        # To its proper end: an answer that is cut off would fail here.
        for _ in lines:
            pass
        assert service.exit_code() == 0


def test_an_open_page_ends_with_the_log_in(place: Service) -> None:
    with signed_in(place.client) as ana:
        (user,) = place.client.get("/api/users").json()["data"][:1]
        with ana.stream("GET", "/live", headers={"Accept": "text/event-stream"}) as answer:
            lines = answer.iter_lines()
            event(lines)
            assert place.client.delete(f"/api/users/{user['id']}").is_success
            for _ in lines:
                pass
        again = ana.get("/live", headers={"Accept": "text/event-stream"})
        assert again.status_code == 204


def test_a_service_is_shown_whatever_amounts_were_once_reported(
    service: Service, api: httpx2.Client
) -> None:
    """Reports from before there was a bound."""
    with psycopg.connect(service.database_url) as conn:
        for seconds, time in enumerate((1.0, 1e200, 1.7976931348623157e308)):
            conn.execute(
                "INSERT INTO fature.service_health "
                "(ts, service_name, status, response_time_ms, uptime_seconds) "
                "VALUES (now() - make_interval(secs => %s), 'huge', 'healthy', %s, 1e15)",
                [seconds, time],
            )
    with signed_in(api) as ana:
        for span in ("day", "week", "month"):
            answer = ana.get(f"/services/huge?span={span}")
            assert answer.status_code == 200, text_of(answer)
        assert "years" in text_of(answer)
    assert api.get("/api/services/health").is_success
    assert api.get("/api/services/huge/health").is_success

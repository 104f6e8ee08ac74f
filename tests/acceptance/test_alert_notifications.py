"""From a posted metric to the people who are told, over HTTP."""

import json
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from sql.engine import Engine
from tests.acceptance.people import add_person, browser
from tests.acceptance.web import post, sign_in
from tests.alert_loop import pause_refreshes
from tests.conftest import DatabaseServer, Service, running_service
from tests.receivers import Mailbox, Received, smtp_server, web_receiver

pytestmark = pytest.mark.one_engine

RULE = {
    "rule_name": "Test metric is high",
    "metric_name": "test_metric",
    "condition": ">",
    "threshold_value": 500,
    "severity": "critical",
    "notification_channels": ["email", "webhook"],
    "notification_recipients": ["ana@example.com"],
}
ABOUT = {"metric_name": "test_metric"}
SAMPLE = {
    "metric_name": "test_metric",
    "metric_type": "performance",
    "value": 999,
    "frequency": "real_time",
}


def test_an_alert_and_its_resolve_reach_every_channel_once(
    engine: Engine, servers: Callable[[Engine], DatabaseServer], tmp_path: Path
) -> None:
    mailbox = Mailbox()
    with (
        smtp_server(mailbox) as port,
        web_receiver() as hook,
        running_service(
            tmp_path,
            servers(engine).new_database(),
            FATURE_ALERT_INTERVAL="1",
            FATURE_SMTP_HOST="127.0.0.1",
            FATURE_SMTP_PORT=str(port),
            FATURE_SMTP_FROM="alerts@fature.example",
            FATURE_WEBHOOK_URL=hook.url,
            FATURE_WEBHOOK_ALLOW_PRIVATE="true",
        ) as service,
    ):
        assert service.client.post("/api/alerts/rules", json=RULE).status_code == 201
        assert service.client.post("/api/metrics", json=SAMPLE).status_code == 201
        until(lambda: mailbox.mails and hook.received)
        (event,) = [
            one
            for one in service.client.get("/api/alerts/events").json()["data"]
            if one["metric_name"] == "test_metric"
        ]
        assert service.client.post(f"/api/alerts/events/{event['id']}/resolve").status_code == 200
        until(lambda: len(mailbox.mails) == 2 and len(hook.received) == 2)
        time.sleep(3)
    first, second = mailbox.mails
    assert "999" in first["Subject"]
    assert second["In-Reply-To"] == first["Message-ID"]
    told = [json.loads(one.body)["transition"] for one in hook.received]
    assert told == ["opened", "resolved"]


def sold(service: Service, metric: str, until_hour: datetime) -> None:
    """Five weeks of some 1,000 an hour, but for the last hour, which has 100."""
    hours = 35 * 24
    samples = [
        {
            "metric_name": metric,
            "metric_type": "revenue",
            "unit": "BRL",
            "frequency": "hourly",
            "value": 100 if number == 1 else 1000 + number % 7,
            "timestamp": (until_hour - timedelta(hours=number)).isoformat(),
        }
        for number in range(1, hours + 1)
    ]
    answer = service.client.post("/api/metrics/batch", json={"metrics": samples})
    assert answer.status_code == 201, answer.text
    asked: dict[str, str | int] = {
        "metric_name": metric,
        "period": "hour",
        "start_date": str(samples[-1]["timestamp"]),
        "limit": hours,
    }

    def counted() -> bool:
        """Late samples count once their rollups are refreshed."""
        answer = service.client.get("/api/metrics/aggregate", params=asked)
        return len(answer.json()["data"]) == hours

    until(counted, seconds=180)


def test_an_event_says_in_all_ways_how_far_it_is_from_what_was_expected(
    engine: Engine, servers: Callable[[Engine], DatabaseServer], tmp_path: Path
) -> None:
    mailbox, database = Mailbox(), servers(engine).new_database()
    pause_refreshes(database)
    with (
        smtp_server(mailbox) as port,
        web_receiver() as hook,
        running_service(
            tmp_path,
            database,
            FATURE_ALERT_INTERVAL="1",
            FATURE_LANGUAGE="pt-BR",
            FATURE_SMTP_HOST="127.0.0.1",
            FATURE_SMTP_PORT=str(port),
            FATURE_SMTP_FROM="alerts@fature.example",
            FATURE_WEBHOOK_URL=hook.url,
            FATURE_WEBHOOK_ALLOW_PRIVATE="true",
        ) as service,
    ):
        api = service.client
        sold(service, "shop_sales", datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
        low = RULE | {
            "metric_name": "shop_sales",
            "condition": "<",
            "window": "hour",
            "settle": "0s",
            "repeat_interval": "1m",
        }
        assert api.post("/api/alerts/rules", json=low).status_code == 201
        # What takes too long is left out, and comes with the next notification.
        until(lambda: impacts_in(hook.received) and whole(mailbox.mails), seconds=200)
        events = api.get("/api/alerts/events", params={"metric_name": "shop_sales"}).json()["data"]
        event = events[-1]
        told = impacts_in(hook.received)[-1]
        span = {"start_date": event["impact_since"], "end_date": event["impact_until"]}
        asked = {"metric_name": "shop_sales", "period": "hour", "expected": "true", "fill": "zero"}
        rows = api.get("/api/metrics/aggregate", params=asked | span).json()["data"]
        rows = [row for row in rows if row["start"] < event["impact_until"]]
    assert event["impact"] == pytest.approx(sum(row["value"] - row["expected"] for row in rows))
    assert event["impact_expected"] == pytest.approx(sum(row["expected"] for row in rows))
    assert event["impact_unit"] == "BRL"
    assert -1200 * len(rows) < event["impact"] < -800 * len(rows)
    assert told["difference"] == pytest.approx(event["impact"])
    mail = whole(mailbox.mails)[0]
    html, chart = mail.get_body(("html",)), pictures_in(mail)
    assert html is not None
    # The chart comes with the mail, and nothing from elsewhere.
    assert re.findall(r'src="([^"]+)"', html.get_content()) == ["cid:chart"]
    assert chart["<chart>"].startswith(b"\x89PNG")
    # With its date where midnight has passed.
    since = r"(\d\d/\d\d/\d{4} )?\d\d:00\."
    assert re.search(rf"R\$ [\d.]+,\d\d a menos que o esperado desde {since}", text_in(mail))


def impacts_in(received: Sequence[Received]) -> list[dict[str, float]]:
    """The impacts that webhooks told."""
    told = [json.loads(one.body)["event"]["impact"] for one in received]
    return [impact for impact in told if impact is not None]


def whole(mails: Sequence[EmailMessage]) -> list[EmailMessage]:
    """Mails that say what an event cost, with its chart."""
    return [mail for mail in mails if pictures_in(mail) and "que o esperado" in text_in(mail)]


def text_in(mail: EmailMessage) -> str:
    """The text of a mail without its lines."""
    text = mail.get_body(("plain",))
    assert text is not None
    return " ".join(str(text.get_content()).split())


def pictures_in(mail: EmailMessage) -> dict[str, bytes]:
    """The pictures of a mail by what its HTML calls them."""
    parts = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    return {part["Content-ID"]: bytes(part.get_content()) for part in parts}


def test_who_chose_a_language_is_notified_in_it(
    engine: Engine, servers: Callable[[Engine], DatabaseServer], tmp_path: Path
) -> None:
    mailbox = Mailbox()
    with (
        smtp_server(mailbox) as port,
        running_service(
            tmp_path,
            servers(engine).new_database(),
            FATURE_ALERT_INTERVAL="1",
            FATURE_SMTP_HOST="127.0.0.1",
            FATURE_SMTP_PORT=str(port),
        ) as service,
    ):
        ana = add_person(service.client)
        with browser(service.url) as page:
            sign_in(page, ana)
            chosen = post(page, "/preferences", language="pt-BR", next="/")
            assert chosen.status_code == 303
        both = RULE | {
            "notification_channels": ["email"],
            "notification_recipients": [ana.email.upper(), "ben@example.com"],
        }
        assert service.client.post("/api/alerts/rules", json=both).status_code == 201
        assert service.client.post("/api/metrics", json=SAMPLE).status_code == 201
        until(lambda: len(mailbox.mails) == 2)
    subjects = {str(mail["To"]).lower(): str(mail["Subject"]) for mail in mailbox.mails}
    assert subjects[ana.email.lower()].startswith("[crítica]")
    assert subjects["ben@example.com"].startswith("[critical]")


def test_without_a_history_an_event_has_no_impact(
    engine: Engine, servers: Callable[[Engine], DatabaseServer], tmp_path: Path
) -> None:
    with running_service(
        tmp_path, servers(engine).new_database(), FATURE_ALERT_INTERVAL="1"
    ) as service:
        api = service.client
        assert api.post("/api/alerts/rules", json=RULE).status_code == 201
        assert api.post("/api/metrics", json=SAMPLE).status_code == 201
        until(lambda: service.client.get("/api/alerts/events", params=ABOUT).json()["data"])
        (event,) = api.get("/api/alerts/events", params=ABOUT).json()["data"]
    assert [name for name in event if name.startswith("impact")] == []


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)

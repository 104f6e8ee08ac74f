"""``POST /api/alerts/channels/test`` really sends."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from service.runtime.settings import SettingsError, load_settings
from sql.engine import Engine
from tests.acceptance.web import post, signed_in, text_of
from tests.conftest import DatabaseServer, Service, running_service
from tests.outbox_rows import Outbox
from tests.receivers import Mailbox, Reply, WebReceiver, smtp_server, web_receiver

pytestmark = pytest.mark.one_engine

PATH = "/api/alerts/channels/test"


@pytest.fixture(scope="module")
def mailbox() -> Mailbox:
    """The mailbox of the recipients."""
    return Mailbox()


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebReceiver]:
    """Where the configured webhook leads."""
    with web_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def notifying(
    engine: Engine,
    servers: Callable[[Engine], DatabaseServer],
    tmp_path_factory: pytest.TempPathFactory,
    mailbox: Mailbox,
    receiver: WebReceiver,
) -> Iterator[Service]:
    """A service with an SMTP server and a webhook, whose poll is an ordinary one."""
    with (
        smtp_server(mailbox) as port,
        running_service(
            tmp_path_factory.mktemp(f"notifying-{engine}"),
            servers(engine).new_database(),
            FATURE_SMTP_HOST="127.0.0.1",
            FATURE_SMTP_PORT=str(port),
            FATURE_SMTP_FROM="alerts@fature.example",
            FATURE_WEBHOOK_URL=receiver.url,
            FATURE_WEBHOOK_SECRET="s3cret",
            FATURE_WEBHOOK_ALLOW_PRIVATE="true",
        ) as service,
    ):
        yield service


def test_a_test_mail_arrives(notifying: Service, mailbox: Mailbox) -> None:
    mailbox.mails.clear()
    answer = notifying.client.post(PATH, json={"channel": "email", "recipient": "ana@example.com"})
    assert answer.status_code == 200
    result = answer.json()["data"]
    assert (result["outcome"], result["detail"]) == ("sent", "accepted")
    (mail,) = mailbox.mails
    assert mail["To"] == "ana@example.com"
    assert mail["Message-ID"] == f"<{result['delivery_id']}@fature.example>"


def test_a_test_webhook_is_signed(notifying: Service, receiver: WebReceiver) -> None:
    receiver.received.clear()
    result = notifying.client.post(PATH, json={"channel": "webhook"}).json()["data"]
    assert result["outcome"] == "sent"
    (request,) = receiver.received
    digest = hmac.new(b"s3cret", request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-fature-signature"] == f"sha256={digest}"
    assert json.loads(request.body)["transition"] == "test"


def test_a_failure_is_told(notifying: Service) -> None:
    with web_receiver(Reply(500)) as failing:
        trial = {"channel": "slack", "recipient": failing.url}
        result = notifying.client.post(PATH, json=trial).json()["data"]
    assert (result["outcome"], result["detail"]) == ("failed", "answered 500")
    result = notifying.client.post(PATH, json={"channel": "sms"}).json()["data"]
    assert result["outcome"] == "dead"
    assert "FATURE_SMS_ACCOUNT" in result["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": "pigeon"}, "channel"),
        ({"channel": "email", "recipient": "https://example.com/"}, "recipient"),
        ({"channel": "webhook", "recipient": "ana@example.com"}, "recipient"),
        ({"channel": "email", "to": "x"}, "to"),
    ],
)
def test_what_makes_no_sense_is_refused(
    notifying: Service, body: dict[str, str], field: str
) -> None:
    answer = notifying.client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == field


def test_the_service_delivers_its_outbox_and_logs_no_url(
    notifying: Service, receiver: WebReceiver
) -> None:
    receiver.received.clear()
    outbox = Outbox(notifying.database_url)
    notification = outbox.put("webhook", at=datetime.now(UTC))
    deadline = time.monotonic() + 20
    while outbox.notification(notification)["status"] != "sent":
        assert time.monotonic() < deadline, "never delivered"
        time.sleep(0.05)
    assert [one.headers["x-fature-delivery"] for one in receiver.received] == [notification]
    assert receiver.url not in notifying.log.read_text()


def test_private_targets_are_refused_by_default(service: Service) -> None:
    with web_receiver() as target:
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{target.port}/"
            trial = {"channel": "webhook", "recipient": url}
            result = service.client.post(PATH, json=trial).json()["data"]
            assert result["outcome"] == "dead"
            assert "FATURE_WEBHOOK_ALLOW_PRIVATE" in result["detail"]
    assert target.received == []


def test_a_wrong_setting_is_named_at_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATURE_SMTP_TLS", "perhaps")
    monkeypatch.setenv("FATURE_WEBHOOK_URL", "example.com")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "FATURE_SMTP_TLS" in str(caught.value)
    assert "FATURE_WEBHOOK_URL" in str(caught.value)


def test_the_page_sends_and_says_what_came_of_it(notifying: Service, receiver: WebReceiver) -> None:
    receiver.received.clear()
    with signed_in(notifying.client, "operator") as browser:
        text = text_of(browser.get("/alerts/channels"))
        assert "email An email address Set up" in text
        assert "sms A phone number such as +5511912345678 Not set up" in text
        answer = post(browser, "/alerts/channels", channel="webhook", recipient="")
        assert "Sent webhook" in text_of(answer)
        assert len(receiver.received) == 1
        answer = post(browser, "/alerts/channels", channel="sms", recipient="+5511912345678")
        assert "Given up sms → +5511912345678" in text_of(answer)
        answer = post(browser, "/alerts/channels", channel="email", recipient="+5511912345678")
        assert answer.status_code == 422
        assert "The email channel takes an email address" in text_of(answer)


def test_a_reader_finds_no_channels(notifying: Service) -> None:
    with signed_in(notifying.client, "reader") as browser:
        assert "/alerts/channels" not in browser.get("/alerts").text
        assert browser.get("/alerts/channels").status_code == 403
        assert post(browser, "/alerts/channels", channel="webhook").status_code == 403


def test_a_channel_without_a_default_says_that_it_needs_a_recipient(service: Service) -> None:
    with signed_in(service.client, "operator") as browser:
        text = text_of(browser.get("/alerts/channels"))
    for channel in ("slack", "webhook"):
        assert f"{channel} An http(s) URL Only with a recipient" in text
    assert "email An email address Not set up" in text

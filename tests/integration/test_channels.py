"""Each channel against a real receiver."""

import hashlib
import hmac
import json
import ssl
from collections.abc import Sequence
from dataclasses import replace as replaced
from uuid import uuid4

import pytest
import trustme
from msgspec.structs import replace

from alerts.channels.addresses import resolve
from alerts.channels.base import Delivery, TransportError
from alerts.channels.email import EmailChannel, SmtpServer
from alerts.channels.http import Poster
from alerts.channels.slack import SlackChannel
from alerts.channels.sms import SmsChannel, TwilioProvider
from alerts.channels.webhook import WebhookChannel
from tests.alert_messages import OPENED, RESOLVED, new_delivery
from tests.receivers import Mailbox, Reply, raw_server, smtp_server, web_receiver

pytestmark = pytest.mark.anyio

ANYWHERE = Poster(allow_private=True, timeout=5)


@pytest.fixture
def anyio_backend() -> str:
    """What the service runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of the tests' own."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate for localhost and one more name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "hooks.example.com").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts that authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def email(port: int, **more: object) -> EmailChannel:
    server = SmtpServer(host="localhost", port=port, tls="none", timeout=5)
    return EmailChannel(
        replaced(server, **more),  # type: ignore[arg-type]
        sender="Fature <alerts@fature.example>",
        default_recipient="ops@fature.example",
    )


async def failure(channel: object, recipient: str = "") -> TransportError:
    with pytest.raises(TransportError) as caught:
        await channel.send(recipient, OPENED, new_delivery())  # type: ignore[attr-defined]
    return caught.value


async def test_a_mail_has_text_html_and_headers() -> None:
    mailbox = Mailbox()
    delivery = new_delivery()
    with smtp_server(mailbox) as port:
        assert await email(port).send("ana@example.com", OPENED, delivery) == "accepted"
    (mail,) = mailbox.mails
    assert mail["To"] == "ana@example.com"
    assert mail["From"] == "Fature <alerts@fature.example>"
    assert mail["Subject"].startswith("[high] API response time is high")
    assert mail["Message-ID"] == f"<{delivery.id}@fature.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["In-Reply-To"] is None
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    for part in (text.get_content(), html.get_content()):
        for words in ("api_response_time", "312 ms", "250 ms", "340.5 ms", "America/Sao_Paulo"):
            assert words in part
        assert "https://metrics.example.com/alerts/17" in part


async def test_a_resolve_joins_the_mail_of_its_alert() -> None:
    mailbox = Mailbox()
    opened = new_delivery()
    with smtp_server(mailbox) as port:
        await email(port).send("", OPENED, opened)
        await email(port).send("", RESOLVED, Delivery(uuid4(), opened.id))
    first, second = mailbox.mails
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert first["To"] == second["To"] == "ops@fature.example"


async def test_what_a_rule_is_called_cannot_add_headers_or_markup() -> None:
    mailbox = Mailbox()
    nasty = replace(OPENED, rule_name="<script>\r\nBcc: victim@example.com")
    with smtp_server(mailbox) as port:
        await email(port).send("ana@example.com", nasty, new_delivery())
    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()


async def test_mail_over_starttls_with_a_login(
    server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox, starttls=server_tls, login=True) as port:
        channel = email(port, tls="starttls", user="fature", password="correct-horse", trust=trust)
        await channel.send("ana@example.com", OPENED, new_delivery())
        wrong = email(port, tls="starttls", user="fature", password="wrong-horse", trust=trust)
        error = await failure(wrong)
    assert (mailbox.over_tls, mailbox.users[0]) == ([True], "fature")
    assert error.permanent
    assert "wrong-horse" not in error.detail


async def test_mail_over_tls(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox, tls=server_tls) as port:
        await email(port, tls="tls", trust=trust).send("ana@example.com", OPENED, new_delivery())
        stranger = await failure(email(port, tls="tls"))
    assert len(mailbox.mails) == 1
    assert (stranger.permanent, stranger.detail) == (False, "the TLS handshake failed")


async def test_starttls_is_not_given_up_where_the_server_has_none() -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        error = await failure(email(port, tls="starttls"))
    assert mailbox.mails == []
    assert not error.permanent


@pytest.mark.parametrize(
    ("reply", "permanent"), [("451 try later", False), ("552 mailbox full", True)]
)
async def test_smtp_4xx_may_pass_and_5xx_will_not(reply: str, permanent: bool) -> None:
    mailbox = Mailbox()
    mailbox.reply = reply
    with smtp_server(mailbox) as port:
        error = await failure(email(port))
    assert (error.permanent, error.detail) == (permanent, f"the server answered {reply[:3]}")


async def test_a_refused_recipient_will_not_pass() -> None:
    mailbox = Mailbox()
    mailbox.refused_recipients = ["gone@example.com"]
    with smtp_server(mailbox) as port:
        error = await failure(email(port), "gone@example.com")
    assert (error.permanent, error.detail) == (True, "recipient refused with 550")


@pytest.mark.parametrize("answer", [b"I am no mail server\r\n", b"\x00\xff" * 50, b"", None])
async def test_an_smtp_server_that_talks_nonsense_or_hangs_may_recover(
    answer: bytes | None,
) -> None:
    with raw_server(answer) as port:
        error = await failure(email(port, timeout=0.5))
    assert not error.permanent


async def test_no_smtp_server_may_recover() -> None:
    with raw_server(b"") as port:
        pass
    error = await failure(email(port))
    assert (error.permanent, error.detail) == (False, "cannot connect")


@pytest.mark.parametrize("recipient", ["nobody", "a@b\r\nRCPT TO:<c@d>", "@example.com", "a b@c"])
async def test_what_is_no_address_is_refused(recipient: str) -> None:
    error = await failure(email(25), recipient)
    assert (error.permanent, error.detail) == (True, "the recipient is not an email address")


async def test_a_webhook_is_signed_json() -> None:
    delivery = new_delivery()
    with web_receiver() as receiver:
        channel = WebhookChannel(ANYWHERE, receiver.url, "s3cret")
        await channel.send("", OPENED, delivery)
        await channel.send("", OPENED, delivery)
    first, second = receiver.received
    digest = hmac.new(b"s3cret", first.body, hashlib.sha256).hexdigest()
    assert first.headers["x-fature-signature"] == f"sha256={digest}"
    assert first.headers["x-fature-delivery"] == str(delivery.id)
    assert first.headers["content-type"] == "application/json"
    assert first.body == second.body
    content = json.loads(first.body)
    assert content["transition"] == "opened"
    assert content["event"]["id"] == 17
    assert content["event"]["value"] == 312.0
    assert content["event"]["status"] == "open"
    assert "above 250 ms" in content["text"]


async def test_slack_gets_blocks_in_the_severitys_colour() -> None:
    nasty = replace(OPENED, rule_name="<!channel> & co")
    with web_receiver() as receiver:
        channel = SlackChannel(ANYWHERE, receiver.url)
        await channel.send("", nasty, new_delivery())
        await channel.send("", RESOLVED, new_delivery())
    opened, resolved = (json.loads(one.body) for one in receiver.received)
    (attachment,) = opened["attachments"]
    texts = json.dumps(attachment["blocks"])
    assert "&lt;!channel&gt; &amp; co" in texts
    assert "<!channel>" not in texts
    assert "<https://metrics.example.com/alerts/17|Open the event>" in texts
    assert all(len(block.get("fields", [])) <= 10 for block in attachment["blocks"])
    assert attachment["color"] != resolved["attachments"][0]["color"]


async def test_a_text_message_goes_through_twilios_api() -> None:
    with web_receiver(Reply(201, body=b'{"sid": "SM1"}')) as receiver:
        channel = sms(f"http://127.0.0.1:{receiver.port}")
        await channel.send("+5511912345678", OPENED, new_delivery())
    (request,) = receiver.received
    assert request.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert request.headers["authorization"] == "Basic QUMxOnQwa2Vu"
    assert b"To=%2B5511912345678" in request.body
    assert b"Body=%5Bhigh%5D+API+response+time" in request.body


async def test_the_providers_code_is_told_without_its_words() -> None:
    refusal = Reply(400, body=b'{"code": 21211, "message": "no such number +55"}')
    with web_receiver(refusal) as receiver:
        error = await failure(sms(f"http://127.0.0.1:{receiver.port}"), "+5511912345678")
    assert (error.permanent, error.detail) == (True, "answered 400 (code 21211)")


async def test_a_text_message_needs_a_number() -> None:
    assert (await failure(sms("http://127.0.0.1:1"), "11912345678")).permanent
    without = await failure(sms("http://127.0.0.1:1"))
    assert "FATURE_SMS_TO is not set" in without.detail


def sms(url: str) -> SmsChannel:
    provider = TwilioProvider(
        ANYWHERE, url=url, account="AC1", token="t0ken", sender="+15005550006"
    )
    return SmsChannel(provider, None)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (404, True), (410, True), (408, False), (429, False), (500, False), (503, False)],
)
async def test_which_answers_may_pass(status: int, permanent: bool) -> None:
    with web_receiver(Reply(status, {"Retry-After": "77"})) as receiver:
        error = await failure(WebhookChannel(ANYWHERE, receiver.url, None))
    assert (error.permanent, error.detail) == (permanent, f"answered {status}")
    assert error.retry_after == (None if permanent else 77)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    with web_receiver() as elsewhere:
        with web_receiver(Reply(status, {"Location": elsewhere.url})) as receiver:
            error = await failure(WebhookChannel(ANYWHERE, receiver.url, None))
        assert elsewhere.received == []
    assert error.permanent
    assert "redirects are not followed" in error.detail


@pytest.mark.parametrize(
    "raw",
    [b"garbage\r\n\r\n", b"\x00" * 200, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"],
)
async def test_garbage_may_pass(raw: bytes) -> None:
    with web_receiver(Reply(raw=raw)) as receiver:
        error = await failure(WebhookChannel(ANYWHERE, receiver.url, None))
    assert not error.permanent


async def test_a_receiver_that_hangs_or_trickles_is_left_after_the_timeout() -> None:
    impatient = replaced(ANYWHERE, timeout=0.4)
    with raw_server(None) as port:
        error = await failure(WebhookChannel(impatient, f"http://127.0.0.1:{port}/", None))
    assert (error.permanent, error.detail) == (False, "no answer within 0.4 s")
    with web_receiver(Reply(delay=1.5)) as receiver:
        assert not (await failure(WebhookChannel(impatient, receiver.url, None))).permanent


async def test_a_receiver_that_refuses_connections_may_recover() -> None:
    with raw_server(b"") as port:
        pass
    error = await failure(WebhookChannel(ANYWHERE, f"http://127.0.0.1:{port}/s3cret", None))
    assert (error.permanent, error.detail) == (False, "cannot connect")


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    with web_receiver(Reply(body=b"x" * 50_000_000)) as receiver:
        await WebhookChannel(ANYWHERE, receiver.url, None).send("", OPENED, new_delivery())


@pytest.mark.parametrize("target", ["ftp://example.com/x", "nonsense", "http://", "http://[::1"])
async def test_what_is_no_url_is_refused(target: str) -> None:
    assert (await failure(WebhookChannel(ANYWHERE, None, None), target)).permanent


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    with web_receiver() as receiver:
        url = f"http://{host}:{receiver.port}/"
        for channel in (WebhookChannel(Poster(), url, None), SlackChannel(Poster(), url)):
            error = await failure(channel)
            assert error.permanent
            assert "FATURE_WEBHOOK_ALLOW_PRIVATE" in error.detail
    assert receiver.received == []


async def test_a_name_that_resolves_to_loopback_is_refused() -> None:
    async def lying(host: str, port: int) -> list[str]:
        assert host == "hooks.example.com"
        return ["127.0.0.1"]

    with web_receiver() as receiver:
        url = f"http://hooks.example.com:{receiver.port}/"
        assert (await failure(WebhookChannel(Poster(resolver=lying), url, None))).permanent
        mixed = Poster(resolver=Answers([["1.1.1.1", "127.0.0.1"]]))
        assert (await failure(WebhookChannel(mixed, url, None))).permanent
    assert receiver.received == []


async def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to() -> None:
    """The second answer of a rebinding name is never asked for."""
    with web_receiver() as receiver:
        poster = Poster(allow_private=True, timeout=5, resolver=Answers([["127.0.0.1"]]))
        url = f"http://rebinding.example.com:{receiver.port}/hook"
        await WebhookChannel(poster, url, None).send("", OPENED, new_delivery())
    (request,) = receiver.received
    assert request.headers["host"] == f"rebinding.example.com:{receiver.port}"


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    with web_receiver() as receiver:
        poster = Poster(True, 5, Answers([["::1", "127.0.0.1"]]))
        url = f"http://two.example.com:{receiver.port}/"
        await WebhookChannel(poster, url, None).send("", OPENED, new_delivery())
    assert len(receiver.received) == 1


async def test_tls_checks_the_name_and_not_the_address(
    server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    with web_receiver(context=server_tls) as receiver:
        poster = Poster(True, 5, Answers([["127.0.0.1"]] * 2), verify=trust)
        channel = WebhookChannel(poster, None, None)
        known = f"https://hooks.example.com:{receiver.port}/"
        assert await channel.send(known, OPENED, new_delivery()) == "accepted"
        error = await failure(channel, f"https://other.example.com:{receiver.port}/")
    assert (error.permanent, error.detail) == (False, "the TLS handshake failed")
    assert len(receiver.received) == 1


async def test_a_name_that_does_not_resolve_may_recover() -> None:
    error = await failure(WebhookChannel(Poster(), "http://does-not-exist.invalid/", None))
    assert not error.permanent


async def test_names_are_resolved_by_the_system() -> None:
    assert "127.0.0.1" in await resolve("localhost", 80)


class Answers:
    """A resolver with one answer for each question it may be asked."""

    def __init__(self, prepared: Sequence[list[str]]) -> None:
        self.prepared = list(prepared)

    async def __call__(self, host: str, port: int) -> list[str]:
        return self.prepared.pop(0)

"""Mail against a real SMTP server."""

import asyncio
import ssl
from dataclasses import replace as replaced
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.channels.base import Delivery, TransportError
from alerts.channels.email import EmailChannel
from alerts.channels.smtp import SmtpServer
from alerts.rendering import English
from alerts.wording import Wording
from tests.alert_messages import OPENED, RESOLVED, failure, new_delivery
from tests.receivers import Mailbox, raw_server, smtp_server

pytestmark = pytest.mark.anyio


def email(port: int, **more: object) -> EmailChannel:
    server = SmtpServer(host="localhost", port=port, tls="none", timeout=5)
    return EmailChannel(
        replaced(server, **more),  # type: ignore[arg-type]
        sender="Fature <alerts@fature.example>",
        default_recipient="ops@fature.example",
    )


async def test_a_mail_has_text_html_and_headers() -> None:
    mailbox = Mailbox()
    delivery = new_delivery()
    with smtp_server(mailbox) as port:
        assert str(await email(port).send("ana@example.com", OPENED, delivery)) == "accepted"
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
    assert "wrong-horse" not in str(error.detail)


async def test_mail_over_tls(server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox, tls=server_tls) as port:
        await email(port, tls="tls", trust=trust).send("ana@example.com", OPENED, new_delivery())
        stranger = await failure(email(port, tls="tls"))
    assert len(mailbox.mails) == 1
    assert (stranger.permanent, str(stranger.detail)) == (False, "the TLS handshake failed")


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
    assert (error.permanent, str(error.detail)) == (permanent, f"the server answered {reply[:3]}")


async def test_a_refused_recipient_will_not_pass() -> None:
    mailbox = Mailbox()
    mailbox.refused_recipients = ["gone@example.com"]
    with smtp_server(mailbox) as port:
        error = await failure(email(port), "gone@example.com")
    assert (error.permanent, str(error.detail)) == (True, "recipient refused with 550")


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
    assert (error.permanent, str(error.detail)) == (False, "cannot connect")


@pytest.mark.parametrize("recipient", ["nobody", "a@b\r\nRCPT TO:<c@d>", "@example.com", "a b@c"])
async def test_what_is_no_address_is_refused(recipient: str) -> None:
    error = await failure(email(25), recipient)
    assert (error.permanent, str(error.detail)) == (True, "the recipient is not an email address")


async def test_mails_at_the_same_time_share_a_connection() -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        channel = email(port)
        await asyncio.gather(*(channel.send("", OPENED, new_delivery()) for _ in range(20)))
        assert (len(mailbox.mails), len(mailbox.sessions)) == (20, 1)
        await channel.send("", OPENED, new_delivery())
    assert len(mailbox.sessions) == 2


async def test_one_refused_recipient_does_not_end_the_connection_of_others() -> None:
    mailbox = Mailbox()
    mailbox.refused_recipients = ["gone@example.com"]
    with smtp_server(mailbox) as port:
        channel = email(port)
        answers = await asyncio.gather(
            channel.send("gone@example.com", OPENED, new_delivery()),
            channel.send("ana@example.com", OPENED, new_delivery()),
            return_exceptions=True,
        )
    assert isinstance(answers[0], TransportError)
    assert str(answers[1]) == "accepted"
    assert (len(mailbox.mails), len(mailbox.sessions)) == (1, 1)


SENTENCE = (
    "Receita horária da região Sul está baixa não atenção São Paulo comissão (João), é: [alta] – "
    "“ação” 1.234,50 R$ < > início fração médio conversão às mês açúcar"
)
WORDS = st.sampled_from(SENTENCE.split())


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=20).map(" ".join))
def test_a_subject_loses_no_space(name: str) -> None:
    mailbox = Mailbox()
    notification = replace(OPENED, rule_name=name)

    async def send(port: int) -> None:
        await email(port).send("ana@example.com", notification, new_delivery())

    with smtp_server(mailbox) as port:
        asyncio.run(send(port))
    (mail,) = mailbox.mails
    assert mail["Subject"] == Wording(notification, English()).subject

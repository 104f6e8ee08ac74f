"""Email over SMTP, as text and as HTML."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses, parseaddr
from functools import cache
from pathlib import Path
from typing import Literal

import aiosmtplib
import jinja2

from alerts.channels.base import Delivery, TransportError, recipient_or
from alerts.channels.colours import colour_of
from alerts.messages import Message
from alerts.wording import TITLES, facts, headline, subject

TIMEOUT_SECONDS = 20.0
Tls = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over; `trust` replaces the system's certificates."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = None
    timeout: float = TIMEOUT_SECONDS
    trust: ssl.SSLContext | None = None


class EmailChannel:
    """One mail per notification; those about one event make a thread."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        sender: str,
        default_recipient: str | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._server = server
        self._sender = sender
        self._default_recipient = default_recipient
        self._clock = clock

    async def send(self, recipient: str, message: Message, delivery: Delivery) -> str:
        """Hand the mail to the SMTP server.

        Raises:
            TransportError: permanent where the server answered 5xx.
        """
        to = recipient_or(recipient, self._default_recipient, "FATURE_SMTP_TO")
        try:
            mail = compose(message, delivery, sender=self._sender, to=to, now=self._clock())
        except (ValueError, MessageError) as error:
            raise TransportError("the recipient is not an email address", permanent=True) from error
        return await _hand_over(self._server, mail)


def compose(
    message: Message, delivery: Delivery, *, sender: str, to: str, now: datetime
) -> EmailMessage:
    """The mail with its headers.

    Raises:
        ValueError: `to` is not a list of addresses.
    """
    _check_addresses(to)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject(message)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{delivery.id}@{domain}>"
    if delivery.thread_id != delivery.id:
        mail["In-Reply-To"] = f"<{delivery.thread_id}@{domain}>"
        mail["References"] = f"<{delivery.thread_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Fature-Delivery"] = str(delivery.id)
    words = _words(message)
    mail.set_content(_templates().get_template("alert.txt").render(words))
    mail.add_alternative(_templates().get_template("alert.html").render(words), subtype="html")
    return mail


async def _hand_over(server: SmtpServer, mail: EmailMessage) -> str:
    try:
        async with asyncio.timeout(server.timeout):
            refused, _ = await aiosmtplib.send(
                mail,
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.tls == "tls",
                start_tls=server.tls == "starttls",
                tls_context=server.trust,
                timeout=server.timeout,
            )
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _failure(error, server.timeout) from error
    return f"accepted, but for {len(refused)} of the recipients" if refused else "accepted"


def _failure(error: Exception, timeout: float) -> TransportError:
    """Codes only: a server's words may repeat what it was sent."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            codes = [refused.code for refused in error.recipients]
            told = ", ".join(map(str, sorted(set(codes))))
            permanent = all(map(_is_permanent, codes))
            return TransportError(f"recipient refused with {told}", permanent=permanent)
        case aiosmtplib.SMTPAuthenticationError():
            detail = f"the server refused to log in with {error.code}"
            return TransportError(detail, permanent=_is_permanent(error.code))
        case aiosmtplib.SMTPResponseException():
            detail = f"the server answered {error.code}"
            return TransportError(detail, permanent=_is_permanent(error.code))
        case aiosmtplib.SMTPNotSupported():
            return TransportError("the server does not take this address", permanent=True)
        case TimeoutError():
            return TransportError(f"no answer within {timeout:g} s", permanent=False)
        case _ if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
            return TransportError("the TLS handshake failed", permanent=False)
        case aiosmtplib.SMTPConnectError() | ConnectionRefusedError():
            return TransportError("cannot connect", permanent=False)
    return TransportError(f"the connection failed ({type(error).__name__})", permanent=False)


def _is_permanent(code: int) -> bool:
    return 500 <= code < 600


def _check_addresses(to: str) -> None:
    addresses = [address for _, address in getaddresses([to])]
    if not to.isprintable() or not addresses:
        raise ValueError(to)
    for address in addresses:
        local, _, domain = address.rpartition("@")
        if not local or not domain or " " in address:
            raise ValueError(to)


def _words(message: Message) -> dict[str, object]:
    return {
        "subject": subject(message),
        "title": TITLES.get(message.transition, message.transition),
        "rule_name": message.rule_name,
        "headline": headline(message),
        "facts": facts(message),
        "link": message.link,
        "colour": colour_of(message),
    }


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

"""Handing mails to an SMTP server: those that are sent at the same time share one connection."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import getaddresses
from typing import Literal

import aiosmtplib

from alerts.channels.base import TransportError
from sql.messages import Listing, Message

TIMEOUT_SECONDS = 20.0
Tls = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A server that mail is handed over to; `trust` replaces the system's certificates."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = None
    timeout: float = TIMEOUT_SECONDS
    trust: ssl.SSLContext | None = None


class Sender:
    """Sends one mail after the other over one connection, which ends when no mail waits. What
    fails for the connection fails for all mails that wait for it.
    """

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._waiting: list[tuple[EmailMessage, asyncio.Future[Message]]] = []
        self._task: asyncio.Task[None] | None = None

    async def send(self, mail: EmailMessage) -> Message:
        """Hand one mail over; what the server made of it.

        Raises:
            TransportError: permanent where the server answered 5xx.
        """
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.append((mail, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            # Mails that came while the connection was ended get another.
            while self._waiting:
                await self._send_all()
        finally:
            self._task = None
            # Only a task that was cancelled leaves any.
            for _, future in self._waiting:
                future.cancel()
            self._waiting.clear()

    async def _send_all(self) -> None:
        """Everything that waits, over one connection."""
        client = _client(self._server)
        try:
            while self._waiting:
                mail, future = self._waiting.pop(0)
                if not future.done():
                    await self._send_one(client, mail, future)
            if client.is_connected:
                with suppress(aiosmtplib.SMTPException, OSError):
                    await asyncio.wait_for(client.quit(), self._server.timeout)
        finally:
            client.close()

    async def _send_one(
        self, client: aiosmtplib.SMTP, mail: EmailMessage, future: "asyncio.Future[Message]"
    ) -> None:
        try:
            async with asyncio.timeout(self._server.timeout):
                if not client.is_connected:
                    await client.connect()
                refused = await _transfer(client, mail)
        except (aiosmtplib.SMTPException, OSError) as error:
            failure = _failure(error, self._server.timeout)
            failure.__cause__ = error
            _fail(future, failure)
            if not _of_this_mail(error):
                client.close()
                for _, other in self._waiting:
                    _fail(other, failure)
                self._waiting.clear()
        else:
            if not future.done():
                future.set_result(_accepted(refused))


def _client(server: SmtpServer) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.tls == "tls",
        start_tls=server.tls == "starttls",
        tls_context=server.trust,
        timeout=server.timeout,
    )


async def _transfer(client: aiosmtplib.SMTP, mail: EmailMessage) -> int:
    """Send a mail and return the number of recipients that were refused."""
    recipients = [address for _, address in getaddresses([str(mail["To"])])]
    (sender,) = [address for _, address in getaddresses([str(mail["From"])])]
    needs_utf8 = not "".join([sender, *recipients]).isascii()
    if needs_utf8 and not client.supports_extension("smtputf8"):
        raise aiosmtplib.SMTPNotSupported("SMTPUTF8")
    content = mail.as_bytes(policy=_WIRE.clone(utf8=needs_utf8))
    options = ["SMTPUTF8", "BODY=8BITMIME"] if needs_utf8 else []
    refused, _ = await client.sendmail(sender, recipients, content, mail_options=options)
    return len(refused)


class _WirePolicy(EmailPolicy):
    """Writes a subject on one line, or with other letters as one encoded text: the library's own
    folding, which encodes it word by word, loses and adds spaces.
    """

    def fold(self, name: str, value: str) -> str:
        """A header as it is sent."""
        if name.lower() != "subject" or self.utf8:
            return str(super().fold(name, value))
        text = str(value)
        if not text.isascii() or len(text) > _LONGEST_LINE:
            text = Header(text, "utf-8", header_name=name).encode(linesep=self.linesep)
        return f"{name}: {text}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        """The same in bytes."""
        if name.lower() == "subject" and not self.utf8:
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


# RFC 5322 allows 998 characters.
_LONGEST_LINE = 900
_WIRE = _WirePolicy(linesep="\r\n", cte_type="7bit")


def _accepted(refused: int) -> Message:
    if refused:
        return Message("accepted, but for {number} of the recipients", {"number": refused})
    return Message("accepted")


def _fail(future: "asyncio.Future[Message]", failure: TransportError) -> None:
    if not future.done():
        future.set_exception(failure)


def _of_this_mail(error: Exception) -> bool:
    """True where the server answered about the mail, and takes others."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPNotSupported):
        return True
    return isinstance(error, aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPDataError) and (
        error.code != aiosmtplib.SMTPStatus.domain_unavailable
    )


def _failure(error: Exception, timeout: float) -> TransportError:
    """Codes only: a server's words may repeat what it was sent."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            codes = sorted({refused.code for refused in error.recipients})
            permanent = all(map(_is_permanent, codes))
            said = Message("recipient refused with {codes}", {"codes": Listing(tuple(codes))})
            return TransportError(said, permanent=permanent)
        case aiosmtplib.SMTPAuthenticationError():
            said = Message("the server refused to log in with {code}", {"code": error.code})
            return TransportError(said, permanent=_is_permanent(error.code))
        case aiosmtplib.SMTPResponseException():
            said = Message("the server answered {code}", {"code": error.code})
            return TransportError(said, permanent=_is_permanent(error.code))
        case aiosmtplib.SMTPNotSupported():
            said = Message("the server does not take this address")
            return TransportError(said, permanent=True)
        case TimeoutError():
            said = Message("no answer within {seconds} s", {"seconds": f"{timeout:g}"})
            return TransportError(said, permanent=False)
        case _ if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
            return TransportError(Message("the TLS handshake failed"), permanent=False)
        case aiosmtplib.SMTPConnectError() | ConnectionRefusedError():
            return TransportError(Message("cannot connect"), permanent=False)
    said = Message("the connection failed ({error})", {"error": type(error).__name__})
    return TransportError(said, permanent=False)


def _is_permanent(code: int) -> bool:
    return 500 <= code < 600

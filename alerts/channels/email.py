"""Email over SMTP, as text and as HTML."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses, parseaddr
from functools import cache
from pathlib import Path

import jinja2

from alerts.channels.base import Delivery, TransportError, recipient_or
from alerts.channels.colours import colour_of
from alerts.channels.smtp import Sender, SmtpServer
from alerts.facts import facts
from alerts.notification import Notification
from alerts.rendering import English, Renderer
from alerts.wording import Wording
from sql.messages import Message

# What the HTML calls it.
_PICTURE = "<chart>"


class EmailChannel:
    """One mail per notification; those about one event make a thread."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        sender: str,
        default_recipient: str | None,
        renderer: Renderer = English(),  # noqa: B008
        renderers: Mapping[str, Renderer] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection = Sender(server)
        self._sender = sender
        self._renderer = renderer
        # By the language of those who chose one.
        self._renderers = renderers or {}
        self._default_recipient = default_recipient
        self._clock = clock

    async def send(self, recipient: str, notification: Notification, delivery: Delivery) -> Message:
        """Hand the mail to the SMTP server.

        Raises:
            TransportError: permanent where the server answered 5xx.
        """
        to = recipient_or(recipient, self._default_recipient, "FATURE_SMTP_TO")
        renderer = self._renderers.get(delivery.language, self._renderer)
        wording = Wording(notification, renderer)
        try:
            mail = compose(wording, delivery, sender=self._sender, to=to, now=self._clock())
        except (ValueError, MessageError) as error:
            said = Message("the recipient is not an email address")
            raise TransportError(said, permanent=True) from error
        return await self._connection.send(mail)

    def target(self, recipient: str) -> str:
        """One server hands over to all of them."""
        return ""


def compose(
    wording: Wording, delivery: Delivery, *, sender: str, to: str, now: datetime
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
    mail["Subject"] = wording.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{delivery.id}@{domain}>"
    if delivery.thread_id != delivery.id:
        mail["In-Reply-To"] = f"<{delivery.thread_id}@{domain}>"
        mail["References"] = f"<{delivery.thread_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Fature-Delivery"] = str(delivery.id)
    words = _words(wording) | {"has_picture": delivery.picture is not None}
    mail.set_content(_templates().get_template("alert.txt").render(words))
    mail.add_alternative(_templates().get_template("alert.html").render(words), subtype="html")
    if delivery.picture is not None:
        shown = mail.get_body(("html",))
        assert isinstance(shown, EmailMessage)
        shown.add_related(
            delivery.picture,
            "image",
            "png",
            cid=_PICTURE,
            filename="chart.png",
            disposition="inline",
        )
    return mail


def _check_addresses(to: str) -> None:
    addresses = [address for _, address in getaddresses([to])]
    if not to.isprintable() or not addresses:
        raise ValueError(to)
    for address in addresses:
        local, _, domain = address.rpartition("@")
        if not local or not domain or " " in address:
            raise ValueError(to)


def _words(wording: Wording) -> dict[str, object]:
    return {
        "language": wording.renderer.language,
        "subject": wording.subject,
        "title": wording.title,
        "rule_name": wording.rule_name,
        "headline": wording.headline,
        "facts": facts(wording),
        "link": wording.notification.link,
        "link_text": wording.link_text,
        "colour": colour_of(wording.notification),
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

"""Ways into the outbox that several tests share."""

from alerts.channels.base import ACCEPTED, Delivery
from alerts.channels.email import EmailChannel
from alerts.channels.http import Poster
from alerts.channels.smtp import SmtpServer
from alerts.channels.webhook import WebhookChannel
from alerts.notification import Notification
from sql.messages import Message


def webhook(url: str, secret: str | None = None) -> dict[str, WebhookChannel]:
    """The webhook alone, impatient and allowed to reach this machine."""
    return {"webhook": WebhookChannel(Poster(allow_private=True, timeout=5), url, secret)}


def email(port: int) -> dict[str, EmailChannel]:
    """Email alone, through an SMTP server on this machine."""
    server = SmtpServer(host="127.0.0.1", port=port, tls="none", timeout=5)
    channel = EmailChannel(server, sender="a@example.com", default_recipient="b@example.com")
    return {"email": channel}


class Recorder:
    """A channel that keeps what it is given; it fails while `errors` lasts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sent: list[tuple[str, str, Delivery]] = []

    async def send(self, recipient: str, notification: Notification, delivery: Delivery) -> Message:
        """Keep it."""
        self.sent.append((recipient, notification.transition, delivery))
        if self.errors:
            raise self.errors.pop(0)
        return ACCEPTED

    def target(self, recipient: str) -> str:
        """The same for all."""
        return ""

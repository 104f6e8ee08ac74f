"""The channels as the settings have them, and the task that delivers the outbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parseaddr
from urllib.parse import urlsplit

from alerts.channels.base import Channel
from alerts.channels.email import EmailChannel
from alerts.channels.http import Poster
from alerts.channels.slack import SlackChannel
from alerts.channels.sms import SmsChannel, TwilioProvider
from alerts.channels.smtp import SmtpServer, Tls
from alerts.channels.webhook import WebhookChannel
from alerts.context import MessageContext
from alerts.delivery import GRACE_SECONDS, Details, run
from alerts.rendering import Renderer
from service.language.translations import LANGUAGES
from service.metrics.query.single_flight import SingleFlight
from service.runtime.rendering import renderer_of
from service.runtime.settings import Settings
from service.runtime.stopping import end_tasks
from sql.database import Pool

# For recording what was sent, for which the database may have to come back.
_RECORD_SECONDS = 5.0
_PORTS: dict[Tls, int] = {"none": 25, "starttls": 587, "tls": 465}
# In seconds: for so long a picture is that of all who are notified of its event.
_SHARED_SECONDS = 5.0


@asynccontextmanager
async def delivering(
    pool: Pool, settings: Settings, details: Details | None = None
) -> AsyncIterator[None]:
    """Deliver notifications meanwhile, with details that are found out then or else the impacts
    that are kept; at the end, finish what is being sent.
    """
    stop = asyncio.Event()
    worker = asyncio.create_task(run(pool, channels_of(settings), stop, details))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait([worker], timeout=GRACE_SECONDS + _RECORD_SECONDS)
        await end_tasks(worker)


def drawn_once(details: Details) -> Details:
    """The same details, of which a picture is drawn once for all recipients of a language: of many
    that are notified at once each would wait for those of the others.
    """
    drawn: SingleFlight[bytes | None] = SingleFlight(max_age=_SHARED_SECONDS)

    async def picture(event_id: int, language: str) -> bytes | None:
        return await drawn.get(event_id, language, lambda: details.picture(event_id, language))

    return Details(details.impact, picture)


def channels_of(settings: Settings) -> dict[str, Channel]:
    """Every channel that is configured. Slack and webhook need no setting: a rule may
    bring the URL.
    """
    poster = Poster(allow_private=settings.webhook_allow_private)
    renderer = renderer_of(settings.language, settings.zone)
    channels: dict[str, Channel] = {
        "slack": SlackChannel(poster, settings.slack_webhook_url, renderer),
        "webhook": WebhookChannel(poster, settings.webhook_url, settings.webhook_secret, renderer),
    }
    if email := _email(settings, renderer):
        channels["email"] = email
    if sms := _sms(settings, renderer):
        channels["sms"] = sms
    return channels


def with_default(settings: Settings) -> set[str]:
    """The channels that have a default recipient, for rules that name none."""
    defaults = {
        "slack": settings.slack_webhook_url,
        "webhook": settings.webhook_url,
        "sms": settings.sms_to,
        # The sender, if nothing else.
        "email": True,
    }
    return {name for name in channels_of(settings) if defaults[name]}


def message_context_of(settings: Settings) -> MessageContext:
    """Notifications are in the business time zone, with links to this service."""
    return MessageContext(settings.timezone, settings.links, settings.holidays)


def _email(settings: Settings, renderer: Renderer) -> EmailChannel | None:
    if settings.smtp_host is None:
        return None
    tls: Tls = settings.smtp_tls or ("starttls" if settings.smtp_user else "none")
    server = SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port or _PORTS[tls],
        tls=tls,
        user=settings.smtp_user,
        password=settings.smtp_password,
    )
    sender = settings.smtp_from or _own_address(settings)
    recipient = settings.smtp_to or sender
    return EmailChannel(
        server,
        sender=sender,
        default_recipient=recipient,
        renderer=renderer,
        renderers={language: renderer_of(language, settings.zone) for language in LANGUAGES},
    )


def _own_address(settings: Settings) -> str:
    user = settings.smtp_user or ""
    is_address = "@" in parseaddr(user)[1]
    return user if is_address else f"fature@{urlsplit(settings.links).hostname}"


def _sms(settings: Settings, renderer: Renderer) -> SmsChannel | None:
    account, token, sender = settings.sms_account, settings.sms_token, settings.sms_from
    if account is None or token is None or sender is None:
        return None
    # The provider is the operator's choice, so its address may be private.
    poster = Poster(allow_private=True)
    provider = TwilioProvider(
        poster, url=settings.sms_url, account=account, token=token, sender=sender
    )
    return SmsChannel(provider, settings.sms_to, renderer)

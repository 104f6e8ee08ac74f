"""Text messages through a provider; Twilio's API, which others speak too."""

import re
from typing import Protocol
from urllib.parse import quote, urlencode

import msgspec

from alerts.channels.base import Delivery, TransportError, recipient_or
from alerts.channels.http import Poster, RefusedError
from alerts.notification import Notification
from alerts.rendering import English, Renderer
from alerts.wording import Wording
from sql.messages import Message

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class SmsProvider(Protocol):
    """Whoever brings a text to a telephone."""

    async def send_text(self, number: str, text: str) -> Message:
        """Hand over a text for an E.164 number; the provider's answer.

        Raises:
            TransportError: it was not accepted.
        """
        ...


class SmsChannel:
    """One text per notification."""

    def __init__(
        self,
        provider: SmsProvider,
        default_number: str | None,
        renderer: Renderer = English(),  # noqa: B008
    ) -> None:
        self._provider = provider
        self._default_number = default_number
        self._renderer = renderer

    async def send(self, recipient: str, notification: Notification, delivery: Delivery) -> Message:
        """Hand over to the provider, which knows no delivery ids.

        Raises:
            TransportError: it was not accepted.
        """
        number = recipient_or(recipient, self._default_number, "FATURE_SMS_TO")
        if not _E164.fullmatch(number):
            said = Message("the recipient is not an E.164 number")
            raise TransportError(said, permanent=True)
        text = Wording(notification, self._renderer).sms
        return await self._provider.send_text(number, text)

    def target(self, recipient: str) -> str:
        """One provider for all of them."""
        return ""


class TwilioProvider:
    """``POST /2010-04-01/Accounts/ACCOUNT/Messages.json`` below `url`."""

    def __init__(self, poster: Poster, *, url: str, account: str, token: str, sender: str) -> None:
        account_path = quote(account, safe="")
        self._url = f"{url.rstrip('/')}/2010-04-01/Accounts/{account_path}/Messages.json"
        self._poster = poster
        self._auth = (account, token)
        self._sender = sender

    async def send_text(self, number: str, text: str) -> Message:
        """Queue the text at the provider.

        Raises:
            TransportError: with the provider's error code where it gives one.
        """
        form = urlencode({"From": self._sender, "To": number, "Body": text}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            await self._poster.post(self._url, form, headers, auth=self._auth)
        except RefusedError as error:
            raise TransportError(
                _with_code(error.detail, error.body),
                permanent=error.permanent,
                retry_after=error.retry_after,
                held=error.held,
            ) from error
        return Message("accepted by the provider")


class _Refusal(msgspec.Struct):
    code: int


def _with_code(detail: Message, body: bytes) -> Message:
    try:
        code = msgspec.json.decode(body, type=_Refusal).code
    except (msgspec.DecodeError, UnicodeDecodeError):
        return detail
    return Message("{detail} (code {code})", {"detail": detail, "code": code})

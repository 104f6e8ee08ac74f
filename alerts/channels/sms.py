"""Text messages through a provider; Twilio's API, which others speak too."""

import re
from typing import Protocol
from urllib.parse import quote, urlencode

import msgspec

from alerts.channels.base import Delivery, TransportError, recipient_or
from alerts.channels.http import Poster, RefusedError
from alerts.messages import Message
from alerts.wording import sms_text

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class SmsProvider(Protocol):
    """Whoever brings a text to a telephone."""

    async def send_text(self, number: str, text: str) -> str:
        """Hand over a text for an E.164 number; what the provider said.

        Raises:
            TransportError: it was not accepted.
        """
        ...


class SmsChannel:
    """One text per notification."""

    def __init__(self, provider: SmsProvider, default_number: str | None) -> None:
        self._provider = provider
        self._default_number = default_number

    async def send(self, recipient: str, message: Message, delivery: Delivery) -> str:
        """Hand over to the provider, which knows no delivery ids.

        Raises:
            TransportError: it was not accepted.
        """
        number = recipient_or(recipient, self._default_number, "FATURE_SMS_TO")
        if not _E164.fullmatch(number):
            raise TransportError("the recipient is not an E.164 number", permanent=True)
        return await self._provider.send_text(number, sms_text(message))


class TwilioProvider:
    """``POST /2010-04-01/Accounts/ACCOUNT/Messages.json`` below `url`."""

    def __init__(self, poster: Poster, *, url: str, account: str, token: str, sender: str) -> None:
        account_path = quote(account, safe="")
        self._url = f"{url.rstrip('/')}/2010-04-01/Accounts/{account_path}/Messages.json"
        self._poster = poster
        self._auth = (account, token)
        self._sender = sender

    async def send_text(self, number: str, text: str) -> str:
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
                error.detail + _code_of(error.body),
                permanent=error.permanent,
                retry_after=error.retry_after,
            ) from error
        return "accepted by the provider"


class _Refusal(msgspec.Struct):
    code: int


def _code_of(body: bytes) -> str:
    try:
        return f" (code {msgspec.json.decode(body, type=_Refusal).code})"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""

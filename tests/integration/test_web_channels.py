"""Webhook, Slack and text messages against real web servers."""

import hashlib
import hmac
import json
from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace

from alerts.channels.http import Poster
from alerts.channels.slack import SlackChannel
from alerts.channels.sms import SmsChannel, TwilioProvider
from alerts.channels.webhook import WebhookChannel
from tests.alert_messages import OPENED, RESOLVED, failure, new_delivery
from tests.receivers import Reply, raw_server, web_receiver

pytestmark = pytest.mark.anyio

ANYWHERE = Poster(allow_private=True, timeout=5)


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
    assert (error.permanent, str(error.detail)) == (True, "answered 400 (code 21211)")


async def test_a_text_message_needs_a_number() -> None:
    assert (await failure(sms("http://127.0.0.1:1"), "11912345678")).permanent
    without = await failure(sms("http://127.0.0.1:1"))
    assert "FATURE_SMS_TO is not set" in str(without.detail)


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
    assert (error.permanent, str(error.detail)) == (permanent, f"answered {status}")
    assert error.retry_after == (None if permanent else 77)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    with web_receiver() as elsewhere:
        with web_receiver(Reply(status, {"Location": elsewhere.url})) as receiver:
            error = await failure(WebhookChannel(ANYWHERE, receiver.url, None))
        assert elsewhere.received == []
    assert error.permanent
    assert "redirects are not followed" in str(error.detail)


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
    assert (error.permanent, str(error.detail)) == (False, "no answer within 0.4 s")
    with web_receiver(Reply(delay=1.5)) as receiver:
        assert not (await failure(WebhookChannel(impatient, receiver.url, None))).permanent


async def test_a_receiver_that_refuses_connections_may_recover() -> None:
    with raw_server(b"") as port:
        pass
    error = await failure(WebhookChannel(ANYWHERE, f"http://127.0.0.1:{port}/s3cret", None))
    assert (error.permanent, str(error.detail)) == (False, "cannot connect")


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    with web_receiver(Reply(body=b"x" * 50_000_000)) as receiver:
        await WebhookChannel(ANYWHERE, receiver.url, None).send("", OPENED, new_delivery())


@pytest.mark.parametrize("target", ["ftp://example.com/x", "nonsense", "http://", "http://[::1"])
async def test_what_is_no_url_is_refused(target: str) -> None:
    assert (await failure(WebhookChannel(ANYWHERE, None, None), target)).permanent

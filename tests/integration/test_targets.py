"""Which targets are refused, and that the checked address is the one connected to."""

import ssl
from collections.abc import Sequence

import pytest

from alerts.channels.addresses import resolve
from alerts.channels.http import Poster
from alerts.channels.slack import SlackChannel
from alerts.channels.webhook import WebhookChannel
from tests.alert_messages import OPENED, failure, new_delivery
from tests.receivers import web_receiver

pytestmark = pytest.mark.anyio


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
            assert "FATURE_WEBHOOK_ALLOW_PRIVATE" in str(error.detail)
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
        assert str(await channel.send(known, OPENED, new_delivery())) == "accepted"
        error = await failure(channel, f"https://other.example.com:{receiver.port}/")
    assert (error.permanent, str(error.detail)) == (False, "the TLS handshake failed")
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

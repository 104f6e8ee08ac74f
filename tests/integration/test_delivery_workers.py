"""Workers that die, compete, hang, or lose their database."""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import psycopg
import pytest

from alerts.channels.base import Channel, Delivery
from alerts.delivery import deliver_due, run
from alerts.notification import Notification
from alerts.outbox import LEASE, Claim, claim
from sql.database import Pool, create_pool
from sql.messages import Message
from tests.alert_messages import OPENED_AT
from tests.channel_doubles import Recorder, email, webhook
from tests.conftest import ROOT
from tests.outbox_rows import Outbox
from tests.receivers import Mailbox, Reply, smtp_server, web_receiver

pytestmark = [pytest.mark.one_engine, pytest.mark.anyio]


async def test_a_worker_killed_between_send_and_mark_sends_again_with_the_same_id(
    outbox: Outbox, pool: Pool
) -> None:
    notification = outbox.put("webhook")
    with web_receiver() as receiver:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WORKER, outbox.url, receiver.url, cwd=ROOT
        )
        # The request has arrived whole; its answer never will.
        receiver.on_request = lambda: os.kill(worker.pid, signal.SIGKILL)
        await asyncio.wait_for(worker.wait(), 60)
        receiver.on_request = lambda: None
        now = datetime.now(UTC)
        assert outbox.notification(notification)["status"] == "waiting"
        assert await deliver_due(pool, webhook(receiver.url), now) == 0
        assert await deliver_due(pool, webhook(receiver.url), now + LEASE) == 1
    ids = [one.headers["x-fature-delivery"] for one in receiver.received]
    assert ids == [notification, notification]
    assert outbox.notification(notification)["status"] == "sent"


_WORKER = """
import asyncio, sys
from alerts.channels.http import Poster
from alerts.channels.webhook import WebhookChannel
from alerts.delivery import run
from sql.database import create_pool

async def main(database, url):
    channel = WebhookChannel(Poster(allow_private=True), url, None)
    async with create_pool(database, size=2) as pool:
        await run(pool, {"webhook": channel}, asyncio.Event())

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_worker_that_overran_its_lease_does_not_put_back_what_another_sent(
    outbox: Outbox, pool: Pool
) -> None:
    notification = outbox.put("webhook")
    await claim(pool, Claim("webhook", 10), OPENED_AT)
    await deliver_due(pool, {"webhook": Recorder()}, OPENED_AT + LEASE)
    assert outbox.notification(notification)["status"] == "sent"
    assert await claim(pool, Claim("webhook", 10), OPENED_AT + LEASE * 3) == []


@pytest.mark.parametrize("workers", [2, 4])
async def test_competing_workers_lose_nothing_and_send_nothing_twice(
    outbox: Outbox, workers: int
) -> None:
    expected = {outbox.put("webhook", at=datetime.now(UTC)) for _ in range(100)}
    stop = asyncio.Event()
    with web_receiver() as receiver:
        async with AsyncExitStack() as stack:
            pools = [
                await stack.enter_async_context(create_pool(outbox.url, size=3))
                for _ in range(workers)
            ]
            running = [asyncio.create_task(run(one, webhook(receiver.url), stop)) for one in pools]
            await until(lambda: outbox.statuses() == {"sent"})
            stop.set()
            await asyncio.gather(*running)
    ids = Counter(one.headers["x-fature-delivery"] for one in receiver.received)
    assert set(ids) == expected
    assert set(ids.values()) == {1}


async def test_a_hanging_webhook_holds_up_no_mail(outbox: Outbox, pool: Pool) -> None:
    now = datetime.now(UTC)
    for _ in range(20):
        outbox.put("webhook", at=now)
    mail = outbox.put("email", at=now)
    mailbox, stop = Mailbox(), asyncio.Event()
    with smtp_server(mailbox) as port, web_receiver(Reply(delay=4)) as receiver:
        channels: dict[str, Channel] = {**webhook(receiver.url), **email(port)}
        running = asyncio.create_task(run(pool, channels, stop))
        await until(lambda: outbox.notification(mail)["status"] == "sent", seconds=3)
        stop.set()
        await running
    # What was under way had the time to finish.
    assert len(receiver.received) == 16


async def test_the_loop_survives_a_database_that_is_away(outbox: Outbox) -> None:
    stop, recorder = asyncio.Event(), Recorder()
    async with create_pool(outbox.url, size=3, timeout=0.5) as pool:
        running = asyncio.create_task(run(pool, {"webhook": recorder}, stop))
        await asyncio.sleep(0.2)
        cut_off(outbox.url, allow=False)
        await asyncio.sleep(2.5)
        assert not running.done()
        cut_off(outbox.url, allow=True)
        outbox.put("webhook", at=datetime.now(UTC))
        await until(lambda: outbox.statuses() == {"sent"})
        stop.set()
        await running
    assert len(recorder.sent) == 1


async def test_what_was_sent_is_recorded_once_the_database_is_back(outbox: Outbox) -> None:
    notification = outbox.put("webhook", at=datetime.now(UTC))
    stop, recorder = asyncio.Event(), CuttingOff(outbox.url)
    async with create_pool(outbox.url, size=3, timeout=0.5) as pool:
        running = asyncio.create_task(run(pool, {"webhook": recorder}, stop))
        await asyncio.wait_for(recorder.cut.wait(), 10)
        await asyncio.sleep(2)
        cut_off(outbox.url, allow=True)
        await until(lambda: outbox.notification(notification)["status"] == "sent")
        stop.set()
        await running
    assert len(recorder.sent) == 1


class CuttingOff(Recorder):
    """The database goes away while this is sending."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.cut = asyncio.Event()

    async def send(self, recipient: str, notification: Notification, delivery: Delivery) -> Message:
        detail = await super().send(recipient, notification, delivery)
        cut_off(self.url, allow=False)
        self.cut.set()
        return detail


def cut_off(url: str, *, allow: bool) -> None:
    """Let nobody connect to a database, and end who is; or let them again."""
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as conn:
        conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allow}'.encode())
        if not allow:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [name],
            )


async def until(condition: object, seconds: float = 120) -> None:
    """Poll until it holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(condition):  # type: ignore[arg-type]
        assert asyncio.get_running_loop().time() < deadline, "it never came about"
        await asyncio.sleep(0.05)

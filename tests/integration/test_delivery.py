"""The outbox against receivers that fail, workers that die and workers that compete."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.channels.base import Channel, Delivery, TransportError
from alerts.channels.email import EmailChannel, SmtpServer
from alerts.channels.http import Poster
from alerts.channels.webhook import WebhookChannel
from alerts.delivery import deliver_due, run
from alerts.messages import Message
from alerts.outbox import LEASE, claim
from sql.database import Pool, create_pool
from tests.alert_messages import OPENED_AT, RESOLVED
from tests.conftest import ROOT, free_port
from tests.outbox_rows import Outbox
from tests.receivers import Mailbox, Reply, smtp_server, web_receiver

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """What the service runs on."""
    return "asyncio"


@pytest.fixture
def outbox(database: str) -> Outbox:
    """The outbox of a fresh database."""
    return Outbox(database)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A worker's pool."""
    async with create_pool(database, size=4) as opened:
        yield opened


def webhook(url: str, secret: str | None = None) -> dict[str, WebhookChannel]:
    return {"webhook": WebhookChannel(Poster(allow_private=True, timeout=5), url, secret)}


def email(port: int) -> dict[str, EmailChannel]:
    server = SmtpServer(host="127.0.0.1", port=port, tls="none", timeout=5)
    channel = EmailChannel(server, sender="a@example.com", default_recipient="b@example.com")
    return {"email": channel}


class Recorder:
    """A channel that keeps what it is given; it fails while `errors` lasts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sent: list[tuple[str, str, Delivery]] = []

    async def send(self, recipient: str, message: Message, delivery: Delivery) -> str:
        self.sent.append((recipient, message.transition, delivery))
        if self.errors:
            raise self.errors.pop(0)
        return "accepted"


async def test_a_notification_is_sent_once_and_logged(outbox: Outbox, pool: Pool) -> None:
    notification = outbox.put("webhook")
    with web_receiver() as receiver:
        assert await deliver_due(pool, webhook(receiver.url), OPENED_AT) == 1
        assert await deliver_due(pool, webhook(receiver.url), OPENED_AT + LEASE * 2) == 0
    (request,) = receiver.received
    assert request.headers["x-fature-delivery"] == notification
    (logged,) = outbox.deliveries(notification)
    assert (logged["outcome"], logged["detail"]) == ("sent", "accepted")
    assert (logged["attempted_at"], logged["duration_ms"] > 0) == (OPENED_AT, True)
    assert outbox.notification(notification)["status"] == "sent"


async def test_nothing_is_sent_before_it_is_due(outbox: Outbox, pool: Pool) -> None:
    outbox.put("webhook", at=OPENED_AT + timedelta(seconds=1))
    recorder = Recorder()
    assert await deliver_due(pool, {"webhook": recorder}, OPENED_AT) == 0


async def test_500_then_200_takes_two_attempts_with_one_delivery_id(
    outbox: Outbox, pool: Pool
) -> None:
    notification = outbox.put("webhook")
    with web_receiver(Reply(500), Reply(200)) as receiver:
        await deliver_due(pool, webhook(receiver.url), OPENED_AT)
        waiting = outbox.notification(notification)
        wait = (waiting["next_attempt_at"] - OPENED_AT).total_seconds()
        assert (waiting["status"], 24 <= wait <= 36) == ("waiting", True)
        await deliver_due(pool, webhook(receiver.url), OPENED_AT + timedelta(seconds=36))
    assert {one.headers["x-fature-delivery"] for one in receiver.received} == {notification}
    outcomes = [(row["outcome"], row["detail"]) for row in outbox.deliveries(notification)]
    assert outcomes == [("failed", "answered 500"), ("sent", "accepted")]


async def test_retry_after_is_respected(outbox: Outbox, pool: Pool) -> None:
    notification = outbox.put("webhook")
    with web_receiver(Reply(429, {"Retry-After": "600"})) as receiver:
        await deliver_due(pool, webhook(receiver.url), OPENED_AT)
    row = outbox.notification(notification)
    assert row["next_attempt_at"] == OPENED_AT + timedelta(seconds=600)


async def test_what_will_not_pass_is_dead_after_one_attempt(outbox: Outbox, pool: Pool) -> None:
    notification = outbox.put("webhook")
    with web_receiver(Reply(404)) as receiver:
        await deliver_due(pool, webhook(receiver.url), OPENED_AT)
        assert await deliver_due(pool, webhook(receiver.url), OPENED_AT + LEASE) == 0
    assert outbox.notification(notification)["status"] == "dead"
    (logged,) = outbox.deliveries(notification)
    assert (logged["outcome"], logged["detail"]) == ("dead", "answered 404")


async def test_ten_attempts_over_about_a_day_and_then_dead(outbox: Outbox, pool: Pool) -> None:
    notification = outbox.put("webhook")
    recorder = Recorder(*[TransportError("answered 503", permanent=False)] * 20)
    now = OPENED_AT
    while await deliver_due(pool, {"webhook": recorder}, now):
        row = outbox.notification(notification)
        if row["status"] == "waiting":
            now = row["next_attempt_at"]
    assert outbox.notification(notification)["status"] == "dead"
    assert len(recorder.sent) == 10
    assert timedelta(hours=14) < now - OPENED_AT < timedelta(hours=28)
    last = outbox.deliveries(notification)[-1]
    assert last["detail"] == "answered 503; given up after 10 attempts"


async def test_smtp_down_for_an_hour(outbox: Outbox, pool: Pool) -> None:
    """The clock runs in minutes; alert and resolve both arrive, once, in that order."""
    event = outbox.event()
    outbox.put("email", event=event)
    outbox.put("email", event=event, message=RESOLVED, at=OPENED_AT + timedelta(minutes=20))
    port, mailbox = free_port(), Mailbox()
    channels = email(port)
    for minute in range(60):
        await deliver_due(pool, channels, OPENED_AT + timedelta(minutes=minute))
    assert outbox.statuses() == {"waiting"}
    with smtp_server(mailbox, port=port):
        for minute in range(60, 240):
            await deliver_due(pool, channels, OPENED_AT + timedelta(minutes=minute))
    assert outbox.statuses() == {"sent"}
    first, second = mailbox.mails
    assert first["Subject"].startswith("[high]")
    assert second["Subject"].startswith("[resolved]")
    assert second["In-Reply-To"] == first["Message-ID"]


async def test_a_later_transition_waits_for_the_earlier(outbox: Outbox, pool: Pool) -> None:
    event = outbox.event()
    outbox.put("webhook", event=event)
    outbox.put("webhook", event=event, message=RESOLVED)
    outbox.put("webhook", "https://other.example.com/", event=event, message=RESOLVED)
    recorder = Recorder(TransportError("answered 500", permanent=False))
    await deliver_due(pool, {"webhook": recorder}, OPENED_AT)
    assert Counter((to, what) for to, what, _ in recorder.sent) == Counter(
        [("", "opened"), ("https://other.example.com/", "resolved")]
    )
    await deliver_due(pool, {"webhook": recorder}, OPENED_AT + timedelta(minutes=1))
    again, resolved = recorder.sent[2:]
    assert (again[1], resolved[1]) == ("opened", "resolved")
    assert resolved[2].thread_id == again[2].id != resolved[2].id


async def test_a_channel_that_is_not_configured_is_dead_and_says_so(
    outbox: Outbox, pool: Pool
) -> None:
    mail, text = outbox.put("email"), outbox.put("sms", "+5511912345678")
    hook = outbox.put("webhook")
    await deliver_due(pool, webhook(""), OPENED_AT)
    assert outbox.statuses() == {"dead"}
    assert "FATURE_SMTP_HOST" in outbox.deliveries(mail)[0]["detail"]
    assert "FATURE_SMS_ACCOUNT" in outbox.deliveries(text)[0]["detail"]
    assert "FATURE_WEBHOOK_URL is not set" in outbox.deliveries(hook)[0]["detail"]


async def test_one_that_breaks_its_channel_harms_no_other(outbox: Outbox, pool: Pool) -> None:
    broken = outbox.put("webhook", raw={"nonsense": 1})
    clumsy, fine = outbox.put("webhook"), outbox.put("webhook")
    recorder = Recorder(RuntimeError("https://hooks.example.com/s3cret"))
    await deliver_due(pool, {"webhook": recorder}, OPENED_AT)
    states = [outbox.notification(one)["status"] for one in (broken, clumsy, fine)]
    assert states[0] == "dead"
    assert sorted(states[1:]) == ["sent", "waiting"]
    told = [row["detail"] for one in (broken, clumsy, fine) for row in outbox.deliveries(one)]
    assert sorted(told) == [
        "accepted",
        "the stored message cannot be read",
        "unexpected failure (RuntimeError)",
    ]


async def test_no_secret_gets_into_the_delivery_log(outbox: Outbox, pool: Pool) -> None:
    failing = [Reply(500), Reply(302, {"Location": "http://s3cret/"}), Reply(raw=b"s3cret\r\n")]
    ids = [outbox.put("webhook", event=None) for _ in failing]
    with web_receiver(*failing) as receiver:
        url = receiver.url.replace("http://", "http://user:s3cret@") + "/s3cret?token=s3cret"
        await deliver_due(pool, webhook(url, "s3cret"), OPENED_AT)
    ids.append(outbox.put("webhook"))
    await deliver_due(pool, webhook(url, "s3cret"), OPENED_AT)
    details = [row["detail"] for one in ids for row in outbox.deliveries(one)]
    assert len(details) == 4
    assert "s3cret" not in "".join(details)


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
    await claim(pool, "webhook", OPENED_AT, 10)
    await deliver_due(pool, {"webhook": Recorder()}, OPENED_AT + LEASE)
    assert outbox.notification(notification)["status"] == "sent"
    assert await claim(pool, "webhook", OPENED_AT + LEASE * 3, 10) == []


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

    async def send(self, recipient: str, message: Message, delivery: Delivery) -> str:
        detail = await super().send(recipient, message, delivery)
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


async def until(condition: object, seconds: float = 30) -> None:
    """Poll until it holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(condition):  # type: ignore[arg-type]
        assert asyncio.get_running_loop().time() < deadline, "it never came about"
        await asyncio.sleep(0.05)

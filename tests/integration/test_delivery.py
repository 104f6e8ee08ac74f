"""The outbox against receivers that fail, workers that die and workers that compete."""

from collections import Counter
from datetime import timedelta

import pytest

from alerts.channels.base import TransportError
from alerts.delivery import AT_ONCE, deliver_due
from alerts.outbox import LEASE
from sql.database import Pool
from sql.messages import Message
from tests.alert_messages import OPENED_AT, RESOLVED
from tests.channel_doubles import Recorder, email, webhook
from tests.conftest import free_port
from tests.outbox_rows import Outbox
from tests.receivers import Mailbox, Reply, smtp_server, web_receiver

pytestmark = [pytest.mark.one_engine, pytest.mark.anyio]


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
        assert (waiting["status"], 0.8 <= wait <= 1.2) == ("waiting", True)
        await deliver_due(pool, webhook(receiver.url), OPENED_AT + timedelta(seconds=2))
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
    recorder = Recorder(*[TransportError(Message("answered 503"), permanent=False)] * 20)
    now = OPENED_AT
    while await deliver_due(pool, {"webhook": recorder}, now):
        row = outbox.notification(notification)
        if row["status"] == "waiting":
            now = row["next_attempt_at"]
    assert outbox.notification(notification)["status"] == "dead"
    assert len(recorder.sent) == 10
    # Nine waits of 1 s to 4^8 s are 24.3 h, a fifth more or less.
    assert timedelta(hours=19) < now - OPENED_AT < timedelta(hours=30)
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
    recorder = Recorder(TransportError(Message("answered 500"), permanent=False))
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


async def test_a_receiver_that_says_429_is_held_back_as_a_whole(outbox: Outbox, pool: Pool) -> None:
    """And asked one thing at a time afterwards, however much waits."""
    waiting = [outbox.put("webhook") for _ in range(40)]
    with web_receiver(Reply(429, {"Retry-After": "60"})) as receiver:
        channels = webhook(receiver.url)
        await deliver_due(pool, channels, OPENED_AT)
        asked = len(receiver.received)
        assert asked <= AT_ONCE
        outbox.put("webhook")
        for second in (1, 30, 59):
            await deliver_due(pool, channels, OPENED_AT + timedelta(seconds=second))
        assert len(receiver.received) == asked
        await deliver_due(pool, channels, OPENED_AT + timedelta(seconds=61))
        assert len(receiver.received) == asked + 1
        receiver.replies[:] = [Reply(200)]
        await deliver_due(pool, channels, OPENED_AT + timedelta(seconds=122))
    assert outbox.statuses() == {"sent"}
    assert len(receiver.received) == asked + 1 + len(waiting) + 1


async def test_another_receiver_of_the_channel_is_not_held_back(outbox: Outbox, pool: Pool) -> None:
    with web_receiver(Reply(429)) as limited, web_receiver() as other:
        first = outbox.put("webhook", limited.url)
        await deliver_due(pool, webhook(""), OPENED_AT)
        second = outbox.put("webhook", other.url)
        await deliver_due(pool, webhook(""), OPENED_AT)
    states = [outbox.notification(one)["status"] for one in (first, second)]
    assert states == ["waiting", "sent"]

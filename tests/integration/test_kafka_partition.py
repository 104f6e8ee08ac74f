"""Partitions of Kafka against a real database: what is stored, what becomes a dead letter, and
where the offset is.
"""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from aiokafka.errors import KafkaError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.access.caller import Caller, Principal
from service.access.keys import Keys, KeySpec
from service.kafka.backlog import Load
from service.kafka.intake import Intake
from service.kafka.offsets import Offsets, Place
from service.kafka.partition import Partition, Shared
from service.runtime.recording import Recording, recording
from service.runtime.settings import Settings
from sql.scope import Scope

SECONDS = 60
SECRET = "xq3LkV9tRz7uYw2cNb8mPd5sGf1hJa4e"


@dataclass
class Record:
    """A message as a broker hands it out."""

    offset: int
    value: bytes | None
    topic: str = ""
    partition: int = 0
    timestamp: int = -1
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Brokers:
    """One partition of a topic at brokers that answer at once; dead letters at `letters`."""

    topic: str = field(default_factory=lambda: f"t-{secrets.token_hex(4)}")
    records: list[Record] = field(default_factory=list)
    letters: list[Record] = field(default_factory=list)
    failures: int = 0
    first_kept: int = 0

    @property
    def place(self) -> Place:
        return Place(self.topic, 0)

    def add(self, *values: bytes | None) -> None:
        for value in values:
            self.records.append(Record(len(self.records), value, self.topic))

    async def send(self, refused: dict[int, tuple[Record, Exception]]) -> None:
        """Stands for `DeadLetters`."""
        if self.failures:
            self.failures -= 1
            raise KafkaError("away")
        self.letters += [record for record, _ in refused.values()]

    def buried(self) -> list[int]:
        return [letter.offset for letter in self.letters]


class Reader:
    """Stands for `Source`, for one member of the group."""

    def __init__(self, brokers: Brokers) -> None:
        self.brokers = brokers
        self.position = 0
        self.paused = True

    def go_to(self, place: Place, offset: int) -> None:
        self.position = offset

    def pause(self, place: Place) -> None:
        self.paused = True

    def resume(self, place: Place) -> None:
        self.paused = False

    def end(self, place: Place) -> int:
        return len(self.brokers.records)

    async def beginning(self, place: Place) -> int:
        return self.brokers.first_kept

    async def first(self, place: Place) -> int:
        return self.brokers.first_kept

    def fetch(self, partition: Partition, most: int = 1_000_000) -> None:
        """The next messages, as far as they are wanted."""
        if self.paused:
            return
        if self.position < self.brokers.first_kept or self.position > self.end(partition.place):
            partition.fell_out_of_range()
            return
        found = self.brokers.records[self.position : self.position + most]
        if found:
            self.position = found[-1].offset + 1
            partition.take(found)


@dataclass
class Member:
    """A consumer that has the partition, or believes that it has."""

    partition: Partition
    reader: Reader
    task: asyncio.Task[None]

    async def end(self) -> None:
        self.partition.stop()
        await asyncio.wait_for(self.task, SECONDS)


@dataclass
class Group:
    """The consumers of one group, which share a database."""

    recording: Recording
    key: str

    def shared(self, brokers: Brokers) -> Shared:
        return Shared(
            cast("Any", Reader(brokers)),
            Intake(self.recording, self.key),
            Offsets(self.recording.pool, "group"),
            cast("Any", brokers),
            Load(),
        )

    def member(self, brokers: Brokers) -> Member:
        shared = self.shared(brokers)
        partition = Partition(brokers.place, shared)
        task = asyncio.create_task(partition.run())
        return Member(partition, cast("Reader", shared.source), task)

    async def offset(self, brokers: Brokers) -> int | None:
        return await Offsets(self.recording.pool, "group").stored(brokers.place)

    async def consumed(self, member: Member, to: int | None = None, most: int = 1_000_000) -> None:
        """Fetch for that member until the group is at `to`, at the end of the log if not told."""
        brokers = member.reader.brokers
        to = len(brokers.records) if to is None else to
        async with asyncio.timeout(SECONDS):
            while (await self.offset(brokers) or 0) < to:
                member.reader.fetch(member.partition, most)
                await asyncio.sleep(0.01)


def consuming(
    url: str, folder: Path, action: Callable[[Group], Awaitable[None]], **options: Any
) -> None:
    """The result of `action` with a group that writes to that database."""

    async def run() -> None:
        async with group(url, folder, **options) as found:
            await action(found)

    asyncio.run(run())


@asynccontextmanager
async def group(
    url: str, folder: Path, tenant: str = "default", **options: Any
) -> AsyncIterator[Group]:
    given = Settings(database_url=url, data_dir=folder, secret=SECRET, **options)
    async with recording(given, url) as door:
        caller = Caller(Principal("test", "admin", Scope()), datetime.now(UTC))
        keys = Keys(door.pool, door.keys._hasher, door.keys)
        _, key = await keys.issue(caller, KeySpec(name="kafka", role="writer", tenant=tenant))
        yield Group(door, key)


def sample(value: float, metric: str = "m", **fields: object) -> dict[str, object]:
    return {
        "metric_name": metric,
        "metric_type": "revenue",
        "value": value,
        "frequency": "hourly",
        **fields,
    }


def one(value: float, metric: str = "m", **fields: object) -> bytes:
    return json.dumps(sample(value, metric, **fields)).encode()


def many(*values: float, metric: str = "m") -> bytes:
    return json.dumps({"metrics": [sample(value, metric) for value in values]}).encode()


def values(url: str, metric: str = "m") -> list[float]:
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            """
            SELECT h.value
            FROM fature.sample_hourly AS h
            JOIN fature.series AS s USING (series_id)
            WHERE s.metric_name = %s
            ORDER BY h.value
            """,
            (metric,),
        )
        return [value for (value,) in rows]


def test_of_two_that_read_the_same_the_second_goes_on_where_the_first_is(
    database: str, tmp_path: Path
) -> None:
    """One of them was taken for dead and is not: its samples were stored already."""

    async def action(group: Group) -> None:
        brokers = Brokers()
        brokers.add(one(1), many(2, 3), one(4))
        first, zombie = group.member(brokers), group.member(brokers)
        async with asyncio.timeout(SECONDS):
            while first.reader.paused or zombie.reader.paused:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await group.consumed(first)
        brokers.add(one(5))
        zombie.reader.fetch(zombie.partition)
        assert zombie.reader.position == 4
        async with asyncio.timeout(SECONDS):
            while zombie.reader.position != 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await group.offset(brokers) == 3
        await group.consumed(zombie)
        await first.end()
        await zombie.end()

    consuming(database, tmp_path, action)
    assert values(database) == [1, 2, 3, 4, 5]


def test_the_offset_moves_on_once_the_brokers_have_the_dead_letters(
    database: str, tmp_path: Path
) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers(failures=1)
        brokers.add(one(1), b"{", None, many(2, 3), one(4, unit="\n"))
        member = group.member(brokers)
        async with asyncio.timeout(SECONDS):
            while not member.partition.trouble:
                member.reader.fetch(member.partition)
                await asyncio.sleep(0.01)
        assert await group.offset(brokers) == 0
        assert values(database) == []
        await group.consumed(member)
        assert sorted(brokers.buried()) == [1, 2, 4]
        await member.end()
        assert member.partition.trouble is None

    consuming(database, tmp_path, action)
    assert values(database) == [1, 2, 3]


def test_a_batch_that_is_tried_again_leaves_its_dead_letters_once(
    database: str, tmp_path: Path
) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers()
        brokers.add(b"{", one(1))
        member = group.member(brokers)
        good, member.partition._shared.intake._key = group.key, "no key"
        for _ in range(2):
            async with asyncio.timeout(SECONDS):
                while not member.partition.trouble:
                    member.reader.fetch(member.partition)
                    await asyncio.sleep(0.01)
            member.partition.trouble = None
        assert values(database) == []
        member.partition._shared.intake._key = good
        await group.consumed(member)
        assert brokers.buried() == [0]
        await member.end()

    consuming(database, tmp_path, action)
    assert values(database) == [1]


def test_a_message_with_too_many_new_series_is_refused_alone(database: str, tmp_path: Path) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers()
        of_stores = [sample(1, region=f"r{number}") for number in range(10)]
        too_many = json.dumps({"metrics": of_stores}).encode()
        brokers.add(one(1), one(2, region="a"), too_many, one(3, region="b"), one(4))
        member = group.member(brokers)
        await group.consumed(member)
        assert brokers.buried() == [2]
        await member.end()

    consuming(database, tmp_path, action, max_series_per_tenant=5)
    assert values(database) == [1, 2, 3, 4]


def test_samples_of_closed_periods_become_dead_letters(database: str, tmp_path: Path) -> None:
    """Also of one that was closed after the consumer looked."""
    old = (datetime.now(UTC) - timedelta(days=3)).isoformat()

    async def action(group: Group) -> None:
        brokers = Brokers()
        member = group.member(brokers)
        brokers.add(one(1, timestamp=old))
        await group.consumed(member)
        with psycopg.connect(database) as conn:
            conn.execute(
                "INSERT INTO fature.period_close (tenant, metric_type, until, before, closed_by) "
                "VALUES ('default', 'revenue', now() - interval '2 days', "
                "now() - interval '2 days', 'user:1')"
            )
        brokers.add(one(2, timestamp=old), one(3), one(4, timestamp=old))
        await group.consumed(member)
        assert sorted(brokers.buried()) == [1, 3]
        await member.end()

    consuming(database, tmp_path, action)
    assert values(database) == [1, 3]


def test_samples_are_of_the_tenant_of_the_key(database: str, tmp_path: Path) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers()
        brokers.add(one(1), one(2, service_name="shop"), one(3, tenant="default"))
        member = group.member(brokers)
        await group.consumed(member)
        assert brokers.buried() == [2]
        await member.end()

    with psycopg.connect(database) as conn:
        conn.execute("INSERT INTO fature.tenant (tenant) VALUES ('acme')")
    consuming(database, tmp_path, action, tenant="acme")
    with psycopg.connect(database) as conn:
        tenants = conn.execute("SELECT DISTINCT tenant FROM fature.series").fetchall()
    assert tenants == [("acme",)]
    assert values(database) == [1, 2]


def test_messages_that_kafka_deleted_are_passed_over(database: str, tmp_path: Path) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers()
        brokers.add(one(1), one(2))
        member = group.member(brokers)
        await group.consumed(member)
        brokers.add(one(3), one(4), one(5))
        brokers.first_kept = 4
        await group.consumed(member)
        await member.end()

    consuming(database, tmp_path, action)
    assert values(database) == [1, 2, 5]


def test_an_offset_beyond_the_end_is_a_matter_for_people(database: str, tmp_path: Path) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers()
        brokers.add(*[one(value) for value in range(3)])
        member = group.member(brokers)
        await group.consumed(member)
        del brokers.records[1:]
        async with asyncio.timeout(SECONDS):
            while not member.partition.trouble:
                member.reader.fetch(member.partition)
                await asyncio.sleep(0.01)
        assert "no offset 3" in member.partition.trouble
        # What is there once the log has grown is not what was read.
        brokers.add(*[one(value) for value in range(10, 15)])
        member.partition.trouble = None
        async with asyncio.timeout(SECONDS):
            while not member.partition.trouble:
                member.reader.fetch(member.partition)
                await asyncio.sleep(0.01)
        assert await group.offset(brokers) == 3
        await Offsets(group.recording.pool, "group").move(brokers.place, 3, 1)
        await group.consumed(member)
        await member.end()

    consuming(database, tmp_path, action)
    assert values(database) == [0, 1, 2, 10, 11, 12, 13, 14]


def test_nothing_more_is_fetched_while_much_waits(database: str, tmp_path: Path) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers()
        brokers.add(*[one(1, metadata={"text": "x" * 8000})] * 1000)
        member = group.member(brokers)
        room = member.partition._shared.room
        while not room.locked():
            await room.acquire()
        async with asyncio.timeout(SECONDS):
            while not len(member.partition._backlog):
                member.reader.fetch(member.partition, most=600)
                await asyncio.sleep(0.01)
        assert member.reader.paused
        room.release()
        await group.consumed(member)
        assert not member.reader.paused
        await member.end()

    consuming(database, tmp_path, action)
    assert len(values(database)) == 1000


@pytest.mark.one_engine
def test_a_message_without_an_instant_has_that_of_its_message(
    database: str, tmp_path: Path
) -> None:
    async def action(group: Group) -> None:
        brokers = Brokers()
        moment = datetime.now(UTC).replace(microsecond=250_000)
        brokers.add(one(1), one(2, timestamp=moment.isoformat()))
        sent_at = int(moment.timestamp() * 1000) - 90_000
        brokers.records = [replace(record, timestamp=sent_at) for record in brokers.records]
        member = group.member(brokers)
        await group.consumed(member)
        await member.end()
        with psycopg.connect(database) as conn:
            rows = conn.execute("SELECT value, ts FROM fature.sample_hourly").fetchall()
            stored: dict[float, datetime] = dict(rows)
        assert (moment - stored[1]).total_seconds() == 90
        assert stored[2] == moment

    consuming(database, tmp_path, action)


# What a message may be: its value, its samples, and whether it is refused.
VALID = st.lists(st.integers(1, 1000), min_size=1, max_size=4)
POISON = st.sampled_from(
    [None, b"", b"{", b"[]", b"\xff", b'{"metrics": []}', b'{"metric_name": "m"}', b"1e999"]
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    messages=st.lists(st.one_of(VALID, POISON), min_size=1, max_size=40),
    most=st.integers(1, 20),
    stops=st.lists(st.integers(0, 40), max_size=3),
)
def test_whatever_comes_and_whenever_it_stops_each_message_counts_once(
    database: str,
    tmp_path: Path,
    messages: list[list[int] | bytes | None],
    most: int,
    stops: list[int],
) -> None:
    metric = f"m{secrets.token_hex(4)}"
    sent: Counter[float] = Counter()
    poison = []
    brokers = Brokers()
    for message in messages:
        if isinstance(message, list):
            sent.update(message)
            single = len(message) == 1
            brokers.add(one(message[0], metric) if single else many(*message, metric=metric))
        else:
            poison.append(len(brokers.records))
            brokers.add(message)

    async def action(group: Group) -> None:
        for stop in [*sorted(stops), len(messages)]:
            member = group.member(brokers)
            await group.consumed(member, min(stop, len(messages)), most)
            await member.end()

    consuming(database, tmp_path, action)
    assert Counter(values(database, metric)) == sent
    assert sorted(brokers.buried()) == poison

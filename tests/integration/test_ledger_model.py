"""Random sequences of posts, late posts, voids, replacements, relabels, imports, closes, refreshes,
runs of retention and ends of the service: every level has what a model in plain Python has, in what
analysts see as well. ``LEDGER_SEQUENCES`` asks for more of them, ``LEDGER_SEED`` for others.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg import sql

from retention.apply import delete_expired
from retention.policies import accept_ages, parse_keep
from service.access.caller import Caller, Principal
from service.metrics.corrections.closes import Closes
from service.metrics.corrections.relabels import Relabelling, RelabelSpec
from service.metrics.corrections.selections import SelectionVoids, VoidSpec
from service.metrics.corrections.stale import StaleRollups
from service.metrics.corrections.voids import Corrections
from service.metrics.imports.counting import ImportCounting
from service.metrics.imports.windows import Windows
from service.metrics.ingest.closed import Closed
from service.metrics.ingest.ids import SampleIds
from service.metrics.query.selection import Selection
from sql import calendar
from sql.database import Pool, create_pool
from sql.engine import Engine
from sql.scope import Scope
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency
from tests.conftest import DatabaseServer
from tests.integration.history import bring
from tests.integration.rollups import Conn, new_series, relation, session, store
from tests.reference import start_of

SEQUENCES = int(os.environ.get("LEDGER_SEQUENCES", "200"))
SEED = os.environ.get("LEDGER_SEED", "")
# So many sequences beside each other, and steps of each.
BESIDE, STEPS = 10, 4
ZONE = ZoneInfo("America/Sao_Paulo")
KEEP = parse_keep("")
ACCEPT = accept_ages(KEEP)
WINDOWS = Windows(ACCEPT, KEEP["day"], ZONE)
DAY = timedelta(days=1)
# Ages of imported history: of all levels there are figures then.
_IMPORTED = {
    "real_time": (9 * DAY, 28 * DAY),
    "hourly": (92 * DAY, 700 * DAY),
    "daily": (770 * DAY, 1700 * DAY),
    "monthly": (1900 * DAY, 3000 * DAY),
}
_ZONES = {"minute": ZoneInfo("UTC"), "hour": ZoneInfo("UTC")}
_UNITS = {
    "real_time": timedelta(minutes=1),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "monthly": timedelta(days=31),
}

_SERIES_BESIDE = """
INSERT INTO fature.series (metric_name, metric_type, frequency, region)
SELECT metric_name, metric_type, frequency, %s
FROM fature.series
WHERE series_id = %s
RETURNING series_id
"""

Bucket = tuple[datetime, Decimal, int, float, float, float, float]


@dataclass
class Freshness:
    """Of what is materialised, for all ledgers beside each other: whether since the last refresh a
    sample may have come late, or a correction not have been followed.
    """

    is_late: bool = False
    is_stale: bool = False


@dataclass
class Ledger:
    """A series, and the model of it: instant and value of each sample that counts, by its id."""

    engine: Engine
    url: str
    conn: Conn
    pool: Pool
    frequency: Frequency
    dice: random.Random
    series: int
    counted: dict[int, tuple[datetime, float]] = field(default_factory=dict)
    # Which of them came as history.
    imported: set[int] = field(default_factory=set)
    voided: set[int] = field(default_factory=set)
    ids: Iterator[int] = field(default_factory=lambda: iter(()))
    fresh: Freshness = field(default_factory=Freshness)

    @property
    def steps(self) -> list[Callable[[], Awaitable[None]]]:
        """What may happen to it."""
        return [
            *(self.post, self.post, self.void, self.void, self.replace),
            *(self.void_some, self.relabel, self.relabel),
        ]

    async def post(self) -> None:
        self._post(self.series)

    def _post(self, series: int) -> None:
        """Some samples, often at the edges of buckets and at the same instants."""
        rows = []
        for _ in range(self.dice.randint(1, 4)):
            number, ts = next(self.ids), self._instant()
            value = round(self.dice.uniform(-50, 50), 2)
            rows.append((ts, number, series, value))
            self.counted[number] = ts, value
        store(self.conn, self.frequency, rows)
        self.fresh.is_late = True

    async def void(self) -> None:
        if self.counted:
            number = self.dice.choice(list(self.counted))
            await self._corrections().void(self._caller(), number, "A typo")
            del self.counted[number]
            self.voided.add(number)

    async def replace(self) -> None:
        if self.counted:
            number = self.dice.choice(list(self.counted))
            value = round(self.dice.uniform(-50, 50), 2)
            void = await self._corrections().replace(self._caller(), number, value, "A typo")
            ts, _ = self.counted.pop(number)
            self.voided.add(number)
            self.counted[void["replaced_by"]] = ts, value
            if number in self.imported:
                self.imported.add(void["replaced_by"])

    async def void_some(self) -> None:
        """All from one sample to another."""
        if self.counted:
            instants = sorted(ts for ts, _ in self.counted.values())
            since, last = sorted(self.dice.choices(instants, k=2))
            before = last + timedelta(microseconds=1)
            name = self._value("SELECT metric_name FROM fature.series WHERE series_id = %s")
            spec = VoidSpec(
                metric_name=name,
                selection=Selection("default", {"metric_name": name}, {}),
                since=since,
                before=before,
                reason="A typo",
            )
            voids = SelectionVoids(self.url, self.pool, ACCEPT, self._follow())
            found = await voids.void(self._caller(), spec)
            gone = {n for n, (ts, _) in self.counted.items() if since <= ts < before}
            assert found.number == len(gone)
            total = sum((Decimal(str(self.counted[number][1])) for number in gone), Decimal())
            assert found.total == float(total)
            self.voided |= gone
            self.counted = {n: one for n, one in self.counted.items() if n not in gone}

    def import_history(self) -> None:
        """Some samples that are older than those that are submitted."""
        youngest, oldest = _IMPORTED[self.frequency]
        rows = []
        for _ in range(self.dice.randint(1, 4)):
            age = youngest + (oldest - youngest) * self.dice.random()
            ts = datetime.now(UTC) - age
            if self.dice.random() < 0.5:
                level = self.dice.choice(LEVELS[self.frequency])
                ts = max(start_of(ts, level, _ZONES.get(level, ZONE)), ts - DAY)
            rows.append((ts, next(self.ids), self.series, round(self.dice.uniform(-50, 50), 2)))
        bring(self.conn, self.frequency, rows)
        self.counted |= {number: (ts, value) for ts, number, _, value in rows}
        self.imported |= {number for _, number, *_ in rows}

    async def count_history(self) -> None:
        """The figures of all history, as the service computes them."""
        stale = StaleRollups(self.url if self.engine == "timescale" else None)

        async def follow(_: object) -> None:
            await stale.refresh()

        stretch = self.dice.choice((1, 50_000))
        await ImportCounting(self.url, self.pool, WINDOWS, follow, stretch).work()
        await stale.close()
        self.fresh.is_stale = False

    async def retain(self) -> None:
        """As every night: nothing that is kept is touched."""
        if self.engine == "timescale":
            for (job,) in self.conn.execute(
                "SELECT job_id FROM timescaledb_information.jobs "
                "WHERE proc_name = 'policy_retention' AND hypertable_name = ANY(%s)",
                [self._relations()],
            ).fetchall():
                self.conn.execute("CALL run_job(%s)", [job])
        else:
            await asyncio.to_thread(delete_expired, self.url, "plain", KEEP, datetime.now(UTC))

    def _relations(self) -> list[str]:
        rollups = [f"rollup_{self.frequency}_{level}" for level in LEVELS[self.frequency]]
        return [f"sample_{self.frequency}", f"imported_{self.frequency}", *rollups]

    async def relabel(self) -> None:
        """Another series becomes part of this one, or this one has another label."""
        before = self._value("SELECT region FROM fature.series WHERE series_id = %s")
        to = f"r{next(self.ids)}"
        if before is None or self.dice.random() < 0.7:
            before, to = to, before
            self._post(self._value(_SERIES_BESIDE, before, self.series))
            if self.dice.random() < 0.5:
                await self.refresh()
        name = self._value("SELECT metric_name FROM fature.series WHERE series_id = %s")
        spec = RelabelSpec(label="region", value=before, to=to, reason="x", metric_name=name)
        await Relabelling(self.url, self._follow()).relabel(self._caller(), spec)

    async def close(self) -> None:
        """What is closed is not voided, until it is open again."""
        age = timedelta(days=2) + ACCEPT[self.frequency] * self.dice.random()
        until = (datetime.now(UTC) - age).astimezone(ZONE).date()

        async def follow(*_: str) -> None:
            """Nobody is told."""

        closes = Closes(self.pool, ZONE, follow)
        close = await closes.close(self._caller(), until, "revenue")
        before = calendar.day_start(until + timedelta(days=1), ZONE)
        for number in [number for number, (ts, _) in self.counted.items() if ts < before][:2]:
            with pytest.raises(Closed):
                await self._corrections().void(self._caller(), number, "A typo")
        await closes.reopen(self._caller(), close["close_id"])

    async def refresh(self) -> None:
        """As policies do; whether corrections were noted does not matter to them."""
        if self.engine == "timescale":
            for level in LEVELS[self.frequency]:
                job = self._value(
                    "SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_name = %s "
                    "AND proc_name = 'policy_refresh_continuous_aggregate'",
                    f"rollup_{self.frequency}_{level}",
                )
                self.conn.execute("CALL run_job(%s)", [job])
        self.fresh.is_late = self.fresh.is_stale = False

    async def run_job(self) -> None:
        """As the database does where the service ended before it refreshed."""
        self.conn.execute("CALL fature.refresh_corrected()")
        self.fresh.is_stale = False

    async def into_columns(self) -> None:
        if self.engine == "timescale":
            chunks = self.conn.execute(
                "SELECT format('%%I.%%I', chunk_schema, chunk_name) "
                "FROM timescaledb_information.chunks WHERE hypertable_name = %s "
                "AND NOT is_compressed ORDER BY range_start LIMIT 1",
                [f"sample_{self.frequency}"],
            ).fetchall()
            for (chunk,) in chunks:
                self.conn.execute("CALL convert_to_columnstore(%s)", [chunk])

    def check_samples(self) -> None:
        """And voids."""
        own = {n: one for n, one in self.counted.items() if n not in self.imported}
        history = {n: one for n, one in self.counted.items() if n in self.imported}
        assert self._stored(f"sample_{self.frequency}") == own
        assert self._stored(f"imported_{self.frequency}") == history
        voids = "SELECT sample_id FROM fature.void WHERE series_id = %s"
        assert {n for (n,) in self.conn.execute(voids, [self.series])} == self.voided

    def check(self) -> None:
        """Samples and voids always; rollups unless they may lack something."""
        self.check_samples()
        if self.engine == "timescale" and (self.fresh.is_late or self.fresh.is_stale):
            return
        for level in LEVELS[self.frequency]:
            found = self.conn.execute(
                sql.SQL(
                    "SELECT bucket, sum_value, sample_count, min_value, max_value, first_value, "
                    "last_value FROM {} WHERE series_id = %s ORDER BY bucket"
                ).format(relation(f"rollup_{self.frequency}_{level}")),
                [self.series],
            ).fetchall()
            assert found == self.buckets(level), level

    def check_views(self) -> None:
        """What analysts see of each level, and of samples."""
        name = self._value("SELECT metric_name FROM fature.series WHERE series_id = %s")
        for level in LEVELS[self.frequency]:
            found = self.conn.execute(
                sql.SQL(
                    "SELECT bucket, sum_value::numeric, sample_count, min_value, max_value, "
                    "first_value, last_value FROM {} WHERE metric_name = %s ORDER BY bucket"
                ).format(sql.Identifier("analytics", f"metric_{level}")),
                [name],
            ).fetchall()
            assert found == self.buckets(level), level

    def _stored(self, table: str) -> dict[int, tuple[datetime, float]]:
        stored = self.conn.execute(
            sql.SQL("SELECT id, ts, value FROM {} WHERE series_id = %s").format(relation(table)),
            [self.series],
        )
        return {number: (ts, value) for number, ts, value in stored}

    def buckets(self, level: str) -> list[Bucket]:
        samples: dict[datetime, list[tuple[datetime, int, float]]] = {}
        for number, (ts, value) in self.counted.items():
            start = start_of(ts, level, _ZONES.get(level, ZONE))
            samples.setdefault(start, []).append((ts, number, value))
        found = []
        for start in sorted(samples):
            values = [value for *_, value in sorted(samples[start])]
            total = sum((Decimal(str(value)) for value in values), Decimal())
            ends = min(values), max(values), values[0], values[-1]
            found.append((start, total, len(values), *ends))
        return found

    def _instant(self) -> datetime:
        now, age = datetime.now(UTC), ACCEPT[self.frequency]
        ts = now - age * self.dice.random() ** 2 + timedelta(minutes=1)
        if self.counted and self.dice.random() < 0.3:
            ts = self.dice.choice(list(self.counted.values()))[0]
        elif self.dice.random() < 0.5:
            level = self.dice.choice(LEVELS[self.frequency])
            ts = start_of(ts, level, _ZONES.get(level, ZONE))
        elif self.dice.random() < 0.3:
            ts = start_of(ts, "day", ZONE) - _UNITS[self.frequency]
        # It may be corrected some minutes from now.
        return max(ts, now - age + timedelta(minutes=15))

    def _corrections(self) -> Corrections:
        return Corrections(self.pool, SampleIds(self.pool), ACCEPT, self._follow())

    def _follow(self) -> Callable[[object], Awaitable[None]]:
        """What the service does after a correction, unless it ends before."""
        ends_before = self.dice.random() < 0.6
        self.fresh.is_stale = self.fresh.is_stale or ends_before
        serves = self.engine == "timescale" and not ends_before

        async def follow(_: object) -> None:
            await StaleRollups(self.url if serves else None).refresh()

        return follow

    def _caller(self) -> Caller:
        return Caller(Principal("key:1", "admin", Scope()), datetime.now(UTC))

    def _value(self, statement: str, *params: object) -> Any:
        row = self.conn.execute(statement.encode(), params or (self.series,)).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def url(database_of: DatabaseServer) -> str:
    return database_of.new_database(str(ZONE))


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_every_level_has_what_the_model_has(
    url: str, database_of: DatabaseServer, frequency: Frequency
) -> None:
    async def run() -> None:
        async with create_pool(url, size=2) as pool:
            with session(url) as conn:
                for first in range(0, SEQUENCES // len(FREQUENCIES), BESIDE):
                    fresh = Freshness()
                    ledgers = [begun(conn, pool, first + n, fresh) for n in range(BESIDE)]
                    await sequences(ledgers, random.Random(f"{frequency} of {first}{SEED}"))

    def begun(conn: Conn, pool: Pool, sequence: int, fresh: Freshness) -> Ledger:
        dice = random.Random(f"{frequency} {sequence}{SEED}")
        series = new_series(conn, frequency)
        if sequence % 2:
            region = "UPDATE fature.series SET region = 'here' WHERE series_id = %s"
            conn.execute(region.encode(), [series])
        first = 10**12 * (1 + series)
        ids = iter(range(first, first + 10**6))
        engine = database_of.engine
        return Ledger(engine, url, conn, pool, frequency, dice, series, ids=ids, fresh=fresh)

    asyncio.run(run())


async def sequences(ledgers: Sequence[Ledger], dice: random.Random) -> None:
    """Each ledger takes steps of its own; between them is done what concerns all, which takes as
    long for many as for one.
    """

    async def history() -> None:
        for ledger in dice.sample(ledgers, k=len(ledgers) // 2):
            ledger.import_history()
        await ledgers[0].count_history()

    any_of_them = ledgers[0]
    common = [
        *(history, any_of_them.refresh, any_of_them.run_job, any_of_them.into_columns),
        *(any_of_them.retain, any_of_them.close),
    ]
    for ledger in ledgers:
        await ledger.post()
    for _ in range(STEPS):
        for ledger in ledgers:
            await ledger.dice.choice(ledger.steps)()
            ledger.check_samples()
        await dice.choice(common)()
        for ledger in ledgers:
            ledger.check()
    await any_of_them.run_job()
    await any_of_them.refresh()
    for ledger in ledgers:
        ledger.check()
        ledger.check_views()

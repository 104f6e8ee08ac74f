"""The group-committing writer against a real database."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import psycopg
import pytest

from service.metrics.ingest.idempotency import Receipt
from service.metrics.ingest.ids import BLOCK, SampleIds
from service.metrics.ingest.writer import MAX_FLUSH_ROWS, MAX_WAITING_ROWS
from sql.errors import Busy, Conflict, DatabaseError, DatabaseTimeout, DatabaseUnavailable
from tests.writing import REFUSED, Bench, bench, key, outcomes, rows, values

# Group commit


def test_what_waits_is_committed_together(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(*[await bench.submission(n, n) for n in range(50)])
        async with bench.running():
            return await outcomes(waiting)

    receipts = bench(database, action)
    stored = rows(database)
    assert len({transaction for *_, transaction in stored}) == 1
    by_id = {sample_id: value for sample_id, value, _ in stored}
    assert len(by_id) == 100
    for number, receipt in enumerate(receipts):
        assert isinstance(receipt, Receipt)
        assert (receipt.count, receipt.replayed) == (2, False)
        assert [by_id[receipt.first_id + n] for n in range(2)] == [number, number]


def test_what_comes_later_is_committed_later(database: str) -> None:
    async def action(bench: Bench) -> None:
        async with bench.running():
            for value in (1, 2, 3):
                await bench.writer.submit(await bench.submission(value))
                assert values(database) == list(range(1, value + 1)), "answered before committed"

    bench(database, action)
    assert len({transaction for *_, transaction in rows(database)}) == 3


def test_samples_of_several_frequencies_are_committed_together(database: str) -> None:
    async def action(bench: Bench) -> None:
        waiting = bench.wait_with(
            await bench.mixed(1, "real_time", "hourly", "daily", "monthly"),
            await bench.mixed(2, "monthly", "real_time"),
        )
        async with bench.running():
            await asyncio.gather(*waiting)

    bench(database, action)
    stored = {f: rows(database, f) for f in ("real_time", "hourly", "daily", "monthly")}
    assert {f: sorted(value for _, value, _ in found) for f, found in stored.items()} == {
        "real_time": [1, 2],
        "hourly": [1],
        "daily": [1],
        "monthly": [1, 2],
    }
    assert len({transaction for found in stored.values() for *_, transaction in found}) == 1


def test_a_flush_ends_at_its_limit_and_the_rest_follows(database: str) -> None:
    per_request = MAX_FLUSH_ROWS // 2

    async def action(bench: Bench) -> None:
        numbers = [float(n) for n in range(per_request)]
        waiting = bench.wait_with(*[await bench.submission(*numbers) for _ in range(3)])
        async with bench.running():
            await asyncio.gather(*waiting)

    bench(database, action)
    stored = rows(database)
    assert len(stored) == len({sample_id for sample_id, *_ in stored}) == 3 * per_request
    assert len({transaction for *_, transaction in stored}) == 2


# One request's bad data


@pytest.mark.parametrize("place", [0, 2, 4])
def test_bad_data_of_one_request_fails_that_request_only(database: str, place: int) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        submissions = [await bench.submission(n, n) for n in range(5)]
        submissions[place] = await bench.bad(-1, -1)
        waiting = bench.wait_with(*submissions)
        async with bench.running():
            return await outcomes(waiting)

    answers = bench(database, action)
    for number, answer in enumerate(answers):
        if number == place:
            assert isinstance(answer, DatabaseError)
            assert not isinstance(answer, DatabaseUnavailable)
        else:
            assert isinstance(answer, Receipt)
    assert values(database) == [n for n in range(5) if n != place for _ in range(2)]


def test_all_bad_data_fails_and_the_writer_goes_on(database: str) -> None:
    async def action(bench: Bench) -> Receipt:
        waiting = bench.wait_with(*[await bench.bad(-1) for _ in range(3)])
        async with bench.running():
            assert all(isinstance(one, DatabaseError) for one in await outcomes(waiting))
            return await bench.writer.submit(await bench.submission(1))

    assert bench(database, action).count == 1
    assert values(database) == [1]


@pytest.mark.parametrize("frequency", ["real_time", "daily"])
def test_a_request_is_stored_whole_or_not_at_all(database: str, frequency: str) -> None:
    """The rows of one frequency are refused, before or after the others were written."""

    async def action(bench: Bench) -> list[Receipt | BaseException]:
        good = await bench.mixed(1, "real_time", "hourly", "daily")
        poisoned: Mapping[str, bytes] = {**good.rows, frequency: REFUSED}
        alone = bench.wait_with(replace(good, rows=poisoned))
        async with bench.running():
            failed = await outcomes(alone)
            among = bench.wait_with(
                await bench.mixed(2, "real_time", "hourly", "daily"),
                replace(await bench.mixed(1, "real_time", "hourly", "daily"), rows=poisoned),
                await bench.mixed(3, "hourly"),
            )
            return [*failed, *await outcomes(among)]

    answers = bench(database, action)
    assert [isinstance(answer, Receipt) for answer in answers] == [False, True, False, True]
    assert values(database, "real_time") == [2]
    assert values(database, "hourly") == [2, 3]
    assert values(database, "daily") == [2]


def test_bad_data_does_not_use_up_its_key(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt]:
        waiting = bench.wait_with(
            await bench.bad(-1, key=key("a")), await bench.submission(2, key=key("b"))
        )
        async with bench.running():
            refusal, other = await outcomes(waiting)
            assert isinstance(refusal, DatabaseError)
            assert isinstance(other, Receipt)
            again = await bench.writer.submit(await bench.submission(1, key=key("a")))
            return [other, again]

    assert [answer.replayed for answer in bench(database, action)] == [False, False]
    assert sorted(values(database)) == [1, 2]


def test_while_the_database_is_away_all_that_wait_are_told(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(*[await bench.submission(n) for n in range(3)])
        await bench.pool.close()
        async with bench.running():
            return await outcomes(waiting)

    assert all(isinstance(answer, DatabaseUnavailable) for answer in bench(database, action))
    assert values(database) == []


# Idempotency keys


def test_the_same_request_twice_in_one_flush_counts_once(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt]:
        waiting = bench.wait_with(*[await bench.submission(1, 2, key=key("k")) for _ in range(5)])
        async with bench.running():
            return await asyncio.gather(*waiting)

    first, *again = bench(database, action)
    assert not first.replayed
    assert again == [replace(first, replayed=True)] * 4
    assert values(database) == [1, 2]


def test_another_body_under_a_key_in_the_same_flush_is_refused(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(
            await bench.submission(1, key=key("k", b"1")),
            await bench.submission(2, key=key("k", b"2")),
            await bench.submission(3),
            await bench.submission(4, key=key("other", b"2")),
        )
        async with bench.running():
            return await outcomes(waiting)

    first, refusal, keyless, other = bench(database, action)
    assert isinstance(refusal, Conflict)
    assert all(isinstance(answer, Receipt) for answer in (first, keyless, other))
    assert values(database) == [1, 3, 4]


def test_a_key_belongs_to_its_principal(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt]:
        waiting = bench.wait_with(
            *[await bench.submission(1, key=key("k", principal=p)) for p in ("a", "b", "a")]
        )
        async with bench.running():
            return await asyncio.gather(*waiting)

    assert [answer.replayed for answer in bench(database, action)] == [False, False, True]
    assert values(database) == [1, 1]


def test_the_first_answer_can_be_looked_up(database: str) -> None:
    async def action(bench: Bench) -> tuple[Receipt, Receipt | None, Receipt | None]:
        async with bench.running():
            receipt = await bench.writer.submit(await bench.submission(1, key=key("k", b"1")))
        with pytest.raises(Conflict):
            await bench.writer.first_answer(key("k", b"2"))
        found = await bench.writer.first_answer(key("k", b"1"))
        return receipt, found, await bench.writer.first_answer(key("unknown"))

    receipt, found, unknown = bench(database, action)
    assert found == replace(receipt, replayed=True)
    assert unknown is None


def test_a_key_held_elsewhere_times_out_alone(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(
            await bench.submission(1),
            await bench.submission(2, key=key("held")),
            await bench.submission(3, key=key("free")),
        )
        async with bench.running():
            return await outcomes(waiting)

    with psycopg.connect(database) as holder:
        holder.execute("INSERT INTO fature.idempotency VALUES ('p', 'held', '', 1, 1)")
        keyless, held, free = bench(database, action)
    assert isinstance(held, DatabaseTimeout)
    assert isinstance(keyless, Receipt)
    assert isinstance(free, Receipt)
    assert sorted(values(database)) == [1, 3]


# The queue


def test_a_full_queue_refuses_and_keeps_what_it_has(database: str) -> None:
    async def action(bench: Bench) -> None:
        big = replace(await bench.submission(1), count=MAX_WAITING_ROWS - 1)
        waiting = bench.wait_with(big, await bench.submission(2))
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(Busy):
                await bench.writer.submit(await bench.submission(3))
        async with bench.running():
            await asyncio.gather(*waiting)
            await bench.writer.submit(await bench.submission(4))

    bench(database, action)
    assert sorted(values(database)) == [1, 2, 4]


def test_a_request_larger_than_what_is_left_does_not_fit_but_a_smaller_one_does(
    database: str,
) -> None:
    async def action(bench: Bench) -> None:
        big = replace(await bench.submission(1), count=MAX_WAITING_ROWS - 1)
        waiting = bench.wait_with(big)
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await bench.writer.submit(await bench.submission(2, 2))
        waiting += bench.wait_with(await bench.submission(3))
        async with bench.running():
            await asyncio.gather(*waiting)

    bench(database, action)
    assert sorted(values(database)) == [1, 3]


@pytest.mark.parametrize("bad", [0, 1, 3])
def test_there_is_room_again_after_failures(database: str, bad: int) -> None:
    """Whatever became of what waited, it does not count as waiting any more."""
    share = MAX_WAITING_ROWS // 4

    async def action(bench: Bench) -> int:
        taken = 0
        async with bench.running():
            for _ in range(3):
                submissions = [await bench.submission(1) for _ in range(4 - bad)]
                submissions += [await bench.bad(-1) for _ in range(bad)]
                sized = [replace(each, count=share) for each in submissions]
                answers = await outcomes(bench.wait_with(*sized))
                assert not any(isinstance(answer, Busy) for answer in answers)
                taken += sum(isinstance(answer, Receipt) for answer in answers)
        return taken

    assert bench(database, action) == 3 * (4 - bad)


def test_closing_writes_what_waits_and_takes_nothing_more(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt]:
        waiting = bench.wait_with(*[await bench.submission(n) for n in range(10)])
        late = await bench.submission(-1)
        await asyncio.sleep(0)
        bench.writer.close()
        with pytest.raises(Busy):
            await bench.writer.submit(late)
        await bench.writer.run()
        return await asyncio.gather(*waiting)

    assert len(bench(database, action)) == 10
    assert values(database) == list(range(10))


def test_an_idle_writer_ends_when_it_is_closed(database: str) -> None:
    async def action(bench: Bench) -> None:
        run = asyncio.create_task(bench.writer.run())
        await asyncio.sleep(0.01)
        assert not run.done()
        bench.writer.close()
        await asyncio.wait_for(run, timeout=30)

    bench(database, action)


def test_a_caller_that_went_away_harms_nobody(database: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(*[await bench.submission(n) for n in range(3)])
        await asyncio.sleep(0)
        waiting[1].cancel()
        async with bench.running():
            return await outcomes(waiting)

    first, gone, last = bench(database, action)
    assert isinstance(first, Receipt)
    assert isinstance(gone, asyncio.CancelledError)
    assert isinstance(last, Receipt)
    assert {0.0, 2.0} <= set(values(database))


# The series cache


def test_what_a_full_cache_forgets_keeps_its_series(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.metrics.ingest.series.CACHE_SIZE", 3)

    async def write(bench: Bench) -> None:
        # More than fit; then the forgotten with the kept and a new one; then all of them.
        async with bench.running():
            for names in ("abcd", "ade", "abcde"):
                await asyncio.gather(*bench.wait_with(await bench.of_services(*names)))

    bench(database, write)
    with psycopg.connect(database) as conn:
        counted = conn.execute(
            """
            SELECT s.service_name, count(DISTINCT s.series_id), count(*)
            FROM fature.sample_hourly AS h
            JOIN fature.series AS s USING (series_id)
            GROUP BY s.service_name
            ORDER BY s.service_name
            """
        ).fetchall()
    assert counted == [("a", 1, 3), ("b", 1, 2), ("c", 1, 2), ("d", 1, 3), ("e", 1, 2)]


# Ids


def test_ids_are_unique_across_writers_and_blocks(database: str) -> None:
    async def take(bench: Bench) -> list[int]:
        others = [SampleIds(bench.pool) for _ in range(4)]
        sizes = [1, 999, 1000, BLOCK // 2, BLOCK]

        async def runs(ids: SampleIds) -> list[int]:
            firsts = await asyncio.gather(*[ids.take(size) for size in sizes * 2])
            pairs = zip(firsts, sizes * 2, strict=True)
            return [first + n for first, size in pairs for n in range(size)]

        taken = await asyncio.gather(*[runs(ids) for ids in others])
        return [number for run in taken for number in run]

    numbers = bench(database, take)
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 0

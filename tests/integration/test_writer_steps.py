"""Steps that submissions take in the writer's transaction, against a real database."""

import asyncio
from dataclasses import replace

import psycopg
import pytest

from service.metrics.ingest.idempotency import Receipt
from service.metrics.ingest.prepare import Step
from sql.connections import Connection
from sql.errors import Conflict, DatabaseError, DatabaseTimeout, on_violation, translated_errors
from sql.messages import Message
from tests.writing import REFUSED, Bench, bench, key, outcomes, rows, values

MOVED = Conflict(Message("Another was first"))


@pytest.fixture
def place(database: str) -> str:
    """A database with two places at 0, none of which goes beyond 9."""
    with psycopg.connect(database) as conn:
        conn.execute(
            "CREATE TABLE public.place (name text PRIMARY KEY, at integer CHECK (at < 10))"
        )
        conn.execute("INSERT INTO public.place VALUES ('a', 0), ('b', 0)")
    return database


def places(url: str) -> dict[str, int]:
    with psycopg.connect(url) as conn:
        return dict(conn.execute("SELECT name, at FROM public.place").fetchall())


def move(name: str, before: int, after: int) -> Step:
    """Compare and swap; the constraint refuses to go beyond 9, which fails the statement."""

    async def step(conn: Connection) -> None:
        with on_violation("place_at_check", MOVED), translated_errors():
            moved = await conn.execute(
                "UPDATE public.place SET at = %s WHERE name = %s AND at = %s",
                (after, name, before),
            )
        if not moved.rowcount:
            raise MOVED

    return step


def both(*steps: Step) -> Step:
    async def step(conn: Connection) -> None:
        for each in steps:
            await each(conn)

    return step


def test_a_step_is_taken_in_the_transaction_that_stores_the_rows(place: str) -> None:
    async def action(bench: Bench) -> None:
        waiting = bench.wait_with(
            await bench.submission(1),
            await bench.submission(2, step=move("a", 0, 1)),
            await bench.submission(step=move("b", 0, 2)),
        )
        async with bench.running():
            await asyncio.gather(*waiting)

    bench(place, action)
    assert values(place) == [1, 2]
    assert places(place) == {"a": 1, "b": 2}
    with psycopg.connect(place) as conn:
        moved = {row[0] for row in conn.execute("SELECT xmin::text FROM public.place")}
    assert moved == {transaction for *_, transaction in rows(place)}


def test_rows_the_database_refuses_undo_their_step(place: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        poisoned = await bench.submission(1, step=move("a", 0, 1))
        waiting = bench.wait_with(
            replace(poisoned, rows={"hourly": REFUSED}),
            await bench.submission(2, step=move("b", 0, 2)),
        )
        async with bench.running():
            return await outcomes(waiting)

    refusal, other = bench(place, action)
    assert isinstance(refusal, DatabaseError)
    assert isinstance(other, Receipt)
    assert values(place) == [2]
    assert places(place) == {"a": 0, "b": 2}


def test_of_two_that_move_from_the_same_place_the_first_is_stored(place: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(
            await bench.submission(1, step=move("a", 0, 1)),
            await bench.submission(2, step=move("a", 0, 2)),
            await bench.submission(3, step=move("a", 1, 3)),
            await bench.submission(4),
        )
        async with bench.running():
            return await outcomes(waiting)

    first, loser, after, without = bench(place, action)
    assert loser is MOVED
    assert all(isinstance(answer, Receipt) for answer in (first, after, without))
    assert values(place) == [1, 3, 4]
    assert places(place) == {"a": 3, "b": 0}


@pytest.mark.parametrize("last", [7, 11], ids=["by itself", "by a constraint"])
def test_a_refusal_undoes_what_the_step_did_before(place: str, last: int) -> None:
    """A statement that fails ends the transaction for the others, too."""

    async def action(bench: Bench) -> list[Receipt | BaseException]:
        refused = both(move("a", 0, 5), move("b", 0 if last > 9 else 6, last))
        waiting = bench.wait_with(
            await bench.submission(1, step=refused),
            await bench.submission(2, step=refused),
            await bench.submission(3, step=move("b", 0, 1)),
            await bench.submission(4),
        )
        async with bench.running():
            return await outcomes(waiting)

    *refusals, other, without = bench(place, action)
    assert refusals == [MOVED, MOVED]
    assert isinstance(other, Receipt)
    assert isinstance(without, Receipt)
    assert values(place) == [3, 4]
    assert places(place) == {"a": 0, "b": 1}


def test_what_waits_for_another_s_refusal_is_refused_itself(place: str) -> None:
    """The second moves on from where the first, which fails, would have moved to."""

    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(
            await bench.submission(1, step=both(move("a", 0, 1), move("b", 3, 4))),
            await bench.submission(2, step=move("a", 1, 2)),
        )
        async with bench.running():
            return await outcomes(waiting)

    assert bench(place, action) == [MOVED, MOVED]
    assert values(place) == []
    assert places(place) == {"a": 0, "b": 0}


def test_a_refusal_does_not_use_up_the_key(place: str) -> None:
    async def action(bench: Bench) -> Receipt:
        async with bench.running():
            refused = await bench.submission(1, key=key("k"), step=move("a", 7, 8))
            with pytest.raises(Conflict):
                await bench.writer.submit(refused)
            again = await bench.submission(1, key=key("k"), step=move("a", 0, 1))
            return await bench.writer.submit(again)

    assert not bench(place, action).replayed
    assert values(place) == [1]


def test_a_repeated_request_does_not_take_its_step_again(place: str) -> None:
    async def action(bench: Bench) -> list[Receipt]:
        async with bench.running():
            return [
                await bench.writer.submit(
                    await bench.submission(1, key=key("k"), step=move("a", 0, 1))
                )
                for _ in range(2)
            ]

    assert [answer.replayed for answer in bench(place, action)] == [False, True]
    assert values(place) == [1]


def test_a_step_that_waits_for_another_process_times_out_alone(place: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(
            await bench.submission(1, step=move("a", 0, 1)),
            await bench.submission(2, step=move("b", 0, 1)),
        )
        async with bench.running():
            return await outcomes(waiting)

    with psycopg.connect(place) as holder:
        holder.execute("UPDATE public.place SET at = 9 WHERE name = 'a'")
        held, free = bench(place, action)
    assert isinstance(held, DatabaseTimeout)
    assert isinstance(free, Receipt)
    assert values(place) == [2]


def test_steps_that_wait_in_a_circle_with_another_process_are_tried_alone(place: str) -> None:
    async def action(bench: Bench) -> list[Receipt | BaseException]:
        waiting = bench.wait_with(
            await bench.submission(1, step=move("a", 0, 1)),
            await bench.submission(2, step=move("b", 0, 1)),
        )
        async with await psycopg.AsyncConnection.connect(place) as other:
            # So that it is the writer that notices.
            await other.execute("SET deadlock_timeout = '1min'")
            await other.execute("UPDATE public.place SET at = 9 WHERE name = 'b'")
            async with bench.running():
                await waiting_for_a_lock(place)
                await other.execute("UPDATE public.place SET at = 9 WHERE name = 'a'")
                await other.rollback()
                return await outcomes(waiting)

    assert all(isinstance(answer, Receipt) for answer in bench(place, action))
    assert values(place) == [1, 2]


async def waiting_for_a_lock(url: str) -> None:
    """Until somebody waits for a row."""
    statement = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        while not await (await conn.execute(statement)).fetchone():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

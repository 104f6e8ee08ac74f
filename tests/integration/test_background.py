"""Background work goes on whatever happens."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.runtime import background
from service.runtime.settings import Settings
from sql.engine import Engine
from sql.errors import DatabaseError

pytestmark = [pytest.mark.one_engine, pytest.mark.anyio]

FAILURES = [DatabaseError("away"), ValueError("a mistake")]


class Step:
    """Fails in every way, each time in the next, and then works."""

    def __init__(self) -> None:
        self.failures = list(FAILURES)
        self.worked = asyncio.Event()

    async def __call__(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.worked.set()


async def told_until_it_worked(step: Step, task: asyncio.Task[None]) -> list[Any]:
    """Log lines of the failures."""
    with capture_logs() as lines:
        try:
            async with asyncio.timeout(10):
                await step.worked.wait()
        finally:
            task.cancel()
    return [
        (line["event"], line.get("reason") or line["exc_info"])
        for line in lines
        if line["event"].endswith("_failed")
    ]


async def test_a_step_that_fails_is_logged_and_tried_again() -> None:
    step = Step()
    task = asyncio.create_task(background.repeat(0.01, step))
    assert await told_until_it_worked(step, task) == [
        ("background_step_failed", "away"),
        ("background_step_failed", FAILURES[1]),
    ]


async def test_a_night_that_fails_is_logged_and_not_the_last(
    database: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step()
    loop = asyncio.get_running_loop()

    def in_thread(*_: Any) -> None:
        asyncio.run_coroutine_threadsafe(step(), loop).result()

    monkeypatch.setattr(background, "delete_expired", in_thread)
    soon = timedelta(seconds=0.05)
    monkeypatch.setattr(background, "next_night", lambda *_: datetime.now(UTC) + soon)
    task = asyncio.create_task(background.every_night(Settings(database_url=database), engine))
    assert await told_until_it_worked(step, task) == [
        ("retention_failed", "away"),
        ("retention_failed", FAILURES[1]),
    ]

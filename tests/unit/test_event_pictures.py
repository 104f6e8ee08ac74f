"""Charts of events in notifications."""

import asyncio

from alerts.delivery import Details
from alerts.impact import Impact
from service.runtime.notifications import drawn_once


def test_a_picture_is_drawn_once_for_all_who_are_notified_in_a_language() -> None:
    drawn: list[tuple[int, str]] = []

    async def impact(event_id: int) -> Impact | None:
        return None

    async def picture(event_id: int, language: str) -> bytes | None:
        drawn.append((event_id, language))
        await asyncio.sleep(0)
        return f"{event_id} {language}".encode()

    async def notified() -> list[bytes | None]:
        details = drawn_once(Details(impact, picture))
        to = [(1, "en"), (1, "pt-BR"), (1, "en"), (2, "en"), (1, "en")]
        return await asyncio.gather(*(details.picture(*one) for one in to))

    assert asyncio.run(notified()) == [b"1 en", b"1 pt-BR", b"1 en", b"2 en", b"1 en"]
    assert drawn == [(1, "en"), (1, "pt-BR"), (2, "en")]

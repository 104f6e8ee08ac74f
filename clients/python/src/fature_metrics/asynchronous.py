"""The client for asyncio."""

import asyncio
from types import TracebackType
from typing import Self

from fature_metrics.client import Client


class AsyncClient(Client):
    """A `Client` whose waiting does not hold up the event loop; `record` never waits, and is
    called as it is.
    """

    async def aflush(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """`flush`, in a thread."""
        return await asyncio.to_thread(self.flush, timeout)

    async def aclose(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """`close`, in a thread."""
        return await asyncio.to_thread(self.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

"""The context of one request: who asks, and what its fields read together."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request

from service.access.caller import AccessScope
from service.http.authentication import check_scope, principal_of
from service.metrics.catalog import MetricEntry
from service.metrics.query.batching import Batcher
from service.runtime.resources import resources_of
from sql.errors import Invalid, Problem
from sql.messages import Message

# Of all figures of a request: as of a page.
MAX_VALUES = 100_000


class Context:
    """What resolvers work with."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.resources = resources_of(request)
        self.scope = principal_of(request).scope
        self.now = datetime.now(UTC)
        self._values = 0
        self._entries: dict[str, asyncio.Task[MetricEntry]] = {}
        self._batcher: Batcher[str, MetricEntry] = Batcher(self._read_entries)
        self._listed: asyncio.Task[list[DictRow]] | None = None

    def needs(self, scope: AccessScope) -> None:
        """Refuse a caller without that scope.

        Raises:
            Forbidden: it lacks it.
        """
        check_scope(self.request, scope)

    async def entry(self, name: str) -> MetricEntry:
        """The catalogue's entry, read with those of the other fields.

        Raises:
            NotFound: there is no such metric in scope.
        """
        if name not in self._entries:
            self._entries[name] = asyncio.ensure_future(self._entry(name))
        return await self._entries[name]

    async def listed(self) -> list[DictRow]:
        """The catalogue, read once."""
        if self._listed is None:
            reading = self.resources.catalog.listed(self.scope)
            self._listed = asyncio.ensure_future(reading)
        return await self._listed

    def count(self, values: int) -> None:
        """Count values of the answer.

        Raises:
            Invalid: they are too many.
        """
        self._values += values
        if self._values > MAX_VALUES:
            message = Message(
                "The figures of a request are {number} at most: narrow the ranges",
                {"number": MAX_VALUES},
            )
            raise Invalid(Problem(message))

    async def _entry(self, name: str) -> MetricEntry:
        if "\0" in name:
            entry = MetricEntry(name)
        else:
            entry = await self._batcher.load(name)
        if not await self._is_in_scope(entry):
            await self.resources.catalog.check_known(self.scope, entry)
        return entry

    async def _is_in_scope(self, entry: MetricEntry) -> bool:
        """Whether the caller may know of the metric: a service of those it has series of."""
        if self.scope.service_name is None:
            return entry.is_known
        return any(row["metric_name"] == entry.metric_name for row in await self.listed())

    async def _read_entries(self, names: Sequence[str]) -> Mapping[str, MetricEntry]:
        return await self.resources.catalog.entries(self.scope, names)


def context_of(info: Any) -> Context:
    """The context of a field that is resolved."""
    context: Context = info.context
    return context

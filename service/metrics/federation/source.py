"""The series and figures of a member, asked through this database."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from psycopg.rows import DictRow

from service.metrics.federation.statements import (
    label_values_statement,
    rollup_params,
    rollup_statement,
    series_statement,
)
from service.metrics.query.fill import Point
from service.metrics.query.labels import by_name, pattern_of
from service.metrics.query.rollups import RollupQuery, points_of
from service.metrics.query.selection import Grouped, Grouping, grouped_of
from service.metrics.query.single_flight import SingleFlight
from sql.database import Pool, fetch_all, fetch_prepared
from sql.errors import DatabaseError
from sql.federation import check_zone, installation_of, relation_of
from sql.scope import Scope
from sql.statements import query

# Who did not answer is asked again after so many seconds, once; meanwhile it is missing at once.
_AGAIN_SECONDS = 3.0

# What changes seldom, in seconds: each look there costs as much as reading values.
_SERIES_AGE = 5.0

Answer = TypeVar("Answer")
_log = structlog.get_logger()


class MemberAway(Exception):
    """A member did not answer in time, or not at all."""


class MemberSource:
    """A member's database, reached by foreign tables over connections of this pool; `timezone` is
    what its days begin by.
    """

    def __init__(self, name: str, pool: Pool, timezone: str) -> None:
        self._name = name
        self._pool = pool
        self._timezone = timezone
        self._zone_checks: SingleFlight[None] = SingleFlight(max_age=_SERIES_AGE, finished=True)
        self._series: SingleFlight[Grouped] = SingleFlight(max_age=_SERIES_AGE, finished=True)
        self._watermarks: SingleFlight[Mapping[str, datetime]] = SingleFlight(
            max_age=_SERIES_AGE, finished=True
        )

    async def grouped(self, grouping: Grouping) -> Grouped:
        """The series of a selection in their groups, a few seconds old at most."""
        key = repr((grouping.selection, grouping.group_by))
        return await self._series.get((), key, lambda: self._find(grouping))

    async def _find(self, grouping: Grouping) -> Grouped:
        await self._zone_checks.get((), "", self._check_zone)
        statement = series_statement(self._name, grouping)
        # Without parameters, beside which a % in a value would be read as one.
        rows = await fetch_prepared(self._pool, statement)
        return grouped_of(rows, [grouping])[grouping]

    async def _check_zone(self) -> None:
        (found,) = await fetch_all(self._pool, installation_of(self._name))
        check_zone(found, self._timezone)

    async def points(self, asked: RollupQuery) -> list[Point]:
        """The values of buckets with samples, oldest first."""
        now = datetime.now(UTC)
        statement = rollup_statement(self._name, asked, now)
        rows = await fetch_prepared(self._pool, statement, rollup_params(asked, now))
        return points_of(rows)

    async def watermarks(self) -> Mapping[str, datetime]:
        """By name of a rollup, up to where it is materialised; a few seconds old at most."""
        return await self._watermarks.get((), "", self._read_watermarks)

    async def _read_watermarks(self) -> Mapping[str, datetime]:
        relation = relation_of(self._name, "rollup_watermark")
        rows = await fetch_all(self._pool, query("member_watermarks").format(watermarks=relation))
        return {row["relation"]: row["watermark"] for row in rows}

    async def catalogue(self, scope: Scope) -> Sequence[DictRow]:
        """The metrics in scope, with the number of their series and when they have samples. One
        service sees the metrics it has series of.
        """
        statement = query("member_catalog").format(
            catalog=relation_of(self._name, "catalog"), spans=relation_of(self._name, "series_span")
        )
        return await fetch_all(self._pool, statement, scope.params)

    async def label_values(
        self, scope: Scope, metrics: Sequence[str], names: Sequence[str], search: str
    ) -> Mapping[str, Sequence[str]]:
        """By name of a label or dimension, its values that contain a text."""
        params = {**scope.params, "metrics": list(metrics), "pattern": pattern_of(search)}
        statement = label_values_statement(self._name, names)
        return by_name(await fetch_all(self._pool, statement, params), names)


class Patience:
    """Waits for a member for so many seconds; for one that did not answer, not before it is tried
    again.
    """

    def __init__(
        self, name: str, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._seconds = seconds
        self._clock = clock
        self._away_until = 0.0

    async def answer(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of the member.

        Raises:
            MemberAway: it has given none in time.
        """
        now = self._clock()
        if self._away_until > now:
            raise MemberAway(self._name)
        if self._away_until:
            # Others do not wait for the same.
            self._away_until = now + self._seconds + _AGAIN_SECONDS
        try:
            async with asyncio.timeout(self._seconds):
                answer = await ask()
        except (DatabaseError, TimeoutError) as error:
            if not self._away_until:
                _log.warning("member_away", member=self._name, reason=str(error) or "timeout")
            self._away_until = self._clock() + _AGAIN_SECONDS
            raise MemberAway(self._name) from error
        if self._away_until:
            _log.info("member_back", member=self._name)
        self._away_until = 0.0
        return answer

"""Computing the impact of alert events, off the request path."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from alerts.impact import Impact, filters_of, impact_of, lasted, period_of, stored_impact
from service.metrics.expected.expectations import Expectations
from service.metrics.federation.catalog import FederatedCatalog
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.spec import AggregateQuery, aggregate_query
from sql import calendar
from sql.database import Pool, connection, fetch_all, run
from sql.errors import Busy, DatabaseTimeout, DomainError
from sql.scope import Scope

# Computed in one go.
_BATCH = 50
_LATELY = timedelta(minutes=1)

_log = structlog.get_logger()


class Impacts:
    """Computes impacts from what was expected and what came, and keeps them with their events."""

    def __init__(
        self,
        catalog: FederatedCatalog,
        aggregates: Aggregates,
        expectations: Expectations,
        pool: Pool,
        zone: ZoneInfo,
    ) -> None:
        self._catalog = catalog
        self._aggregates = aggregates
        self._expectations = expectations
        self._pool = pool
        self._zone = zone
        # Whoever is notified of the same event at the same time waits for one answer.
        self._lock = asyncio.Lock()

    async def work(self) -> None:
        """Compute those that are not known, or no more; one process of all does."""
        now = datetime.now(UTC)
        async with connection(self._pool) as conn, conn.transaction():
            (row,) = await run(conn, "lead_impacts")
            if not row["leads"]:
                return
            # Each is written by itself, so that none is locked while others are computed.
            for event in await run(conn, "events_without_impact", {"now": now, "limit": _BATCH}):
                try:
                    await self.compute(event["event_id"], now)
                except (Busy, DatabaseTimeout) as error:
                    # It is tried again, and keeps none of the others.
                    _log.warning("impact_failed", event_id=event["event_id"], reason=str(error))

    async def current(self, event_id: int) -> Impact | None:
        """The impact of an event as it is now, computed where it was not lately."""
        async with self._lock:
            now = datetime.now(UTC)
            impact, computed_at = await stored_impact(self._pool, event_id)
            if computed_at is not None and now - computed_at < _LATELY:
                return impact
            return await self.compute(event_id, now)

    async def compute(self, event_id: int, now: datetime) -> Impact | None:
        """Compute the impact of an event and keep it; None where nothing was expected, as where
        there is too little history, or no period of it is over.

        Raises:
            Busy: too much is being computed now.
        """
        rows = await fetch_all(self._pool, "event_with_rule", {"event_id": event_id})
        if not rows:
            return None
        try:
            impact = await self._impact(rows[0], now)
        except Busy:
            # That says nothing of it.
            raise
        except DomainError as error:
            # Such as a metric in other units since.
            _log.info("impact_unknown", event_id=event_id, reason=str(error))
            impact = None
        await fetch_all(
            self._pool,
            "record_impact",
            {
                **{name: getattr(impact, name, None) for name in _STORED},
                "event_id": event_id,
                "now": now,
            },
        )
        return impact

    async def _impact(self, event: dict[str, Any], now: datetime) -> Impact | None:
        since, until = lasted(event, self._zone, now)
        if since == until:
            return None
        query = await self._query(event, since, until)
        if query is None:
            return None
        told = (await self._expectations.told(query, [()], now))[()]
        if not told:
            return None
        result = await self._aggregates.own.result(query, now)
        values = {point.start: point.value for point in result.points}
        starts, at = [], since.astimezone(UTC)
        while at < until:
            starts.append(at)
            at = calendar.following(at, query.period, self._zone).astimezone(UTC)
        expected = {start: one.expected for start, one in told.items()}
        unit = None if query.aggregation == "count" else result.unit or query.main_unit
        return impact_of(query.aggregation, unit, starts, until, values, expected)

    async def _query(
        self, event: dict[str, Any], since: datetime, until: datetime
    ) -> AggregateQuery | None:
        """The query of what an event is about, by itself."""
        filters = filters_of(event["group_labels"], event["rule"])
        if filters is None:
            return None
        scope = Scope(event["tenant"])
        metric = await self._catalog.entry(scope, event["metric_name"])
        query = aggregate_query(
            metric,
            scope,
            self._zone,
            filters=filters,
            aggregation=event["aggregation"],
            period=period_of(event),
            units="main",
        )
        return replace(query, since=since.astimezone(UTC), before=until.astimezone(UTC))


_STORED = ("difference", "expected", "unit", "since", "until")

"""Room for new series: the limits of tenants and services, and warnings before they are reached."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog
from psycopg import sql

from sql.database import Connection, Pool, connection, run
from sql.errors import Invalid, Problem
from sql.messages import Message, Value
from sql.scope import Scope
from sql.statements import query, samples_of
from sql.vocabulary import FREQUENCIES

# Of a limit: from here on its nearness is said.
WARN_FROM = 0.8
# How long it holds, in seconds, how many series are idle and which metric grows: to count them
# takes a look for samples of each.
_GROWTH_SECONDS = 600.0
# How long it holds who is near a limit; and how often that is logged.
_NEAR_SECONDS = 60.0
_LOG_SECONDS = 600.0

_GROWTH = query("series_growth").format(
    idle=sql.SQL(" ").join(
        query("series_is_idle")
        .format(
            frequency=sql.Literal(frequency),
            samples=samples_of(frequency),
        )
        .body
        for frequency in FREQUENCIES
    )
)

_log = structlog.get_logger()


class SeriesLimits(NamedTuple):
    """How many series a tenant, and a service within it, may have for more to be made."""

    per_tenant: int
    per_service: int


class Owner(NamedTuple):
    """A tenant, or one of its services."""

    tenant: str
    service_name: str | None = None

    def is_in(self, scope: Scope) -> bool:
        """Whether a caller of that scope may know of it."""
        return self.tenant == scope.tenant and scope.service_name in (None, self.service_name)


class NewSeries(NamedTuple):
    """A series that is to be made."""

    owner: Owner
    metric_name: str


class Growth(NamedTuple):
    """The metric of which an owner got the most series in the last seven days, and how many
    series of the owner are idle: without samples within retention.
    """

    metric_name: str
    idle: int


class Usage(NamedTuple):
    """How many series that are not idle an owner has, and may have."""

    owner: Owner
    series: int
    most: int
    metric_name: str


class SeriesRoom:
    """Counts series against their limits. Idle ones make room for others: their history stays,
    and they go on where they get samples again.
    """

    def __init__(self, pool: Pool, limits: SeriesLimits) -> None:
        self._pool = pool
        self._limits = limits
        self._growths: dict[Owner, tuple[float, Growth]] = {}
        self._near: tuple[float, Sequence[Usage]] = (float("-inf"), ())
        self._logged: dict[Owner, float] = {}

    async def check(self, conn: Connection, new: Iterable[NewSeries]) -> None:
        """Look for room for new series. Requests at the same time may go past a limit together, by
        their own series.

        Raises:
            Invalid: a tenant or service would have more than it may.
        """
        for owner, metrics in _by_owner(new).items():
            more = metrics.total()
            if usage := await self._usage_with(conn, owner, more):
                ((metric, _),) = metrics.most_common(1)
                self._check(usage._replace(metric_name=usage.metric_name or metric), more)

    async def near_limits(self) -> Sequence[Usage]:
        """Tenants and services near their limits; at most a minute old."""
        read_at, found = self._near
        if time.monotonic() - read_at > _NEAR_SECONDS:
            found = await self._read_near()
            self._near = time.monotonic(), found
        return found

    async def _read_near(self) -> list[Usage]:
        found = []
        async with connection(self._pool) as conn:
            least = {
                "per_tenant": WARN_FROM * self._limits.per_tenant,
                "per_service": WARN_FROM * self._limits.per_service,
            }
            for row in await run(conn, "owners_of_many_series", least):
                owner = Owner(row["tenant"], row["service_name"])
                usage = await self._usage(conn, owner, row["series"])
                if usage.series >= WARN_FROM * usage.most:
                    found.append(usage)
        return found

    async def _usage_with(self, conn: Connection, owner: Owner, more: int) -> Usage | None:
        """The usage where it is near its limit with so many more."""
        (row,) = await run(conn, "count_series", owner._asdict())
        if row["series"] + more < WARN_FROM * self._most(owner):
            return None
        return await self._usage(conn, owner, row["series"])

    async def _usage(self, conn: Connection, owner: Owner, series: int) -> Usage:
        growth = await self._growth(conn, owner)
        return Usage(owner, series - growth.idle, self._most(owner), growth.metric_name)

    async def _growth(self, conn: Connection, owner: Owner) -> Growth:
        read_at, growth = self._growths.get(owner, (float("-inf"), Growth("", 0)))
        if time.monotonic() - read_at > _GROWTH_SECONDS:
            rows = await run(conn, _GROWTH, owner._asdict())
            growth = Growth(rows[0]["metric_name"], rows[0]["idle"]) if rows else Growth("", 0)
            self._growths[owner] = time.monotonic(), growth
        return growth

    def _most(self, owner: Owner) -> int:
        return self._limits.per_service if owner.service_name else self._limits.per_tenant

    def _check(self, usage: Usage, more: int) -> None:
        wanted = usage.series + more
        if wanted > usage.most:
            raise _too_many(usage, more)
        if wanted >= WARN_FROM * usage.most:
            self._warn(usage._replace(series=wanted))

    def _warn(self, usage: Usage) -> None:
        now = time.monotonic()
        if now - self._logged.get(usage.owner, float("-inf")) > _LOG_SECONDS:
            self._logged[usage.owner] = now
            _log.warning(
                "series_near_limit",
                **usage.owner._asdict(),
                series=usage.series,
                most=usage.most,
                metric_name=usage.metric_name,
            )


def nearness(usage: Usage) -> Message:
    """How near an owner is to its limit, and why."""
    values: dict[str, Value] = {
        "name": usage.owner.service_name or usage.owner.tenant,
        "series": usage.series,
        "most": usage.most,
        "metric": usage.metric_name,
    }
    if usage.owner.service_name:
        return Message(
            "{name} has {series} of the {most} series that a service may have; {metric} grows most",
            values,
        )
    return Message(
        "{name} has {series} of the {most} series that a tenant may have; {metric} grows most",
        values,
    )


def _too_many(usage: Usage, more: int) -> Invalid:
    owner = usage.owner
    values: dict[str, Value] = {
        "who": _name(owner),
        "series": usage.series,
        "most": usage.most,
        "setting": f"FATURE_MAX_SERIES_PER_{'SERVICE' if owner.service_name else 'TENANT'}",
        "more": more,
        "metric": usage.metric_name,
    }
    message = Message(
        "{who} has {series} series and may have {most} ({setting}): {more} new would be too many; "
        "{metric} grows most: do labels or dimensions hold ids?",
        values,
    )
    return Invalid(Problem(message))


def _name(owner: Owner) -> Message:
    if owner.service_name:
        return Message("service {name}", {"name": owner.service_name})
    return Message("tenant {name}", {"name": owner.tenant})


def _by_owner(new: Iterable[NewSeries]) -> Mapping[Owner, Counter[str]]:
    """How many are new of each metric, of each tenant and each of its services."""
    found: dict[Owner, Counter[str]] = {}
    for owner, metric in new:
        for one in {Owner(owner.tenant), owner}:
            found.setdefault(one, Counter())[metric] += 1
    return found

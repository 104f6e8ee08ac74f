"""Annotations: what happened, such as deployments and campaigns. Each call is one transaction."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from psycopg.rows import DictRow

from service.access.caller import Caller
from sql.database import Connections, Pool, connection, fetch_all, run
from sql.errors import Forbidden, missing
from sql.messages import Message
from sql.scope import Scope

_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_AUDITED = ("since", "until", "text", "tags", "metric_name", "service_name")


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """What happened from `since` to `until`, the same for an instant; about one metric or service
    where it names them.
    """

    since: datetime
    until: datetime
    text: str
    tags: Sequence[str] = ()
    metric_name: str | None = None
    service_name: str | None = None


@dataclass(frozen=True, slots=True)
class AnnotationFilters:
    """Those that reach into a range, about any of some metrics or about all; `after` is the
    beginning and number of the one before.
    """

    since: datetime | None = None
    before: datetime | None = None
    metric_names: Collection[str] | None = None
    service_name: str | None = None
    tag: str | None = None
    after: tuple[datetime, int] | None = None


async def list_annotations(
    reads: Connections, scope: Scope, filters: AnnotationFilters, limit: int
) -> list[DictRow]:
    """Annotations in scope, newest first."""
    at, number = filters.after or (_EVER[1], 0)
    metrics = filters.metric_names
    params = {
        **scope.params,
        "service_name": filters.service_name,
        "metric_names": None if metrics is None else sorted(metrics),
        "tag": filters.tag,
        "since": filters.since or _EVER[0],
        "before": filters.before or _EVER[1],
        "after_at": at,
        "after_number": number,
        "limit": limit,
    }
    return await fetch_all(reads, "annotations", params)


async def create_annotation(pool: Pool, caller: Caller, new: NewAnnotation) -> DictRow:
    """The new row; of who is bound to a service, about that.

    Raises:
        Forbidden: it is about another service than the caller's.
    """
    own = caller.principal.scope.service_name
    if own is not None and new.service_name not in (None, own):
        raise Forbidden(Message("It is about another service than yours"))
    params = asdict(new) | {
        "tags": list(new.tags),
        "tenant": caller.tenant,
        "service_name": new.service_name or own,
        "actor": caller.principal.id,
    }
    async with connection(pool) as conn, conn.transaction():
        (row,) = await run(conn, "insert_annotation", params)
        await caller.record(conn, "annotation.create", _target(row), after=_audited(row))
        return row


async def delete_annotation(pool: Pool, caller: Caller, number: int) -> DictRow:
    """The row that is gone.

    Raises:
        NotFound: there is none of that id in scope.
    """
    params = {**caller.principal.scope.params, "annotation_id": number}
    async with connection(pool) as conn, conn.transaction():
        rows = await run(conn, "delete_annotation", params)
        if not rows:
            raise missing("annotation", number)
        await caller.record(conn, "annotation.delete", _target(rows[0]), before=_audited(rows[0]))
        return rows[0]


def _target(row: DictRow) -> str:
    return f"annotation:{row['annotation_id']}"


def _audited(row: DictRow) -> dict[str, object]:
    instants = {name: row[name].isoformat() for name in ("since", "until")}
    return {name: row[name] for name in _AUDITED} | instants

"""Callers: who asks, whose data they may touch, and what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sql import audit
from sql.database import Connection
from sql.scope import Scope

Role = Literal["admin", "operator", "writer", "reader"]
AccessScope = Literal[
    "metrics:read",
    "metrics:write",
    "metrics:correct",
    "alerts:read",
    "alerts:write",
    "services:write",
    "annotations:write",
    "catalog:write",
    "keys:admin",
]

_READS = frozenset[AccessScope]({"metrics:read", "alerts:read"})
_OF_THE_TENANT = frozenset[AccessScope]({"catalog:write", "keys:admin"})
_OF_A_SERVICE = frozenset[AccessScope]({"metrics:read", "metrics:correct"})
_ROLES: Mapping[Role, frozenset[AccessScope]] = {
    "admin": frozenset(get_args(AccessScope)),
    "operator": _READS | {"metrics:correct", "alerts:write", "catalog:write", "annotations:write"},
    "writer": frozenset({"metrics:write", "services:write", "annotations:write"}),
    "reader": _READS,
}


def scopes_of(role: Role, service_name: str | None) -> frozenset[AccessScope]:
    """The scopes that a role has at most. Bound to one service, a writer also reads and corrects
    what is that service's, and no role changes what belongs to the whole tenant.
    """
    if service_name is None:
        return _ROLES[role]
    own = _ROLES[role] - _OF_THE_TENANT
    return own | _OF_A_SERVICE if role == "writer" else own


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller; `id` is stable and never a secret. `only` are the scopes left
    to a caller that has fewer than its role.
    """

    id: str
    role: Role
    scope: Scope
    only: frozenset[AccessScope] | None = None

    def may(self, scope: AccessScope) -> bool:
        """Whether the caller has that scope."""
        granted = scopes_of(self.role, self.scope.service_name)
        return scope in granted and (self.only is None or scope in self.only)


@dataclass(frozen=True, slots=True)
class Caller:
    """The author of a change, its time, and the network address. Made from a request
    (`service.http.authentication.caller_of`) or by a command.
    """

    principal: Principal
    now: datetime
    address: str | None = None

    @property
    def tenant(self) -> str:
        """The tenant whose data the caller changes."""
        return self.principal.scope.tenant

    async def record(
        self,
        conn: Connection,
        action: str,
        target: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the change to the audit log, in its transaction; see `sql.audit.record`."""
        await audit.record(
            conn,
            self.tenant,
            self.principal.id,
            action,
            target,
            before=before,
            after=after,
            address=self.address,
        )

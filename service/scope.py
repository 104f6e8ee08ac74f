"""Who asks, and whose data they may touch."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["admin", "operator", "writer", "reader"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the data a caller sees and writes: one tenant, and within it all
    services or only one. Every query takes it.
    """

    tenant: str = "default"
    service_name: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller; `id` is stable and never a secret."""

    id: str
    role: Role
    scope: Scope

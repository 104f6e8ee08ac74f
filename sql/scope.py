"""The part of the data that a caller sees and writes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant, and within it all services or only one. Every query takes it."""

    tenant: str = "default"
    service_name: str | None = None

    @property
    def params(self) -> dict[str, str | None]:
        """The parameters of queries that select by it."""
        return {"tenant": self.tenant, "only_service": self.service_name}

"""The navigation, and the part of it that a caller may open."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.access.caller import AccessScope, Principal
from service.access.tenants import DEFAULT_TENANT
from service.language.translations import N_

_ADMIN = "/admin"


@dataclass(frozen=True, slots=True)
class Item:
    """A link to a page that needs `scope`; `icon` is a symbol of static/icons.svg."""

    path: str
    title: str
    icon: str
    scope: AccessScope

    def leads_to(self, path: str) -> bool:
        """Whether that page is the item's or below it, or a section of the administration."""
        is_section = self.path == _ADMIN and any(_is_below(path, one.path) for one in SECTIONS)
        return is_section or _is_below(path, self.path)


@dataclass(frozen=True, slots=True)
class Section:
    """A page of the administration; `of_default` are those about the whole installation,
    for who belongs to the tenant that manages it.
    """

    path: str
    title: str
    scope: AccessScope
    of_default: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def is_open_to(self, principal: Principal) -> bool:
        """Whether they may open it."""
        at_home = principal.scope.tenant == DEFAULT_TENANT or not self.of_default
        return at_home and principal.may(self.scope)


# In the order they are shown.
NAVIGATION = [
    Item("/", N_("Overview"), "overview", "metrics:read"),
    Item("/explore", N_("Explore"), "explore", "metrics:read"),
    Item("/dashboards", N_("Dashboards"), "dashboards", "metrics:read"),
    Item("/alerts", N_("Alerts"), "alerts", "alerts:read"),
    Item("/services", N_("Services"), "services", "metrics:read"),
    Item(_ADMIN, N_("Administration"), "admin", "catalog:write"),
]
# Of the administration.
SECTIONS = [
    Section("/admin/catalog", N_("Metrics"), "catalog:write"),
    Section("/admin/users", N_("Users"), "keys:admin"),
    Section("/admin/keys", N_("API keys"), "keys:admin"),
    Section("/imports", N_("Imports"), "metrics:correct"),
    Section("/admin/closes", N_("Closed periods"), "keys:admin"),
    Section("/admin/audit", N_("Audit log"), "keys:admin"),
    Section("/admin/retention", N_("Retention"), "keys:admin", of_default=True),
    Section("/admin/tenants", N_("Tenants"), "keys:admin", of_default=True),
]


def navigation_of(principal: Principal | None) -> Iterator[Item]:
    """The items that the caller may open; none before signing in."""
    return (item for item in NAVIGATION if principal and principal.may(item.scope))


def sections_of(principal: Principal | None) -> list[Section]:
    """The sections of the administration that the caller may open; none before signing in."""
    return [section for section in SECTIONS if principal and section.is_open_to(principal)]


def section(name: str) -> Section:
    """The section of the administration of that name."""
    return next(one for one in SECTIONS if one.name == name)


def _is_below(path: str, top: str) -> bool:
    return path == top or (top != "/" and path.startswith(f"{top}/"))

"""The navigation, and what of it somebody sees."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.scope import AccessScope, Principal
from service.web.languages import marked


@dataclass(frozen=True, slots=True)
class Item:
    """A link to a page that needs `scope`; `icon` is a symbol of static/icons.svg."""

    path: str
    title: str
    icon: str
    scope: AccessScope

    def leads_to(self, path: str) -> bool:
        """Whether that page is the item's or below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


# In the order they are shown.
NAVIGATION = [
    Item("/", marked("Overview"), "overview", "metrics:read"),
    Item("/explore", marked("Explore"), "explore", "metrics:read"),
    Item("/dashboards", marked("Dashboards"), "dashboards", "metrics:read"),
    Item("/alerts", marked("Alerts"), "alerts", "alerts:read"),
    Item("/services", marked("Services"), "services", "metrics:read"),
]


def navigation_of(principal: Principal | None) -> Iterator[Item]:
    """What they may open."""
    return (item for item in NAVIGATION if principal and principal.may(item.scope))

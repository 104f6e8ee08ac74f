"""Changing a dashboard: adding, removing, moving panels; pure."""

from collections.abc import Sequence
from typing import Literal

from service.panels.config import COLUMNS, DashboardConfig, Panel, Place

Step = Literal["left", "right", "up", "down", "wider", "narrower", "taller", "lower"]
SIZES = {"stat": (3, 2), "alerts": (4, 5), "line": (6, 5), "bar": (6, 5), "table": (6, 5)}


def with_panel(config: DashboardConfig, panel: Panel) -> DashboardConfig:
    """With a new panel at the end, or with the one of that id as it is now."""
    if any(one.id == panel.id for one in config.panels):
        panels = [panel if one.id == panel.id else one for one in config.panels]
        return _checked(config, panels, config.layout)
    width, height = SIZES[panel.type]
    bottom = max((place.y + place.h for place in config.layout), default=0)
    beside = _beside(config.layout, width)
    x, y = beside or (0, bottom)
    place = Place(panel=panel.id, x=x, y=y, w=width, h=height)
    return _checked(config, [*config.panels, panel], arranged([*config.layout, place]))


def without_panel(config: DashboardConfig, panel: str) -> DashboardConfig:
    """Without that panel."""
    return _checked(
        config,
        [one for one in config.panels if one.id != panel],
        arranged([place for place in config.layout if place.panel != panel]),
    )


def with_copy(config: DashboardConfig, panel: str) -> DashboardConfig:
    """With that panel a second time."""
    (original,) = (one for one in config.panels if one.id == panel)
    copy = original.model_copy(update={"id": free_id(config, original.id)})
    (place,) = (one for one in config.layout if one.panel == panel)
    below = place.model_copy(update={"panel": copy.id, "y": place.y + place.h})
    return _checked(config, [*config.panels, copy], arranged([*config.layout, below], copy.id))


def stepped(config: DashboardConfig, panel: str, step: Step) -> DashboardConfig:
    """With a panel one step elsewhere, or one step larger or smaller."""
    (place,) = (one for one in config.layout if one.panel == panel)
    return placed(config, _after(place, step, config.layout))


def placed(config: DashboardConfig, place: Place) -> DashboardConfig:
    """With a panel in that place; others make room."""
    others = [one for one in config.layout if one.panel != place.panel]
    return _checked(config, config.panels, arranged([*others, place], place.panel))


def arranged(places: Sequence[Place], first: str = "") -> list[Place]:
    """The places without overlaps and without gaps above them; `first` goes before others in
    its row.
    """
    settled: list[Place] = []
    for place in sorted(places, key=lambda one: (one.y, one.panel != first, one.x)):
        above = (one.y + one.h for one in settled if _share_columns(one, place))
        settled.append(place.model_copy(update={"y": max(above, default=0)}))
    return settled


def free_id(config: DashboardConfig, wanted: str) -> str:
    """An id like that one which no panel has."""
    taken = {panel.id for panel in config.panels}
    names = (f"{wanted[:36]}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(name for name in names if name not in taken)


def _after(place: Place, step: Step, layout: Sequence[Place]) -> Place:
    same = [one for one in layout if one.panel != place.panel and _share_columns(one, place)]
    if step == "up":
        above = [one.y for one in same if one.y < place.y]
        return place.model_copy(update={"y": max(above, default=0)})
    if step == "down":
        below = [one.y + 1 for one in same if one.y > place.y]
        return place.model_copy(update={"y": min(below, default=place.y)})
    x, w, h = place.x, place.w, place.h
    x += {"left": -1, "right": 1}.get(step, 0)
    w += {"wider": 1, "narrower": -1}.get(step, 0)
    h += {"taller": 1, "lower": -1}.get(step, 0)
    w = min(max(w, 1), COLUMNS)
    x = min(max(x, 0), COLUMNS - w)
    return place.model_copy(update={"x": x, "w": w, "h": min(max(h, 1), 24)})


def _beside(layout: Sequence[Place], width: int) -> tuple[int, int] | None:
    """Room to the right of the last panel."""
    if not layout:
        return None
    last = max(layout, key=lambda one: (one.y, one.x))
    free = last.x + last.w + width <= COLUMNS
    return (last.x + last.w, last.y) if free else None


def _share_columns(one: Place, other: Place) -> bool:
    return one.x < other.x + other.w and other.x < one.x + one.w


def _checked(
    config: DashboardConfig, panels: Sequence[Panel], layout: Sequence[Place]
) -> DashboardConfig:
    changed = config.model_copy(update={"panels": list(panels), "layout": list(layout)})
    return DashboardConfig.model_validate(changed.model_dump(mode="json"))

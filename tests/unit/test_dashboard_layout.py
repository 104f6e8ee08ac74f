"""Panels never overlap, whatever is done to them."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from service.dashboards.layout import (
    Step,
    arranged,
    placed,
    stepped,
    with_copy,
    with_panel,
    without_panel,
)
from service.panels.config import COLUMNS, DashboardConfig, Panel, Place, Query, TablePanel

STEPS: tuple[Step, ...] = (
    "left",
    "right",
    "up",
    "down",
    "wider",
    "narrower",
    "taller",
    "lower",
)


def config_of(places: list[Place]) -> DashboardConfig:
    query = Query(metric_name="m")
    panels: list[Panel] = [
        TablePanel(id=p.panel, title="t", type="table", queries=[query]) for p in places
    ]
    return DashboardConfig(version=1, panels=panels, layout=places)


@st.composite
def some_places(draw: st.DrawFn) -> list[Place]:
    places = []
    for number in range(draw(st.integers(1, 8))):
        width = draw(st.integers(1, COLUMNS))
        x = draw(st.integers(0, COLUMNS - width))
        y, height = draw(st.integers(0, 12)), draw(st.integers(1, 6))
        places.append(Place(panel=f"p{number}", x=x, y=y, w=width, h=height))
    return arranged(places)


def overlap(one: Place, other: Place) -> bool:
    beside = one.x + one.w <= other.x or other.x + other.w <= one.x
    apart = one.y + one.h <= other.y or other.y + other.h <= one.y
    return not beside and not apart


@given(some_places(), st.lists(st.tuples(st.integers(0, 7), st.sampled_from(STEPS)), max_size=12))
def test_steps_never_let_panels_overlap(places: list[Place], steps: list[tuple[int, Step]]) -> None:
    config = config_of(places)
    for number, step in steps:
        config = stepped(config, f"p{number % len(places)}", step)
        assert not any(overlap(*pair) for pair in combinations(config.layout, 2))
        assert {place.panel for place in config.layout} == {place.panel for place in places}


def test_a_panel_goes_below_the_next_and_back() -> None:
    config = config_of([Place(panel=f"p{n}", x=0, y=n * 2, w=6, h=2) for n in range(3)])
    assert order(stepped(config, "p0", "down")) == ["p1", "p0", "p2"]
    assert order(stepped(stepped(config, "p0", "down"), "p0", "up")) == ["p0", "p1", "p2"]


def test_a_panel_that_is_dropped_somewhere_gets_that_place() -> None:
    config = config_of([Place(panel=f"p{n}", x=0, y=n * 2, w=6, h=2) for n in range(3)])
    changed = placed(config, Place(panel="p2", x=0, y=0, w=6, h=2))
    assert order(changed) == ["p2", "p0", "p1"]


def test_panels_come_go_and_are_copied() -> None:
    config = config_of([Place(panel="p", x=0, y=0, w=6, h=5)])
    copied = with_copy(config, "p")
    assert [panel.id for panel in copied.panels] == ["p", "p-2"]
    assert without_panel(copied, "p").layout == [Place(panel="p-2", x=0, y=0, w=6, h=5)]
    changed = config.panels[0].model_copy(update={"title": "New"})
    assert with_panel(config, changed).panels == [changed]
    assert with_panel(config, changed).layout == config.layout


def test_a_new_panel_stands_beside_the_last_where_there_is_room() -> None:
    config = config_of([Place(panel="p", x=0, y=0, w=6, h=5)])
    added = with_panel(config, config.panels[0].model_copy(update={"id": "q"}))
    assert added.layout[-1] == Place(panel="q", x=6, y=0, w=6, h=5)


def order(config: DashboardConfig) -> list[str]:
    return [place.panel for place in sorted(config.layout, key=lambda place: (place.y, place.x))]

"""Figures as charts, for the explorer, panels and shared dashboards."""

from collections.abc import Iterable, Sequence

from service.dashboards.figures import Figures
from service.dashboards.figures import Line as FiguresLine
from service.web.charts import Chart, Line, Look, Mark
from service.web.formats import Reader
from service.web.languages import marked

# More lines than this nobody can tell apart; the table and the CSV have them.
MAX_LINES = 12
NONE = marked("(none)")
BEFORE = marked("%(name)s, before")


def charts_of(
    figures: Sequence[Figures],
    look: Look,
    reader: Reader,
    marks: Sequence[Mark] = (),
    *,
    zoom: bool = False,
) -> list[Chart]:
    """A chart for each unit and period that occurs: units are never mixed."""
    charts: dict[tuple[str | None, str], Chart] = {}
    lines: dict[tuple[str | None, str], list[Line]] = {}
    for one in figures:
        for line in one.lines[:MAX_LINES]:
            key = (line.unit, one.period)
            name = name_of(one, line, reader, several=len(figures) > 1)
            lines.setdefault(key, []).extend(_drawn(line, name, reader))
            charts.setdefault(
                key,
                Chart(
                    times=one.times,
                    lines=lines[key],
                    unit=line.unit,
                    period=one.period,
                    look=look,
                    incomplete=one.incomplete,
                    marks=marks,
                    zoom=zoom,
                ),
            )
    return list(charts.values())


def name_of(figures: Figures, line: FiguresLine, reader: Reader, *, several: bool = False) -> str:
    """What a line is called: its group, and where there are several queries their names."""
    title = figures.query.label or title_of(figures.query.metric_name)
    groups = " · ".join(value or reader.gettext(NONE) for value in line.labels.values())
    if not groups:
        return title
    return f"{title} · {groups}" if several else groups


def title_of(metric_name: str) -> str:
    """A metric's name in words."""
    words = metric_name.replace("_", " ").strip()
    return words[:1].upper() + words[1:] or metric_name


def _drawn(line: FiguresLine, name: str, reader: Reader) -> Iterable[Line]:
    yield Line(name, line.values)
    if line.before:
        yield Line(reader.gettext(BEFORE) % {"name": name}, line.before, before=True)

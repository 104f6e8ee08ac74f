"""Figures as charts and tables, for the explorer, panels and shared dashboards."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg.rows import DictRow

from service.language.reader import Reader
from service.language.translations import N_
from service.panels.figures import Figures
from service.panels.figures import Line as FiguresLine
from service.web.charts import Chart, Line, Look, Mark, Threshold
from service.web.choices import AGGREGATIONS, PERIODS

# More lines than this nobody can tell apart; the table and the CSV have them.
MAX_LINES = 12
# Columns of a table; the CSV has all.
MAX_COLUMNS = 24
NONE = N_("(none)")
BEFORE = N_("%(name)s, before")


def charts_of(
    figures: Sequence[Figures],
    look: Look,
    reader: Reader,
    marks: Sequence[Mark] = (),
    goals: Sequence[Threshold] = (),
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
                    thresholds=goals,
                    zoom=zoom,
                    level=one.aggregation == "last",
                    amount=one.aggregation in ("sum", "count"),
                ),
            )
    return list(charts.values())


class Column(NamedTuple):
    """Figures in words below each other, newest first."""

    title: str
    total: str
    cells: Sequence[str]


class Table(NamedTuple):
    """A row for each period, newest first, whose names are `periods`. Where it is `compared`,
    every other column is what to compare with. The periods after the first `open_rows` are closed.
    """

    periods: Sequence[str]
    columns: Sequence[Column]
    compared: bool
    open_rows: int

    @property
    def rows(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each period with its figures."""
        return list(
            zip(self.periods, zip(*(c.cells for c in self.columns), strict=True), strict=True)
        )


def table_of(figures: Figures, reader: Reader, *, several: bool = False, rows: int = 100) -> Table:
    """The newest periods of the largest lines."""
    newest = slice(None, -rows - 1, -1)
    columns: list[Column] = []
    for line in figures.lines[:MAX_COLUMNS]:
        title = name_of(figures, line, reader, several=several)
        if "unit" in line.labels and line.unit:
            title += f" ({reader.unit(line.unit)})"
        total, *cells = reader.figures([line.total, *line.values[newest]], line.unit)
        columns.append(Column(title, total, cells))
        if line.before:
            total, *cells = reader.figures([line.total_before, *line.before[newest]], line.unit)
            columns.append(Column(reader.gettext(N_("Before")), total, cells))
    times = figures.times[newest]
    return Table(
        [reader.period(start, figures.period) for start in times],
        columns,
        compared=any(line.before for line in figures.lines),
        open_rows=len(times) if figures.open_periods is None else figures.open_periods,
    )


def name_of(figures: Figures, line: FiguresLine, reader: Reader, *, several: bool = False) -> str:
    """The name of a line: its group, and where there are several queries the query's title too."""
    title = figures.query.label or reader.metric(figures.query.metric_name)
    groups = " · ".join(
        reader.label(label, value) if value else reader.gettext(NONE)
        for label, value in line.labels.items()
    )
    if not groups:
        return title
    return f"{title} · {groups}" if several else groups


def words_of(figures: Figures, reader: Reader) -> str:
    """What figures cover, in words: their days, period and aggregation."""
    if not figures.times:
        return ""
    days = list(dict.fromkeys(reader.day(figures.times[place]) for place in (0, -1)))
    named = PERIODS[figures.period], AGGREGATIONS[figures.aggregation]
    return " · ".join([" – ".join(days), *map(reader.gettext, named)])


def marks_of(events: Sequence[DictRow], reader: Reader, *, linked: bool) -> list[Mark]:
    """Events on the axis of a chart."""
    return [
        Mark(
            row["opened_at"],
            reader.built_in(row["rule_name"]),
            f"/alerts/events/{row['event_id']}" if linked else "",
            row["severity"],
        )
        for row in events
    ]


def notes_of(annotations: Sequence[DictRow]) -> list[Mark]:
    """Annotations on the axis of a chart."""
    return [
        Mark(row["since"], row["text"], until=row["until"] if row["until"] > row["since"] else None)
        for row in annotations
    ]


def _drawn(line: FiguresLine, name: str, reader: Reader) -> Iterable[Line]:
    yield Line(name, line.values)
    if any(value is not None for value in line.before):
        yield Line(reader.gettext(BEFORE) % {"name": name}, line.before, before=True)

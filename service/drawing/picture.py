"""Pictures: charts below each other under a title, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.drawing.canvas import SMALL, Canvas, Point, drawable, shortened, width_of
from service.drawing.colours import CARD, GRID, QUIET, TEXT
from service.drawing.frame import Frame
from service.drawing.lines import colour_of, dash_of, draw_series, opacity_of
from service.drawing.marks import draw_band, draw_over
from service.drawing.times import time_marks, time_range
from service.drawing.values import value_labels, value_marks, value_range
from service.language.reader import Reader
from service.web.charts import Chart

_EDGE = 20.0
_TITLE = 18
_ROW = 18.0
_SWATCH = 18.0
_BELOW = 44.0
# Of a name in the legend.
_LONGEST = 220.0


@dataclass(frozen=True, slots=True)
class Size:
    """The width of a picture, and the height of each of its charts, in pixels of a page."""

    width: float = 960.0
    plot: float = 320.0


def svg_of(
    charts: Sequence[Chart], title: str, note: str, reader: Reader, size: Size = Size()
) -> str:
    """The charts, each with its legend, under a title and a note."""
    legends = [_legend_rows(chart, size.width) for chart in charts]
    head = _EDGE + _TITLE + (_ROW if note else 0) + 8
    heights = [len(rows) * _ROW + size.plot + _BELOW for rows in legends]
    canvas = Canvas(size.width, head + sum(heights))
    canvas.describe(title)
    canvas.rectangle(Point(0, 0), size.width, head + sum(heights), CARD)
    room = size.width - 2 * _EDGE
    y = _EDGE + _TITLE * 0.75
    canvas.text(Point(_EDGE, y), shortened(drawable(title), room, _TITLE), TEXT, _TITLE)
    if note:
        canvas.text(Point(_EDGE, y + _ROW), shortened(drawable(note), room), QUIET)
    for chart, rows, height in zip(charts, legends, heights, strict=True):
        _draw_legend(canvas, chart, rows, head)
        _draw_chart(canvas, chart, head + len(rows) * _ROW, size, reader)
        head += height
    return canvas.svg()


def _draw_chart(canvas: Canvas, chart: Chart, top: float, size: Size, reader: Reader) -> None:
    low, high = value_range(chart)
    marks, step = value_marks(low, high)
    labels = value_labels(marks, step, chart.unit, reader)
    left = _EDGE + min(max(map(width_of, labels)), size.width / 4) + 8
    since, until = time_range(chart)
    # On the right, half the last label of the axis of time.
    width = size.width - left - _EDGE - 16
    frame = Frame(left, top + 10, width, size.plot - 10, since, until, low, high)
    for mark, label in zip(marks, labels, strict=True):
        y = frame.y(mark)
        canvas.line([Point(frame.left, y), Point(frame.right, y)], GRID)
        canvas.text(Point(frame.left - 8, y + 4), label, QUIET, anchor="right")
    for one in time_marks(chart, since, until, width, reader):
        for number, text in enumerate(one.lines, 1):
            at = Point(frame.x(one.at), frame.bottom + number * 15 + 2)
            canvas.text(at, text, QUIET, anchor="middle")
    draw_band(canvas, frame, chart)
    draw_series(canvas, frame, chart)
    draw_over(canvas, frame, chart)


def _legend_rows(chart: Chart, width: float) -> list[list[tuple[int, str]]]:
    """The series and their names, as many in a row as fit; of one series there is no need."""
    names = [shortened(drawable(line.label), _LONGEST) for line in chart.lines]
    if chart.band:
        names.append(shortened(drawable(chart.band.label), _LONGEST))
    if len(names) < 2:
        return []
    rows: list[list[tuple[int, str]]] = [[]]
    taken = 0.0
    for number, name in enumerate(names):
        wide = _legend_width(name)
        if rows[-1] and taken + wide > width - 2 * _EDGE:
            rows.append([])
            taken = 0.0
        rows[-1].append((number, name))
        taken += wide
    return rows


def _legend_width(name: str) -> float:
    return _SWATCH + 6 + width_of(name) + 16


def _draw_legend(
    canvas: Canvas, chart: Chart, rows: Sequence[Sequence[tuple[int, str]]], top: float
) -> None:
    for row_number, row in enumerate(rows):
        x, y = _EDGE, top + row_number * _ROW + SMALL
        for number, name in row:
            _draw_swatch(canvas, chart, number, Point(x, y - 4))
            canvas.text(Point(x + _SWATCH + 6, y), name, TEXT)
            x += _legend_width(name)


def _draw_swatch(canvas: Canvas, chart: Chart, number: int, at: Point) -> None:
    """How a series looks; behind the last one, how what is usual does."""
    if number == len(chart.lines):
        canvas.rectangle(Point(at.x, at.y - 5), _SWATCH, 10, QUIET, 0.16)
        return
    colour, opacity = colour_of(chart, number), opacity_of(chart, number)
    if chart.look == "bar":
        canvas.rectangle(Point(at.x + 4, at.y - 5), 10, 10, colour, opacity)
    else:
        ends = [at, Point(at.x + _SWATCH, at.y)]
        canvas.line(ends, colour, 2, dash_of(chart, number), opacity)

"""The series of a chart as lines or bars."""

from itertools import pairwise

from service.drawing.canvas import Canvas, Point
from service.drawing.colours import LINES
from service.drawing.frame import Frame, stretches
from service.drawing.times import length_of
from service.web.charts import Chart, Line

# From here on a line has its own dashes, too.
_PLAIN = 6
_DASHES = "10 4 2 4"
_BEFORE = "4 4"
_INCOMPLETE = "5 5"
# What the bars of a period take of its width, and the most that one is wide.
_SHARE = 0.8
_WIDEST = 60.0


def draw_series(canvas: Canvas, frame: Frame, chart: Chart) -> None:
    """Every series."""
    for number, line in enumerate(chart.lines):
        if chart.look == "bar":
            _draw_bars(canvas, frame, chart, number)
        else:
            _draw_line(canvas, frame, chart, line, number)


def colour_of(chart: Chart, number: int) -> str:
    """The colour of a series; what is compared with has that of what it is compared to."""
    return LINES[_place(chart, number) % len(LINES)]


def opacity_of(chart: Chart, number: int) -> float:
    """How pale a series is: what is compared with is paler."""
    if not chart.lines[number].before:
        return 1.0
    return 0.4 if chart.look == "bar" else 0.6


def dash_of(chart: Chart, number: int) -> str:
    """The dashes of a line."""
    if chart.lines[number].before:
        return _BEFORE
    is_late = chart.look == "line" and _place(chart, number) % len(LINES) >= _PLAIN
    return _DASHES if is_late else ""


def _place(chart: Chart, number: int) -> int:
    return max(sum(not line.before for line in chart.lines[: number + 1]) - 1, 0)


def _draw_line(canvas: Canvas, frame: Frame, chart: Chart, line: Line, number: int) -> None:
    points = frame.points(chart.times, line.values)
    ahead = chart.incomplete and not line.before
    colour, opacity = colour_of(chart, number), opacity_of(chart, number)
    width = 1.25 if line.before else 2.0
    for stretch in stretches(points[:-1] if ahead else points):
        if len(stretch) == 1:
            canvas.dot(stretch[0], 2.5, colour)
            continue
        if len(chart.lines) == 1 and frame.low <= 0:
            floor = frame.y(0)
            ends = [Point(stretch[-1].x, floor), Point(stretch[0].x, floor)]
            canvas.area([*stretch, *ends], colour, 0.08)
        canvas.line(stretch, colour, width, dash_of(chart, number), opacity)
    if ahead and (last := points[-1]):
        _draw_ahead(canvas, chart, points[-2] if len(points) > 1 else None, last, colour)


def _draw_ahead(
    canvas: Canvas, chart: Chart, before: Point | None, last: Point, colour: str
) -> None:
    """The period that is not over, dashed; a level of now stands apart."""
    if before is None or chart.level:
        canvas.dot(last, 3, colour)
    else:
        canvas.line([before, last], colour, 2, _INCOMPLETE)


def _draw_bars(canvas: Canvas, frame: Frame, chart: Chart, number: int) -> None:
    """The bars of a series; those of what it is compared with stand on its left."""
    slot = _slot(frame, chart)
    left = (_bar_place(chart, number) - len(chart.lines) / 2) * slot
    gap = min(1.0, slot / 5) if len(chart.lines) > 1 else 0.0
    colour, opacity, floor = colour_of(chart, number), opacity_of(chart, number), frame.y(0)
    values = chart.lines[number].values
    for place, (at, value) in enumerate(zip(chart.times, values, strict=True)):
        if value is None:
            continue
        top = frame.y(value)
        is_open = chart.incomplete and place == len(chart.times) - 1
        corner = Point(frame.x(at) + left, min(top, floor))
        shade = opacity * 0.45 if is_open else opacity
        canvas.rectangle(corner, slot - gap, abs(top - floor), colour, shade)


def _bar_place(chart: Chart, number: int) -> int:
    if chart.lines[number].before:
        return number - 1
    follows = chart.lines[number + 1 : number + 2]
    return number + 1 if follows and follows[0].before else number


def _slot(frame: Frame, chart: Chart) -> float:
    """The width that each bar of a period has."""
    times = chart.times
    shortest = min(
        (after - at for at, after in pairwise(times)),
        default=length_of(chart),
    )
    room = shortest / (frame.until - frame.since) * frame.width
    return min(room * _SHARE / len(chart.lines), _WIDEST)

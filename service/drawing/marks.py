"""What is drawn under and over the series: what is usual, limits, what happened when."""

from service.drawing.canvas import SMALL, Canvas, Point, shortened
from service.drawing.colours import BAD, CARD, INFO, QUIET, colour_of_severity
from service.drawing.frame import Frame, stretches
from service.web.charts import Chart, Mark


def draw_band(canvas: Canvas, frame: Frame, chart: Chart) -> None:
    """Where values usually are: an area in each stretch of instants of which it is known."""
    if chart.band is None:
        return
    both = zip(chart.band.lower, chart.band.upper, strict=True)
    known = [lower is not None and upper is not None for lower, upper in both]
    lower, upper = (
        frame.points(chart.times, [v if k else None for v, k in zip(values, known, strict=True)])
        for values in (chart.band.lower, chart.band.upper)
    )
    for below, above in zip(stretches(lower), stretches(upper), strict=True):
        canvas.area([*below, *reversed(above)], QUIET, 0.16)


def draw_over(canvas: Canvas, frame: Frame, chart: Chart) -> None:
    """Limits, values that stand out, and what happened."""
    for threshold in chart.thresholds:
        y = frame.y(threshold.value)
        canvas.line([Point(frame.left, y), Point(frame.right, y)], BAD, 1.25, "6 4")
        label = shortened(threshold.label, frame.width / 2)
        # Below the line where there is no room over it.
        over = y - 5 if y - frame.top > SMALL + 5 else y + SMALL + 2
        at = Point(frame.right - 4, over)
        canvas.text(at, label, BAD, anchor="right", around=CARD)
    for spot in chart.spots:
        canvas.ring(Point(frame.x(spot.at), frame.y(spot.value)), 5, BAD)
    for mark in chart.marks:
        _draw_mark(canvas, frame, mark)


def _draw_mark(canvas: Canvas, frame: Frame, mark: Mark) -> None:
    until = mark.until or mark.at
    if until < frame.since or mark.at > frame.until:
        return
    if mark.until:
        left = frame.x(mark.at)
        corner = Point(left, frame.top)
        canvas.rectangle(corner, frame.x(mark.until) - left, frame.height, INFO, 0.12)
    if mark.at < frame.since:
        return
    x, colour = frame.x(mark.at), colour_of_severity(mark.severity)
    canvas.line([Point(x, frame.top), Point(x, frame.bottom)], colour, 1, "2 3")
    corners = [Point(x - 5, frame.top), Point(x + 5, frame.top), Point(x, frame.top + 8)]
    canvas.area(corners, colour)

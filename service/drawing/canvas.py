"""SVG as elements: texts are escaped, and hold nothing that XML has no place for."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

FONT = "Roboto, 'Helvetica Neue', Arial, sans-serif"
SMALL = 12
_ANCHORS = {"left": "start", "middle": "middle", "right": "end"}
# What XML 1.0 cannot hold, escaped or not, and what turns the direction of writing.
_UNDRAWN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e]")
_ELLIPSIS = "…"
# Shares of the size of the font, as Roboto has them.
_NARROW, _DIGIT, _WIDE, _USUAL = 0.28, 0.562, 0.86, 0.58
_NARROW_LETTERS = frozenset(" .,:;'!|ijlt()·\N{NARROW NO-BREAK SPACE}")
_WIDE_LETTERS = frozenset("mwMW%@—…")


class Point(NamedTuple):
    """A place in pixels, from the upper left."""

    x: float
    y: float


class Canvas:
    """An SVG of that size."""

    def __init__(self, width: float, height: float) -> None:
        size = {"width": _number(width), "height": _number(height)}
        self._root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                **size,
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "font-family": FONT,
                "role": "img",
            },
        )

    def describe(self, text: str) -> None:
        """What the whole picture is called, for who does not see it."""
        SubElement(self._root, "title").text = drawable(text)

    def rectangle(
        self, at: Point, width: float, height: float, colour: str, opacity: float = 1.0
    ) -> None:
        """A filled rectangle."""
        place = {"x": _number(at.x), "y": _number(at.y)}
        size = {"width": _number(max(width, 0.0)), "height": _number(max(height, 0.0))}
        self._add("rect", {**place, **size, "fill": colour}, opacity)

    def line(
        self,
        points: Sequence[Point],
        colour: str,
        width: float = 1.0,
        dash: str = "",
        opacity: float = 1.0,
    ) -> None:
        """A line through those points."""
        drawn = {"points": _points(points), "fill": "none", "stroke": colour}
        joined = {"stroke-width": _number(width), "stroke-linejoin": "round"}
        self._add(
            "polyline",
            drawn | joined | ({"stroke-dasharray": dash} if dash else {}),
            opacity,
        )

    def area(self, points: Sequence[Point], colour: str, opacity: float = 1.0) -> None:
        """What those points surround."""
        self._add("polygon", {"points": _points(points), "fill": colour}, opacity)

    def dot(self, at: Point, radius: float, colour: str) -> None:
        """A filled circle."""
        self._add("circle", {**_centre(at), "r": _number(radius), "fill": colour})

    def ring(self, at: Point, radius: float, colour: str) -> None:
        """A circle."""
        drawn = {"fill": "none", "stroke": colour, "stroke-width": "2"}
        self._add("circle", {**_centre(at), "r": _number(radius), **drawn})

    def text(
        self,
        at: Point,
        text: str,
        colour: str,
        size: float = SMALL,
        anchor: str = "left",
        around: str = "",
    ) -> None:
        """A text on a line, with a rim of the colour `around`."""
        place = {"x": _number(at.x), "y": _number(at.y), "text-anchor": _ANCHORS[anchor]}
        drawn = {"font-size": _number(size), "fill": colour}
        rim = {"stroke": around, "stroke-width": "3", "paint-order": "stroke"} if around else {}
        element = self._add("text", place | drawn | rim)
        element.text = drawable(text)

    def svg(self) -> str:
        """All of it."""
        return tostring(self._root, encoding="unicode")

    def _add(self, name: str, attributes: dict[str, str], opacity: float = 1.0) -> Element:
        # Not that of the element, which would be a layer of its own, slow to put over others.
        of = "stroke-opacity" if attributes.get("fill") == "none" else "fill-opacity"
        seen = {of: _number(opacity)} if opacity < 1 else {}
        return SubElement(self._root, name, {**attributes, **seen})


def drawable(text: str) -> str:
    """A text on one line, without what cannot be in XML."""
    return _UNDRAWN.sub("", text).replace("\n", " ").replace("\r", " ")


def width_of(text: str, size: float = SMALL) -> float:
    """About how wide a text is, in pixels."""
    return size * sum(map(_share, text))


def shortened(text: str, room: float, size: float = SMALL) -> str:
    """A text that fits, with an ellipsis where it was cut."""
    if width_of(text, size) <= room:
        return text
    left, kept = room - width_of(_ELLIPSIS, size), 0
    for letter in text:
        left -= width_of(letter, size)
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + _ELLIPSIS


def _share(letter: str) -> float:
    if letter.isdigit():
        return _DIGIT
    if letter in _NARROW_LETTERS:
        return _NARROW
    return _WIDE if letter in _WIDE_LETTERS else _USUAL


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _centre(at: Point) -> dict[str, str]:
    return {"cx": _number(at.x), "cy": _number(at.y)}

"""Charts drawn as SVG and PNG."""

import asyncio
import math
import re
import struct
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from service.drawing import colours
from service.drawing.answer import kind_of
from service.drawing.picture import Size, svg_of
from service.drawing.png import png_of
from service.language.reader import Reader
from service.web.charts import Band, Chart, Line, Look, Mark, Spot, Threshold
from sql.errors import Invalid
from tests.conftest import ROOT

ZONE = ZoneInfo("America/Sao_Paulo")
ENGLISH = Reader("en", Locale("en"), ZONE)
BRAZILIAN = Reader("pt-BR", Locale("pt", "BR"), ZONE)
# Midnight in São Paulo.
START = datetime(2025, 6, 14, 3, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
Values = Sequence[float | None]


def hours(number: int) -> list[datetime]:
    return [START + timedelta(hours=hour) for hour in range(number)]


def sales(values: Values, label: str = "Revenue", *, look: Look = "line") -> Chart:
    line = Line(label, values)
    return Chart(times=hours(len(values)), lines=[line], unit="BRL", period="hour", look=look)


def drawn(*charts: Chart, title: str = "Revenue", reader: Reader = ENGLISH) -> ET.Element:
    return ET.fromstring(svg_of(charts, title, "", reader))


def texts(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def lines(picture: ET.Element, **having: str) -> list[str]:
    found = picture.iter(f"{SVG}polyline")
    return [
        one.attrib["points"]
        for one in found
        if all(one.attrib.get(name.replace("_", "-")) == value for name, value in having.items())
    ]


def test_what_people_wrote_is_text_and_never_markup() -> None:
    hostile = '<script>"&\x00\x1b</text>\u202e\nend'
    chart = Chart(
        times=hours(2),
        lines=[Line(hostile, [1, 2]), Line("other", [2, 1])],
        thresholds=[Threshold(1.5, hostile)],
    )
    picture = drawn(chart, title=hostile)
    assert not list(picture.iter(f"{SVG}script"))
    assert texts(picture).count('<script>"&</text> end') == 3


@pytest.mark.parametrize(
    ("reader", "money", "day"),
    [(ENGLISH, "R$1.5K", "Jun 14"), (BRAZILIAN, "R$ 1,5 mil", "14 de jun.")],
    ids=["en", "pt-BR"],
)
def test_axes_are_in_the_formats_of_the_reader(reader: Reader, money: str, day: str) -> None:
    shown = [
        text.replace("\N{NO-BREAK SPACE}", " ")
        for text in texts(drawn(sales([2000.0, 100.0] * 12), reader=reader))
    ]
    assert money in shown
    assert day in shown


def test_days_are_named_where_they_begin_in_the_business_zone() -> None:
    days = [START + timedelta(days=day) for day in range(3)]
    chart = Chart(times=days, lines=[Line("x", [1, 2, 3])], period="day")
    assert {"Jun 14", "Jun 15", "Jun 16"} <= set(texts(drawn(chart)))


@pytest.mark.parametrize(
    ("period", "months", "named"),
    [
        ("quarter", [1, 4, 7, 10, 13], ["Jan 2025", "Jul 2025", "Jan 2026"]),
        ("year", [1, 13, 25], ["Jan 2025", "Jan 2026", "Jan 2027"]),
    ],
)
def test_quarters_and_years_are_named_where_they_begin(
    period: str, months: list[int], named: list[str]
) -> None:
    times = [
        datetime(2025 + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=ZONE).astimezone(UTC)
        for month in months
    ]
    chart = Chart(times=times, lines=[Line("x", [1.0] * len(times))], period=period)
    shown = texts(drawn(chart))
    assert [text for text in shown if re.fullmatch(r"[A-Z][a-z]{2} \d{4}", text)] == named


def test_a_line_is_interrupted_where_a_value_is_unknown() -> None:
    picture = drawn(sales([1.0, 2.0, None, 3.0, 4.0, None, 5.0]))
    assert len(lines(picture, stroke=colours.LINES[0])) == 2
    assert len(list(picture.iter(f"{SVG}circle"))) == 1


def test_the_period_that_is_not_over_is_dashed() -> None:
    chart = sales([1.0, 2.0, 3.0])
    assert not lines(drawn(chart), stroke_dasharray="5 5")
    incomplete = Chart(times=chart.times, lines=chart.lines, incomplete=True)
    assert len(lines(drawn(incomplete), stroke_dasharray="5 5")) == 1


def test_limits_bands_and_what_happened_are_drawn() -> None:
    chart = Chart(
        times=hours(3),
        lines=[Line("x", [1.0, 2.0, 3.0])],
        thresholds=[Threshold(9.0, "Threshold")],
        band=Band("Usual", [1.0, None, 2.0], [3.0, None, 4.0]),
        spots=[Spot(START, 1.0, "low")],
        marks=[Mark(START + timedelta(hours=1), "opened", severity="high")],
    )
    picture = drawn(chart)
    assert {"Threshold", "Usual", "x"} <= set(texts(picture))
    assert len(lines(picture, stroke=colours.BAD, stroke_dasharray="6 4")) == 1
    assert len(lines(picture, stroke=colours.BAD, stroke_dasharray="2 3")) == 1
    rings = [one for one in picture.iter(f"{SVG}circle") if one.attrib["fill"] == "none"]
    assert len(rings) == 1


def test_bars_stand_on_zero_side_by_side() -> None:
    both = [Line("a", [4.0, 2.0]), Line("b", [-2.0, 1.0])]
    chart = Chart(times=hours(2), lines=both, look="bar", period="hour")
    bars = [one.attrib for one in drawn(chart).iter(f"{SVG}rect")][-4:]
    box = [{name: float(one[name]) for name in ("x", "y", "width", "height")} for one in bars]
    zero = box[0]["y"] + box[0]["height"]
    assert [round(one["y"] + one["height"] - zero) for one in (box[1], box[3])] == [0, 0]
    assert box[2]["y"] == pytest.approx(zero, abs=0.1)
    assert box[0]["height"] == pytest.approx(2 * box[2]["height"], abs=0.1)
    assert box[0]["x"] + box[0]["width"] <= box[2]["x"]


def test_of_several_series_the_legend_names_each_and_cuts_long_names() -> None:
    chart = Chart(times=hours(2), lines=[Line("n" * 300, [1, 2]), Line("short", [2, 1])])
    shown = texts(drawn(chart))
    assert "short" in shown
    assert any(re.fullmatch("n{10,60}…", text) for text in shown)


def test_charts_of_several_units_are_below_each_other() -> None:
    one, two = drawn(sales([1, 2])), drawn(sales([1, 2]), sales([3, 4]))
    assert float(two.attrib["height"]) - float(one.attrib["height"]) > Size().plot


number = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 5e-324, -5e-324, sys.float_info.max, -sys.float_info.max]),
)


@given(
    st.lists(number, min_size=1, max_size=8),
    st.sampled_from(["line", "bar"]),
    st.sampled_from(["minute", "hour", "day", "week", "month"]),
    st.booleans(),
)
def test_whatever_the_values_all_of_it_is_within_the_picture(
    values: list[float | None], look: Look, period: str, incomplete: bool
) -> None:
    chart = Chart(
        times=hours(len(values)),
        lines=[Line("x", values)],
        unit="BRL",
        period=period,
        look=look,
        incomplete=incomplete,
    )
    picture = drawn(chart)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for points in lines(picture):
        for point in points.split():
            x, y = map(float, point.split(","))
            assert math.isfinite(x)
            assert 0 <= x <= width
            assert 0 <= y <= height


def png(svg: str) -> bytes:
    return asyncio.run(png_of(svg, 2))


def test_a_png_has_twice_the_pixels_and_letters_without_a_font_of_the_system() -> None:
    size = Size(400, 120)
    charts = [sales([1.0, 2.0])]
    first, other = (svg_of(charts, title, "", BRAZILIAN, size) for title in ("Ação", "Café"))
    made = png(first)
    assert made.startswith(b"\x89PNG\r\n\x1a\n")
    high = float(ET.fromstring(first).attrib["height"])
    assert struct.unpack(">II", made[16:24]) == (800, round(high * 2))
    assert made != png(other)


def test_colours_are_those_of_the_pages() -> None:
    style = (ROOT / "service/web/static/style.css").read_text()
    light = dict(re.findall(r"--([a-z0-9-]+): light-dark\((#\w+),", style))
    series = [light[f"series-{number}"] for number in range(1, len(colours.LINES) + 1)]
    assert list(colours.LINES) == series
    assert f"series-{len(series) + 1}" not in light
    named = ("card", "text", "quiet", "bad", "fair", "info")
    assert [getattr(colours, name.upper()) for name in named] == [light[name] for name in named]
    assert light["line"] == colours.GRID


def test_a_picture_is_png_or_svg() -> None:
    assert kind_of("svg") == "svg"
    with pytest.raises(Invalid):
        kind_of("gif")

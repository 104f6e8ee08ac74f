"""Figures and times as people write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_currency
from hypothesis import given, settings
from hypothesis import strategies as st

from service.language.negotiation import negotiated
from service.language.reader import NOTHING, Reader
from service.language.sizes import size

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def reader(accept: str) -> Reader:
    return Reader(*negotiated(None, accept), SAO_PAULO)


@pytest.mark.parametrize(
    ("accept", "value", "unit", "words"),
    [
        ("en", 1234.5, "BRL", "R$1,234.50"),
        ("pt-BR", 1234.5, "BRL", "R$ 1.234,50"),
        ("pt-BR", -3, "BRL", "-R$ 3,00"),
        ("en", 3.456, "percent", "3.46%"),
        ("pt-BR", 3.456, "%", "3,46%"),
        ("en", 120, "ms", "120 ms"),
        ("en", 42, "count", "42"),
        ("pt-BR", 1234567.891, None, "1.234.567,89"),
        ("en", None, "BRL", NOTHING),
        ("en", 0.00001234, "seconds", "0.0000123 s"),
        ("pt-BR", 0.004, "percent", "0,004%"),
        ("en", 1.5e-9, "seconds", "1.5E-9 s"),
        ("en", -1e300, "BRL", "R$ -1E300"),
        ("pt-BR", 1.5e300, None, "1,5E300"),
        ("en", 1e300, "percent", "1E300%"),
    ],
)
def test_a_figure_has_its_unit(
    accept: str, value: float | None, unit: str | None, words: str
) -> None:
    assert _plain(reader(accept).figure(value, unit)) == words


@pytest.mark.parametrize("accept", ["en", "en-GB", "pt-BR"])
@settings(deadline=None)
@given(value=st.floats(-1e12, 1e12), data=st.data())
def test_money_is_written_as_the_locale_writes_it(
    accept: str, value: float, data: st.DataObject
) -> None:
    ours = reader(accept)
    unit = data.draw(st.sampled_from(sorted(ours.locale.currencies)))
    assert ours.figure(value, unit) == format_currency(value + 0.0, unit, locale=ours.locale)
    assert ours.figures([value, None], unit) == [ours.figure(value, unit), NOTHING]


def test_figures_below_each_other_have_as_many_digits() -> None:
    ours = reader("pt-BR")
    times = ours.figures([150, 143.714, 135.6, None], "ms")
    assert list(map(_plain, times)) == ["150,00 ms", "143,71 ms", "135,60 ms", NOTHING]
    assert list(map(_plain, ours.figures([150, 2], "ms"))) == ["150 ms", "2 ms"]
    assert list(map(_plain, ours.figures([2.5, 3], "percent"))) == ["2,5%", "3,0%"]


def test_nothing_has_no_sign() -> None:
    ours = reader("en")
    assert [ours.figure(-0.0, unit) for unit in ("BRL", "%", None)] == ["R$0.00", "0%", "0"]


def test_a_large_figure_is_shortened_where_there_is_little_room() -> None:
    assert _plain(reader("en").figure(1_234_567, "BRL", compact=True)) == "R$1.2M"
    assert _plain(reader("pt-BR").figure(1_234_567, "BRL", compact=True)) == "R$ 1,2 mi"
    assert _plain(reader("en").figure(99_999, "users", compact=True)) == "99,999 users"


@given(value=st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None)
def test_any_number_can_be_written(value: float) -> None:
    ours = reader("pt-BR")
    for unit in ("BRL", "percent", "users", None):
        for compact in (False, True):
            assert ours.figure(value, unit, compact=compact)
    assert ours.share(value)
    assert ours.change(value)
    assert ours.read_number(ours.plain_number(value)) == value


def test_sizes_are_written_one_way() -> None:
    sizes = (1, 2_000_000, 1_600_000, 999)
    assert [_plain(reader("pt-BR").size(one)) for one in sizes] == [
        "1 B",
        "2 MB",
        "1,6 MB",
        "999 B",
    ]
    assert _plain(reader("en").size(1_600_000)) == "1.6 MB"


@pytest.mark.parametrize("count", [0, 999, 1000, 1_048_576, 12_345_678, 25_000_000_000, 10**12])
def test_commands_and_pages_show_the_same_size(count: int) -> None:
    assert size(count) == _plain(reader("en").size(count))


def test_a_change_has_its_sign() -> None:
    assert reader("en").change(0.1234) == "+12.3%"
    assert reader("pt-BR").change(-0.1234) == "−12,3%"
    assert reader("en").change(None) == NOTHING


def test_a_change_too_small_to_be_seen_has_no_sign() -> None:
    assert {reader("en").change(ratio) for ratio in (-0.0004, -0.0, 0.0, 0.0004)} == {"0.0%"}
    assert reader("en").change(-0.0006) == "−0.1%"


def test_times_are_those_of_the_business() -> None:
    late = datetime(2025, 6, 15, 1, 30, tzinfo=UTC)
    assert _plain(reader("en").moment(late)) == "Jun 14, 2025, 10:30 PM"
    assert _plain(reader("en-GB").moment(late)) == "14 Jun 2025, 22:30"
    assert _plain(reader("pt-BR").moment(late)) == "14 de jun. de 2025 22:30"
    assert reader("pt-BR").day(late) == "14 de jun. de 2025"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (None, NOTHING),
        (59.0, "59 seconds"),
        (timedelta(hours=5), "5 hours"),
        (1e15, "2739726 years"),
        (1.7e308, "2739726 years"),
    ],
)
def test_a_length_of_time_has_one_unit(span: timedelta | float | None, words: str) -> None:
    assert _plain(reader("en").duration(span)).replace(",", "") == words


def test_periods_are_called_as_people_do() -> None:
    start = datetime(2025, 6, 1, 3, tzinfo=UTC)
    assert reader("pt-BR").period(start, "month") == "junho de 2025"
    assert reader("pt-BR").period(start, "quarter") == "T2 de 2025"
    assert reader("en").period(start, "quarter") == "Q2 2025"
    assert reader("pt-BR").period(start, "year") == "2025"
    assert reader("en").period(start, "day") == "Sun, Jun 1, 2025"


def _plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{NO-BREAK SPACE}", " ")

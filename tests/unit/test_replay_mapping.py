"""The samples that a row of real orders becomes, and their instants."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.commands.replay.mapping import Plan, replay, samples_of
from service.commands.replay.orders import COLUMNS, BadFile, Order, read_orders
from service.commands.submission.submit import Sample, Sent
from service.commands.submission.windows import (
    FREQUENCIES,
    UnknownWindows,
    Windows,
    finest,
    windows_of,
)
from sql.vocabulary import Frequency

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOWS = Windows(
    {"real_time": 6 * DAY, "hourly": 87 * DAY, "daily": 700 * DAY, "monthly": 1750 * DAY}
)
PREFERRED: tuple[Frequency, ...] = ("hourly", "daily", "monthly")
HEADER = ",".join(COLUMNS)
ROW = "2018-01-15T12:00:00,o-1,credit_card,100.00,s-1,SP,delivered"


class Recorder:
    """Takes the slices that would have been sent."""

    def __init__(self, repeated: int = 0) -> None:
        self.slices: list[list[Sample]] = []
        self.repeated = repeated
        self.called = False

    def __call__(self, slices: Iterable[Sequence[Sample]], total: int) -> Sent:
        self.called = True
        self.slices = [list(each) for each in slices]
        assert total == len(self.samples)
        return Sent(total, self.repeated)

    @property
    def samples(self) -> list[Sample]:
        return [sample for each in self.slices for sample in each]

    def timestamps(self) -> list[datetime]:
        return [datetime.fromisoformat(str(each["timestamp"])) for each in self.samples[::2]]


def csv_of(folder: Path, *rows: str, header: str = HEADER) -> Path:
    file = folder / "orders.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def row_at(moment: str, value: str = "100.00") -> str:
    return f"{moment},o-1,credit_card,{value},s-1,SP,delivered"


def run(
    file: Path, shift_to: datetime | None = NOW, now: datetime = NOW, repeated: int = 0
) -> tuple[Recorder, Plan]:
    recorder = Recorder(repeated)
    plan = replay(
        file, shift_to=shift_to, timezone=SAO_PAULO, windows=WINDOWS, submit=recorder, now=now
    )
    return recorder, plan


def test_a_payment_is_revenue_and_ten_percent_commission() -> None:
    order = Order(NOW, "o-1", "credit_card", Decimal("136.23"), "s-1", "RR")
    revenue, commission = samples_of(order, NOW, "daily")
    assert revenue == {
        "metric_name": "revenue_hourly",
        "metric_type": "revenue",
        "value": 136.23,
        "unit": "BRL",
        "frequency": "daily",
        "timestamp": "2026-03-10T12:00:00+00:00",
        "service_name": "payment-service",
        "region": "RR",
        "metadata": {"payment_method": "credit_card", "order_id": "o-1"},
    }
    assert commission == {
        "metric_name": "commission_paid",
        "metric_type": "commission",
        "value": 13.623,
        "unit": "BRL",
        "frequency": "daily",
        "timestamp": "2026-03-10T12:00:00+00:00",
        "service_name": "commission-service",
        "affiliate_id": "s-1",
    }


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2018-01-15T12:00:00", "2018-01-15T14:00:00+00:00"),  # summer: -02:00
        ("2018-07-15T12:00:00", "2018-07-15T15:00:00+00:00"),  # winter: -03:00
        ("2018-02-17T23:30:00", "2018-02-18T01:30:00+00:00"),  # twice: the first of them
        ("2017-10-15T00:30:00", "2017-10-15T03:30:00+00:00"),  # never: past the gap
        ("2018-01-15T12:00:00Z", "2018-01-15T12:00:00+00:00"),  # says its offset itself
    ],
)
def test_times_are_local_time_of_brazil(tmp_path: Path, local: str, utc: str) -> None:
    (order,) = read_orders(csv_of(tmp_path, row_at(local)), SAO_PAULO)
    assert order.purchased_at == datetime.fromisoformat(utc)


def test_shifting_brings_the_newest_to_now_and_keeps_the_spacing(tmp_path: Path) -> None:
    # A night when clocks were turned back lies between: 25 hours, not 24.
    file = csv_of(tmp_path, row_at("2018-02-18T12:00:00"), row_at("2018-02-17T12:00:00"))
    recorder, _ = run(file)
    assert recorder.timestamps() == [NOW, NOW - timedelta(hours=25)]


def test_the_newest_hour_is_there_before_any_other(tmp_path: Path) -> None:
    """Else an alert rule takes it for an hour without sales meanwhile."""
    days = ("2018-01-15", "2018-02-18", "2018-02-17", "2017-12-31")
    recorder, _ = run(csv_of(tmp_path, *(row_at(f"{day}T12:00:00") for day in days)))
    sent = [str(sample["timestamp"]) for sample in recorder.samples]
    assert sent == sorted(sent, reverse=True)


def test_without_a_shift_orders_stay_where_they_are(tmp_path: Path) -> None:
    file = csv_of(tmp_path, row_at("2018-01-15T12:00:00"))
    recorder, _ = run(file, shift_to=None, now=datetime(2018, 1, 16, tzinfo=UTC))
    assert recorder.timestamps() == [datetime(2018, 1, 15, 14, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), "hourly"),
        (87 * DAY - timedelta(minutes=10), "hourly"),
        (87 * DAY - timedelta(minutes=9), "daily"),
        (700 * DAY - timedelta(minutes=10), "daily"),
        (700 * DAY - timedelta(minutes=9), "monthly"),
        (1750 * DAY - timedelta(minutes=10), "monthly"),
        (1750 * DAY - timedelta(minutes=9), None),
        (timedelta(minutes=-5), "hourly"),
        (timedelta(minutes=-6), None),
    ],
)
def test_the_finest_frequency_that_still_accepts_with_ten_minutes_to_spare(
    age: timedelta, expected: str | None
) -> None:
    assert finest(NOW - age, NOW, WINDOWS, PREFERRED) == expected


def test_windows_are_what_the_service_states() -> None:
    accepts = {each: {"max_age_seconds": 3600 * index} for index, each in enumerate(FREQUENCIES, 1)}
    windows = windows_of({"status": "ok", "accepts": accepts})
    assert windows.max_age["daily"] == timedelta(hours=3)
    del accepts["daily"]
    for health in ({"accepts": accepts}, {}, {"accepts": None}):
        with pytest.raises(UnknownWindows):
            windows_of(health)


def test_rows_outside_every_window_are_counted_by_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime(2018, 1, 15, 15, 0, tzinfo=UTC)
    file = csv_of(
        tmp_path,
        row_at("2010-01-01T00:00:00", "5.00"),
        row_at("2010-01-02T00:00:00", "5.00"),
        row_at("2018-01-15T12:00:00", "1234.50"),
        row_at("2018-01-16T12:00:00", "5.00"),
    )
    recorder, plan = run(file, shift_to=None, now=now)
    printed = capsys.readouterr().out.splitlines()
    assert "replayed 1 rows as 2 samples" in printed
    assert "revenue 1,234.50 BRL" in printed
    assert "left out 2 rows: older than the oldest window (1750 days)" in printed
    assert "left out 1 rows: more than 5 minutes in the future" in printed
    assert len(recorder.samples) == 2
    assert plan.left_out.total() == 3


def test_a_file_too_old_altogether_comes_with_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder, _ = run(csv_of(tmp_path, row_at("2010-01-01T00:00:00")), shift_to=None)
    assert recorder.samples == []
    assert "SHIFT=now" in capsys.readouterr().out


def test_the_summary_counts_samples_by_frequency_and_those_already_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = csv_of(
        tmp_path,
        row_at("2017-01-01T12:00:00", "0.10"),
        row_at("2018-01-14T12:00:00", "0.20"),
        row_at("2018-01-15T12:00:00", "0.10"),
    )
    run(file, repeated=2)
    printed = capsys.readouterr().out
    assert "revenue 0.40 BRL" in printed
    assert "4 samples hourly" in printed
    assert "2 samples daily" in printed
    assert "monthly" not in printed
    assert "2 samples had arrived before" in printed
    assert "to 2026-03-10 09:00 (America/Sao_Paulo)" in printed


def test_every_malformed_row_is_named_by_its_line_and_nothing_is_sent(tmp_path: Path) -> None:
    file = csv_of(
        tmp_path,
        ROW,
        row_at("yesterday"),
        row_at("2018-01-15T12:00:00", "NaN"),
        row_at("2018-01-15T12:00:00", "1e400"),
        row_at("2018-01-15T12:00:00", "1,5"),
        "2018-01-15T12:00:00,,credit_card,,s-1,SP,delivered",
        "2018-01-15T12:00:00,o-1",
    )
    recorder = Recorder()
    with pytest.raises(BadFile) as caught:
        replay(file, shift_to=NOW, timezone=SAO_PAULO, windows=WINDOWS, submit=recorder, now=NOW)
    first, *lines = str(caught.value).splitlines()
    assert "6 rows are malformed, nothing was sent" in first
    assert [line.split(":")[0].strip() for line in lines] == [
        "line 3", "line 4", "line 5", "line 6", "line 7", "line 8",
    ]  # fmt: skip
    assert "payment_value_brl 'NaN'" in lines[1]
    assert "payment_value_brl ''" in lines[4]
    assert "order_id is empty" in lines[4]
    assert not recorder.called


def test_a_file_that_is_no_csv_of_orders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="first line must be purchased_at"):
        read_orders(csv_of(tmp_path, "1,2", header="a,b"), SAO_PAULO)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFile, match="cannot be read"):
        read_orders(binary, SAO_PAULO)
    with pytest.raises(BadFile, match="cannot be read"):
        read_orders(tmp_path / "missing.csv", SAO_PAULO)


def test_a_file_without_orders_sends_nothing(tmp_path: Path) -> None:
    recorder, plan = run(csv_of(tmp_path))
    assert recorder.samples == []
    assert plan.revenue == 0


def test_a_continued_run_makes_the_same_batches(tmp_path: Path) -> None:
    # An order every minute: some leave the hourly window between the two runs.
    newest = datetime(2018, 1, 15, 12)  # noqa: DTZ001
    edge = newest - 87 * DAY
    moments = [newest, *(edge + timedelta(minutes=index) for index in range(60))]
    file = csv_of(tmp_path, *(row_at(each.isoformat()) for each in moments))
    first, plan = run(file)
    continued, _ = run(file, now=NOW + timedelta(minutes=9))
    assert continued.slices == first.slices
    assert {each.frequency for each in plan.placed} == {"hourly", "daily"}


def test_a_run_continued_late_changes_only_batches_at_an_edge(tmp_path: Path) -> None:
    start = datetime(2017, 1, 1)  # noqa: DTZ001
    file = csv_of(tmp_path, *(row_at((start + index * DAY).isoformat()) for index in range(600)))
    first, _ = run(file)
    late, _ = run(file, now=NOW + DAY)
    assert len(first.slices) > 15
    assert len([each for each in late.slices if each not in first.slices]) <= 2


def test_the_frequencies_of_a_shifted_file_follow_its_age(tmp_path: Path) -> None:
    moments = ("2018-01-15T12:00:00", "2017-09-15T12:00:00", "2015-09-15T12:00:00")
    recorder, _ = run(csv_of(tmp_path, *map(row_at, moments)))
    found = Counter(str(each["frequency"]) for each in recorder.samples)
    assert found == {"hourly": 2, "daily": 2, "monthly": 2}

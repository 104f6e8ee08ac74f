"""The benchmark's own arithmetic: percentiles, tables, floors."""

import math
from dataclasses import replace
from datetime import date

import pytest

from bench.figures import (
    Consumed,
    Federated,
    Figures,
    Imported,
    Ingest,
    Neighbour,
    Paced,
    PageViews,
    Reads,
    Repeated,
    Storage,
    Taken,
    Ticks,
)
from bench.floors import MIB, floors
from bench.machine import Machine
from bench.report import document, text
from bench.stats import Latency, latency, median_latency, percentile

MACHINE = Machine(2, "A CPU", "18.6", "2.29.2", "3.11.7", 0.1, date(2026, 1, 31))
FAST = Latency(1.0, 2.0, 3.0)


def figures() -> Figures:
    """A run in which every floor is met."""
    return Figures(
        machine=MACHINE,
        copy_rates=[190_000.0, 210_000.0],
        ingest=[
            Ingest(1, 1, 1, 500.0, 0.0025, FAST, 400.0),
            Ingest(1, 1, 64, 3500.0, 0.0175, FAST, 250.0),
            Ingest(1000, 1, 4, 90_000.0, 0.45, Latency(30.0, 40.0, 50.0), 5.0),
            Ingest(1000, 1, 64, 120_000.0, 0.6, Latency(500.0, 600.0, 700.0), 5.0),
        ],
        consumed=[Consumed(1, 9000.0, 2.5, 60.0), Consumed(1000, 110_000.0, 0.9, 5.0)],
        consumer_memory=150 * MIB,
        taken=[
            Taken("line protocol", 100_000.0, 1.0, 6.0),
            Taken("remote write", 110_000.0, 1.1, 6.0),
            Taken("OTLP", 80_000.0, 0.7, 9.0),
        ],
        imported=[
            Imported("CSV", 120_000.0, 0.6, 60_000.0, 0.3, 10.0),
            Imported("JSON lines", 130_000.0, 0.65, 60_000.0, 0.3, 9.0),
        ],
        import_memory=200 * MIB,
        paced=Paced(500.0, FAST),
        reads=[
            Reads(1_000_000, "day", 1, 250.0, Latency(4.0, 5.0, 6.0), 0.6),
            Reads(1_000_000, "day", 16, 250.0, Latency(50.0, 60.0, 70.0), 0.6),
            Reads(50_000_000, "day", 1, 200.0, Latency(4.8, 6.0, 7.0), 0.6),
            Reads(50_000_000, "day", 16, 200.0, Latency(60.0, 70.0, 80.0), 0.6),
        ],
        cached=Repeated(16, 4000.0, FAST),
        storage=Storage(140.0, 14.0),
        pages=[PageViews("/", 1_000_000, 30, 1.0), PageViews("/explore", 1_000_000, 60, 0.97)],
        federated=[Federated("day", 1_000_000, FAST, FAST)],
        neighbours=[
            Neighbour("alone", Latency(5.0, 8.0, 10.0)),
            Neighbour("ten readers of a page", Latency(6.0, 12.0, 18.0)),
        ],
        ticks=[Ticks(1000, 1000, 0.2, 0.1), Ticks(10_000, 1000, 1.5, 0.9)],
        peak_memory=100 * MIB,
    )


def missed(measured: Figures) -> list[str]:
    return [floor.promise for floor in floors(measured) if not floor.met]


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)]
)
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(
    share: float, value: int
) -> None:
    assert percentile(range(1, 101), share) == value


def test_the_percentiles_of_one_value_are_that_value() -> None:
    assert latency([0.25]) == Latency(250.0, 250.0, 250.0)


def test_one_bad_turn_does_not_make_a_latency() -> None:
    turns = [Latency(2, 5, 9), Latency(3, 40, 700), Latency(1, 6, 8)]
    assert median_latency(turns) == Latency(2, 6, 9)


def test_latency_is_in_milliseconds_whatever_the_order() -> None:
    seconds = [number / 1000 for number in range(200, 0, -1)]
    assert latency(seconds) == Latency(100.0, 190.0, 198.0)


def test_no_values_have_no_percentiles() -> None:
    assert math.isnan(latency([]).p50)


def test_every_floor_can_be_met() -> None:
    assert missed(figures()) == []


def test_ingest_floors_are_judged_at_the_best_number_of_connections() -> None:
    measured = figures()
    measured.ingest = [one for one in measured.ingest if one.connections < 64]
    assert missed(measured) == [
        "1000 in a request: at least 0.5 of \\copy",
        "1000 in a request: at least 100,000 samples/s",
        "single inserts: at least 3,000/s",
    ]


def test_reading_floors_are_judged_with_the_most_samples() -> None:
    measured = figures()
    slow = Latency(6.5, 90.0, 120.0)
    measured.reads[2] = replace(measured.reads[2], latency=slow, prompt=0.4)
    assert missed(measured) == [
        "90 days by day, 50,000,000 samples: p50 at the service below 5 ms",
        "90 days by day, 50,000,000 samples: p99 below 100 ms",
        "90 days by day: 50,000,000 samples at most 1.5 times 1,000,000",
    ]


def test_pages_are_judged_by_the_slowest() -> None:
    measured = figures()
    measured.pages[1] = replace(measured.pages[1], prompt=0.95)
    assert missed(measured) == ["every page, 1,000,000 samples: p95 at the service below 50 ms"]


def test_neighbours_are_judged_by_what_it_is_alone() -> None:
    measured = figures()
    measured.neighbours.append(Neighbour("ten readers of groups", Latency(6.0, 12.0, 20.1)))
    assert missed(measured) == [
        "another tenant's questions beside ten readers of groups: p99 at most twice that alone"
    ]


def test_memory_counts_in_binary_megabytes() -> None:
    measured = figures()
    measured.peak_memory = 300 * MIB
    assert missed(measured) == ["memory of the service below 300 MiB"]


def test_protocols_are_judged_beside_batches_of_json() -> None:
    measured = figures()
    measured.taken = [replace(one, ratio=one.ratio - 0.2) for one in measured.taken]
    assert missed(measured) == [
        "line protocol, 1000 in a request: at least 1.0 of batches of JSON",
        "remote write, 1000 in a request: at least 1.0 of batches of JSON",
        "OTLP, 1000 in a request: at least 0.7 of batches of JSON",
    ]


def test_kafka_is_judged_beside_http_and_only_where_there_is_a_broker() -> None:
    measured = figures()
    measured.consumed[1] = replace(measured.consumed[1], ratio=0.65)
    measured.consumer_memory = 300 * MIB
    assert missed(measured) == [
        "Kafka, 1000 in a message: at least 0.7 of the same over HTTP",
        "memory of the consumer below 300 MiB",
    ]
    measured.consumed, measured.consumer_memory = [], 0
    assert missed(measured) == []


def test_imports_are_judged_until_they_are_stored() -> None:
    measured = figures()
    measured.imported[0] = replace(measured.imported[0], stored_ratio=0.55)
    measured.import_memory = 300 * MIB
    assert missed(measured) == [
        "import of CSV: rows stored at 0.6 of \\copy at least",
        "memory of the service while it imports below 300 MiB",
    ]


def test_a_table_is_aligned_and_says_what_was_missed() -> None:
    measured = figures()
    measured.paced = Paced(500.0, Latency(5.0, 40.0, 60.0))
    lines = text(measured).splitlines()
    assert lines[0].startswith("2 cores (A CPU), PostgreSQL 18.6, TimescaleDB 2.29.2")
    (row,) = [line for line in lines if line.startswith("single inserts at 500/s: p99")]
    assert row.split("  ")[-1].strip() == "NOT MET"
    ends = {line.rindex("met") for line in lines if line.endswith("  met")}
    assert len(ends) == 1


def test_the_document_has_every_table_and_no_gap() -> None:
    page = document(figures())
    assert "{" not in page
    assert "on 2026-01-31" in page
    assert "| 1000 | 1 | 64 | 120,000 | 0.60 | 500.0 | 600.0 | 700.0 | 5.0 |" in page
    assert "| day | 50,000,000 | 1 | 4.8 | 6.0 | 7.0 | 60% | 200 | 1.20 |" in page
    assert "| /explore | 60 | 97.0% |" in page
    assert "| 1000 | 110,000 | 0.90 | 5.0 |" in page
    assert "| CSV | 120,000 | 0.60 | 60,000 | 0.30 | 10.0 |" in page
    assert "| ten readers of a page | 6.0 | 12.0 | 18.0 | 1.80 |" in page
    assert "| columnstore is smaller by | 10.0 times |" in page


def test_the_plain_engine_has_no_columnstore_to_report() -> None:
    measured = figures()
    measured.storage = None
    measured.machine = replace(MACHINE, timescaledb=None)
    page = document(measured)
    assert "no TimescaleDB" in page
    assert "smaller by" not in page


def test_alert_rules_are_judged_by_the_slowest_tick_and_the_cost_of_each() -> None:
    measured = figures()
    measured.ticks = [Ticks(1000, 1000, 0.2, 0.1), Ticks(10_000, 1000, 2.1, 1.1)]
    assert missed(measured) == [
        "10,000 alert rules over 1,000 metrics: a tick below 2 s",
        "a rule costs no more with 10,000 than with 1,000",
    ]

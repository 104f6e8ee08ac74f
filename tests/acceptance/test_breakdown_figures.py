"""Breakdowns of random samples are what plain Python makes of them, live and materialised: what
aggregate adds up to for the same selection.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.asking import AGGREGATIONS
from tests.conftest import DatabaseServer, run_refresh_jobs
from tests.places import Place, new_place, profile
from tests.random_samples import Draft, drafts, post
from tests.reference import Figures, Group, Sample, agrees, is_fine_enough

TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)
NAMES = ("service_name", "affiliate_id", "region", "payment_method")
DAYS = {"previous_day": 1, "previous_week": 7, "previous_year": 364}


@dataclass(frozen=True)
class Asked:
    """A breakdown of whole days, the last of which is over."""

    aggregation: str
    group_by: tuple[str, ...]
    first: date
    last: date
    compare: str


@st.composite
def breakdowns(draw: st.DrawFn) -> Asked:
    ages = sorted(draw(st.lists(st.integers(2, 120), min_size=2, max_size=2)))
    return Asked(
        aggregation=draw(st.sampled_from(AGGREGATIONS)),
        group_by=tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))),
        first=TODAY - ages[1] * DAY,
        last=TODAY - ages[0] * DAY,
        compare=draw(st.sampled_from((*DAYS, "previous_period"))),
    )


@pytest.fixture
def place(database_of: DatabaseServer, tmp_path: Path) -> Iterator[Place]:
    """A fresh place."""
    with new_place(database_of, ZoneInfo("America/Sao_Paulo"), tmp_path) as fresh:
        yield fresh


@pytest.mark.parametrize("state", ["live", "materialised"])
def test_groups_are_the_right_ones(place: Place, state: str) -> None:
    if state == "live":
        place.pause_refreshes()

    @settings(profile, max_examples=8)
    @given(made=drafts(), asked=st.lists(breakdowns(), min_size=5, max_size=8))
    def check(made: list[Draft], asked: list[Asked]) -> None:
        metric = next(place.names)
        samples = post(place.client, metric, [one for one in made if one.labels.unit == "BRL"])
        if state == "materialised":
            run_refresh_jobs(place.database_url)
        for one in asked:
            check_breakdown(place, metric, one, samples)

    check()


def check_breakdown(place: Place, metric: str, asked: Asked, samples: Sequence[Sample]) -> None:
    usable = [one for one in samples if is_fine_enough(one.labels.frequency, "day")]
    if not usable:
        return
    body = answer(place, metric, asked)
    groups = [tuple(row[name] for name in asked.group_by) for row in body["data"]]
    assert len(set(groups)) == len(groups)
    days = (asked.last - asked.first).days + 1
    earlier = DAYS.get(asked.compare, days) * DAY
    this = per_group(usable, asked.group_by, asked.first, asked.last, place.zone)
    before = per_group(
        usable, asked.group_by, asked.first - earlier, asked.last - earlier, place.zone
    )
    assert set(groups) == this.keys() | before.keys()
    for group, row in zip(groups, body["data"], strict=True):
        check_value(row["value"], this.get(group), asked.aggregation, zero=bool(before))
        check_value(row["baseline"], before.get(group), asked.aggregation, zero=bool(before))
    everything = [one for figures in this.values() for one in figures.samples]
    whole = Figures(everything, "day", place.zone) if everything else None
    check_value(body["total"]["value"], whole, asked.aggregation, zero=bool(before))
    if asked.aggregation in ("sum", "count"):
        check_aggregate(
            place,
            metric,
            asked,
            {g: row["value"] for g, row in zip(groups, body["data"], strict=True)},
        )


def answer(place: Place, metric: str, asked: Asked) -> dict[str, Any]:
    found = place.client.get(
        "/api/metrics/breakdown",
        params={
            "metric_name": metric,
            "aggregation": asked.aggregation,
            "group_by": asked.group_by,
            "start_date": str(asked.first),
            "end_date": str(asked.last),
            "compare": asked.compare,
        },
    )
    assert found.status_code == 200, (asked, found.text)
    body: dict[str, Any] = found.json()
    return body


def per_group(
    samples: Sequence[Sample], names: Sequence[str], first: date, last: date, zone: ZoneInfo
) -> dict[Group, Figures]:
    found: dict[Group, Figures] = {}
    for sample in samples:
        if first <= sample.ts.astimezone(zone).date() <= last:
            group = tuple(getattr(sample.labels, name) for name in names)
            found.setdefault(group, Figures(period="day", zone=zone)).samples.append(sample)
    return found


def check_value(
    found: float | None, expected: Figures | None, aggregation: str, *, zero: bool
) -> None:
    """What adds up is 0 where there is nothing, if there is anything to compare with."""
    if expected is not None:
        assert agrees(found, expected, aggregation), (found, expected.of(aggregation))
    elif aggregation in ("sum", "count") and zero:
        assert found in (0, None)
    else:
        assert found is None


def check_aggregate(
    place: Place, metric: str, asked: Asked, values: Mapping[Group, float | None]
) -> None:
    """The days of aggregate add up to the same."""
    params = {
        "metric_name": metric,
        "aggregation": asked.aggregation,
        "group_by": asked.group_by,
        "start_date": str(asked.first),
        "end_date": str(asked.last),
    }
    rows = place.client.get("/api/metrics/aggregate", params=params).json()["data"]
    sums: dict[Group, Decimal] = {}
    for row in rows:
        group = tuple(row[name] for name in asked.group_by)
        sums[group] = sums.get(group, Decimal()) + Decimal(repr(row["value"]))
    for group, total in sums.items():
        assert values[group] == pytest.approx(float(total), rel=1e-12, abs=1e-9)

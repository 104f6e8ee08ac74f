"""Timestamps: every form of ISO 8601 that names an instant, and nothing else."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.acceptance.talk import (
    BATCH,
    ONE,
    SQL,
    accepted,
    refused,
    sample,
    stored,
)

pytestmark = pytest.mark.one_engine


def moment(**ago: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**ago)


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S+00:00",
        "%Y-%m-%dT%H:%M:%S-00:00",
        "%Y-%m-%dT%H:%M:%S+0000",
        "%Y-%m-%dT%H:%M:%S+00",
        "%Y-%m-%d %H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.0Z",
        "%Y-%m-%dT%H:%M:%S.000000000Z",
        "%Y-%m-%dT%H:%M:%S,000Z",
        "%Y%m%dT%H%M%SZ",
        "%G-W%V-%uT%H:%M:%SZ",
    ],
)
def test_the_forms_of_iso_8601_are_understood(api: httpx2.Client, metric: str, form: str) -> None:
    ts = moment(hours=2)
    accepted(api.post(ONE, json=sample(metric, timestamp=ts.strftime(form))))
    (back,) = stored(api, metric)
    assert datetime.fromisoformat(back["timestamp"]) == ts


@pytest.mark.parametrize("offset", ["+14:00", "-12:00", "-03:00", "+05:30", "+00:01", "-23:59"])
def test_an_offset_says_which_instant_is_meant(
    api: httpx2.Client, metric: str, offset: str
) -> None:
    local = datetime.fromisoformat(moment(days=2).strftime("%Y-%m-%dT%H:%M:%S") + offset)
    accepted(api.post(ONE, json=sample(metric, timestamp=local.isoformat())))
    (back,) = stored(api, metric)
    assert back["timestamp"] == local.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("microsecond", [1, 100_000, 123_456, 999_999])
def test_microseconds_are_kept(api: httpx2.Client, metric: str, microsecond: int) -> None:
    ts = moment(hours=1).replace(microsecond=microsecond)
    accepted(api.post(ONE, json=sample(metric, timestamp=ts.isoformat())))
    (back,) = stored(api, metric)
    assert datetime.fromisoformat(back["timestamp"]) == ts


NO_INSTANTS = [
    "",
    " ",
    "now",
    "yesterday",
    "infinity",
    "1750000000",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-01-31 12:00",
    "2026-01-31T12:00:00 America/Sao_Paulo",
    "2026-02-30T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-01-31T24:00:01Z",
    "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:60Z",
    "2026-01-31T12:00:00+24:00",
    "2026-01-31T12:00:00+99:99",
    "2026-01-31T12:00:00Z\n",
    "2026-01-31T12:00:00Z\x00",
    "2026-01-31T12:00:00ZZ",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "-2026-01-31T12:00:00Z",
    "\uff12\uff10\uff12\uff16-01-31T12:00:00Z",
    # Instants before the year 1 and after the year 9999, once in UTC.
    "0001-01-01T00:00:00+00:01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-00:01",
    "9999-12-31T23:59:59-14:00",
    "2" * 100_000,
    SQL,
]


def test_what_is_no_instant_is_refused(api: httpx2.Client, metric: str) -> None:
    items = [sample(metric, timestamp=text) for text in NO_INSTANTS]
    error = refused(api.post(BATCH, json={"metrics": items}), 422)
    message = "Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z"
    assert error["details"] == [
        {"index": n, "field": "timestamp", "message": message} for n in range(len(items))
    ]
    error = refused(api.post(ONE, json=items[0]), 422)
    assert error["details"] == [{"field": "timestamp", "message": message}]
    assert stored(api, metric) == []

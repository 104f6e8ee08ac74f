"""Real orders, replayed over HTTP, and what is right: computed from the file itself, with exact
decimals.
"""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests import forks
from tests.conftest import ADMIN_KEY, ROOT, Service
from tests.reference import is_fine_enough, start_of

ORDERS = ROOT.parent / "shared" / "data" / "orders" / "orders.csv"
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
# The client stays this far inside a window: a sample is sent some minutes after it was placed.
MARGIN = timedelta(minutes=10)

needs_orders = pytest.mark.skipif(not ORDERS.exists(), reason=f"there are no orders at {ORDERS}")

Group = str | None
Figures = dict[tuple[datetime, Group], Decimal]


@dataclass(frozen=True)
class Payment:
    """A row of the file, and the instant and frequency it is replayed with."""

    row: Mapping[str, str]
    instant: datetime
    frequency: str | None

    @property
    def revenue(self) -> Decimal:
        return Decimal(self.row["payment_value_brl"])

    @property
    def commission(self) -> Decimal:
        return self.revenue / 10


@dataclass
class Replayed:
    """A service that has the orders, and the orders it should have."""

    service: Service
    zone: ZoneInfo
    payments: Sequence[Payment]
    said: str

    def ask(self, **params: str) -> list[dict[str, str | Decimal]]:
        """The rows of an answer, numbers as exact decimals."""
        response = self.service.client.get("/api/metrics/aggregate", params=params)
        assert response.status_code == 200, response.text
        rows: list[dict[str, str | Decimal]] = response.json(parse_float=Decimal)["data"]
        return rows

    def expected(
        self,
        period: str,
        value: Callable[[Payment], Decimal],
        group: str | None = None,
        zone: ZoneInfo | None = None,
        finest: str | None = None,
    ) -> Figures:
        """Sums by start and group of what is submitted at least once per `finest`."""
        sums: Figures = {}
        for payment in self.payments:
            if payment.frequency and is_fine_enough(payment.frequency, finest or period):
                start = start_of(payment.instant, period, zone or self.zone)
                key = (start, payment.row[group] if group else None)
                sums[key] = sums.get(key, Decimal(0)) + value(payment)
        return sums


def placed(shift_to: datetime, health: Mapping[str, object]) -> list[Payment]:
    """The file's orders with the newest at `shift_to`, each in the finest frequency that
    still accepts it.
    """
    with ORDERS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    instants = [_local(row["purchased_at"]) for row in rows]
    offset = shift_to - max(instants)
    reference = datetime.now(UTC) if datetime.now(UTC) - shift_to > MARGIN else shift_to
    windows = health["accepts"]
    assert isinstance(windows, dict)
    oldest = {
        frequency: reference - timedelta(seconds=windows[frequency]["max_age_seconds"]) + MARGIN
        for frequency in ("hourly", "daily", "monthly")
    }
    return [
        Payment(
            row,
            instant + offset,
            next((name for name, limit in oldest.items() if instant + offset >= limit), None),
        )
        for row, instant in zip(rows, instants, strict=True)
    ]


def replay(service: Service, zone: ZoneInfo, folder: Path, *arguments: str) -> str:
    """The output of ``make replay``."""
    command = ["client", "replay", str(ORDERS), "--url", service.url, "--api-key", ADMIN_KEY]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
    environment |= {"FATURE_DATA_DIR": str(folder), "FATURE_TIMEZONE": zone.key}
    done = forks.run(*command, *arguments, environment=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO).astimezone(UTC)

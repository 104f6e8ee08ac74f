"""Real orders from a CSV file: one payment a row, checked before any is used."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

COLUMNS = (
    "purchased_at",
    "order_id",
    "payment_type",
    "payment_value_brl",
    "seller_id",
    "customer_state",
    "order_status",
)
_REQUIRED_TEXTS = ("order_id", "payment_type", "seller_id", "customer_state")
_MONEY = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_LONGEST_TEXT = 200
# Wide enough for any order, and moved by any shift still a date.
_YEARS = range(1970, 2200)


class BadFile(Exception):
    """The file is not a CSV of orders, or some of its rows are malformed."""


class BadRow(ValueError):
    """One row is malformed."""


@dataclass(frozen=True, slots=True)
class Order:
    """One payment; ``purchased_at`` is an instant in UTC, ``value`` is in BRL."""

    purchased_at: datetime
    order_id: str
    payment_type: str
    value: Decimal
    seller_id: str
    state: str


def read_orders(file: Path, source_timezone: ZoneInfo) -> list[Order]:
    """All orders of the file, in its order.

    Raises:
        BadFile: it cannot be read as such a CSV; names every malformed row by its line.
    """
    orders: list[Order] = []
    problems: list[str] = []
    for line, row in _rows(file):
        try:
            orders.append(order_of(row, source_timezone))
        except BadRow as error:
            problems.append(f"line {line}: {error}")
    if problems:
        raise BadFile(_listed(file, problems))
    return orders


def order_of(row: Mapping[str | None, object], source_timezone: ZoneInfo) -> Order:
    """The order in one row of the CSV.

    A time without an offset is local time of ``source_timezone``: the first of two when
    clocks were turned back, and shifted by the gap when they were turned forward.

    Raises:
        BadRow: names every malformed value of the row.
    """
    texts = {column: row.get(column) for column in COLUMNS}
    if None in row or not all(isinstance(text, str) for text in texts.values()):
        raise BadRow(f"does not have {len(COLUMNS)} columns")
    values = {column: str(text).strip() for column, text in texts.items()}
    problems = list(_problems(values))
    if problems:
        raise BadRow("; ".join(problems))
    return Order(
        purchased_at=_instant(values["purchased_at"], source_timezone),
        order_id=values["order_id"],
        payment_type=values["payment_type"],
        value=Decimal(values["payment_value_brl"]),
        seller_id=values["seller_id"],
        state=values["customer_state"],
    )


def _problems(values: Mapping[str, str]) -> Iterator[str]:
    if not _is_time(values["purchased_at"]):
        yield f"purchased_at {values['purchased_at']!r} is not a time such as 2018-08-28T14:32:00"
    if not _MONEY.fullmatch(values["payment_value_brl"]):
        yield f"payment_value_brl {values['payment_value_brl']!r} is not an amount such as 136.23"
    for column in _REQUIRED_TEXTS:
        if not values[column]:
            yield f"{column} is empty"
        elif len(values[column]) > _LONGEST_TEXT:
            yield f"{column} is longer than {_LONGEST_TEXT} characters"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).year in _YEARS
    except ValueError:
        return False


def _instant(text: str, source_timezone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=source_timezone, fold=0)
    return moment.astimezone(UTC)


def _rows(file: Path) -> Iterator[tuple[int, dict[str | None, object]]]:
    """Each row with the number of its line in the file."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise BadFile(f"{file}: the first line must be {','.join(COLUMNS)}")
            for row in reader:
                yield reader.line_num, dict(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(f"{file} cannot be read as CSV in UTF-8: {error}") from error


def _listed(file: Path, problems: list[str]) -> str:
    rows = "row is" if len(problems) == 1 else "rows are"
    return f"{file}: {len(problems)} {rows} malformed, nothing was sent\n  " + "\n  ".join(problems)

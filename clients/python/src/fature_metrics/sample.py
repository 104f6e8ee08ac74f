"""Samples as the service takes them, one JSON object each."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fature_metrics.platform import PLATFORM


class BadSample(ValueError):
    """A sample that the service would refuse whatever happens."""


def encoded(
    metric_name: str,
    value: float | Decimal,
    *,
    metric_type: str | None,
    frequency: str | None,
    timestamp: datetime | None,
    labels: Mapping[str, str | None],
    metadata: Mapping[str, Any] | None,
) -> bytes:
    """One sample as JSON without line breaks; of now where no `timestamp` is given.

    Raises:
        BadSample: type or frequency is not known, the value is no finite number, the timestamp
            has no offset, or something is no JSON.
    """
    known_type, known_frequency = PLATFORM.get(metric_name, (None, None))
    sample: dict[str, Any] = {
        "metric_name": metric_name,
        "metric_type": metric_type or known_type,
        "frequency": frequency or known_frequency,
        "value": _number(value),
        "timestamp": _instant(timestamp),
        **{name: label for name, label in labels.items() if label is not None},
    }
    missing = [name for name in ("metric_type", "frequency") if sample[name] is None]
    if missing:
        raise BadSample(f"{metric_name} is no metric of the platform: give {' and '.join(missing)}")
    if metadata:
        sample["metadata"] = dict(metadata)
    try:
        return json.dumps(sample, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadSample(f"it is no JSON: {error}") from error


def _number(value: float | Decimal) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadSample(f"the value is no number but {type(value).__name__}")
    try:
        number = float(value)
    except (OverflowError, ValueError) as error:
        raise BadSample("the value is no finite number") from error
    if not math.isfinite(number):
        raise BadSample("the value is no finite number")
    return number


def _instant(timestamp: datetime | None) -> str:
    instant = timestamp or datetime.now(UTC)
    if instant.tzinfo is None:
        raise BadSample("the timestamp has no offset")
    return instant.isoformat()

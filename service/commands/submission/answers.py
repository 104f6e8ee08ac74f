"""The service's answers as a client reads them: errors in words, and how long to wait."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 10.0
_ITEMS_NAMED = 5


class SubmitError(Exception):
    """A submission failed; running it again counts nothing twice."""


class Unreachable(SubmitError):
    """Nothing that looks like the service answers."""


class KeyRefused(SubmitError):
    """The API key is missing, wrong or not allowed to write."""


class Rejected(SubmitError):
    """The service found items of a batch invalid and stored none of it."""


class ServiceError(SubmitError):
    """The service answered with another error."""


def object_of(response: httpx2.Response) -> dict[str, object]:
    """The JSON object in a response; empty if it holds anything else."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def error_of(response: httpx2.Response, batch: Sequence[Mapping[str, object]]) -> SubmitError:
    """The error that a refused batch raises."""
    body = object_of(response)
    error = body.get("error")
    detail = error if isinstance(error, dict) else {}
    said = f"{response.status_code}: {detail.get('message') or response.reason_phrase}"
    if response.status_code in (401, 403):
        return KeyRefused(f"the service refused the API key ({said})")
    if response.status_code == 422:
        return Rejected(
            f"the service rejected a batch of {len(batch)} ({said}){_named(detail, batch)}"
        )
    request = f", request {body['request_id']}" if "request_id" in body else ""
    return ServiceError(f"the service answered {said}{request}")


def _named(error: Mapping[str, object], batch: Sequence[Mapping[str, object]]) -> str:
    details = error.get("details")
    if not isinstance(details, list):
        return ""
    items = [each for each in details if isinstance(each, dict)]
    lines = [f"\n  {_item(each, batch)}" for each in items[:_ITEMS_NAMED]]
    more = len(items) - len(lines)
    return "".join(lines) + (f"\n  and {more} more" if more else "")


def _item(detail: Mapping[str, object], batch: Sequence[Mapping[str, object]]) -> str:
    index = detail.get("index")
    said = f"{detail.get('field')}: {detail.get('message')}"
    if not isinstance(index, int) or not 0 <= index < len(batch):
        return said
    sample = batch[index]
    return (
        f"item {index} ({sample.get('metric_name')}, {sample.get('frequency')}, "
        f"{sample.get('timestamp')}): {said}"
    )


def seconds_to_wait(retry_after: str | None, attempt: int) -> float:
    """Seconds before the next attempt: as the service says, else doubling from half a second."""
    told = _seconds(retry_after) if retry_after else None
    if told is not None:
        return told
    return min(_FIRST_BACKOFF * math.pow(2, attempt - 1), _LONGEST_BACKOFF)


def _seconds(retry_after: str) -> float | None:
    """A Retry-After header, a number of seconds or an HTTP date; None if it is neither."""
    try:
        seconds = float(retry_after)
    except ValueError:
        return _seconds_until(retry_after)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())

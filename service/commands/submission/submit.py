"""Submission of samples in batches, safe to repeat.

Every batch carries an Idempotency-Key made from its own content: when a run breaks and is
started again within 24 hours, a batch that had arrived is not counted a second time.
"""

import gzip
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NoReturn, Self, cast

import httpx2
from tqdm import tqdm

from service.commands.submission.answers import (
    ServiceError,
    Unreachable,
    error_of,
    object_of,
    seconds_to_wait,
)

Sample = dict[str, object]
BATCH_LIMIT = 1000
ATTEMPTS = 7
# Longer than this is no hiccup: better to say so than to sit there silently.
LONGEST_WAIT = 120.0
TIMEOUT = httpx2.Timeout(60.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class Sent:
    """Samples of a submission; ``repeated`` of them had arrived in an earlier run."""

    samples: int
    repeated: int


Submit = Callable[[Iterable[Sequence[Sample]], int], Sent]


class Submitter:
    """One connection to the service; a context manager.

    ``sleep`` waits the given seconds between attempts.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._url, self._sleep, self._attempts = url, sleep, attempts
        self._client = _client(url, api_key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def health(self) -> dict[str, object]:
        """The answer of ``GET /api/health``; asked once, to fail fast.

        Raises:
            Unreachable: nothing answers there, or something else does.
        """
        try:
            response = self._client.get("/api/health")
        except httpx2.TransportError as error:
            raise Unreachable(f"no answer from {self._url}: {error}") from error
        health = object_of(response)
        if not response.is_success or not health:
            raise Unreachable(
                f"{self._url}/api/health answered {response.status_code}, not as this service does"
            )
        return health

    def submit(self, slices: Iterable[Sequence[Sample]], total: int) -> Sent:
        """Post the slices, each in batches of up to 1000; ``total`` is for the progress bar.

        Batches never span slices, so that slices cut by the calendar make the same batches
        in a later run that has more slices.

        Raises:
            SubmitError: a batch was refused, or never got through.
        """
        return self._submit(slices, tqdm(total=total, unit=" samples", mininterval=0.5))

    def submit_quietly(self, slices: Iterable[Sequence[Sample]]) -> Sent:
        """The same without a progress bar."""
        return self._submit(slices, tqdm(disable=True))

    def _submit(self, slices: Iterable[Sequence[Sample]], progress: "tqdm[NoReturn]") -> Sent:
        samples = repeated = 0
        with progress as bar:
            for batch, body, key in _batches(slices):
                was_repeated = self._post_batch(batch, body, key)
                samples += len(batch)
                repeated += len(batch) if was_repeated else 0
                bar.update(len(batch))
        return Sent(samples, repeated)

    def report_health(self, report: Mapping[str, object]) -> None:
        """Post one report to ``/api/services/health``.

        Raises:
            SubmitError: it was refused, or never got through.
        """
        response = self._post("/api/services/health", _json(report), {})
        if not response.is_success:
            raise error_of(response, ())

    def entries(self, path: str, **params: str) -> list[dict[str, object]]:
        """The entries that a list of the API has, such as ``/api/alerts/rules``.

        Raises:
            SubmitError: they may not be read, or the service went away.
        """
        response = self._client.get(path, params=params)
        if not response.is_success:
            raise error_of(response, ())
        return cast("list[dict[str, object]]", object_of(response)["data"])

    def add(self, path: str, body: Mapping[str, object]) -> None:
        """Post an entry to a list of the API.

        Raises:
            SubmitError: it was refused, or never got through.
        """
        response = self._post(path, _json(body), {})
        if not response.is_success:
            raise error_of(response, ())

    def change(self, path: str, body: Mapping[str, object]) -> None:
        """Change an entry.

        Raises:
            SubmitError: it was refused, or the service went away.
        """
        response = self._client.patch(path, json=dict(body))
        if not response.is_success:
            raise error_of(response, ())

    def test_rule(self, rule: Mapping[str, object]) -> dict[str, object] | None:
        """The backtest of the rule; None where the service refuses or does not finish it in time.

        Raises:
            Unreachable: the service went away.
        """
        response = self._post("/api/alerts/rules/test", _json(rule), {})
        if not response.is_success:
            return None
        return cast("dict[str, object]", object_of(response)["data"])

    def _post_batch(self, batch: Sequence[Sample], body: bytes, key: str) -> bool:
        response = self._post("/api/metrics/batch", body, {"Idempotency-Key": key})
        if not response.is_success:
            raise error_of(response, batch)
        return response.headers.get("Idempotent-Replayed") == "true"

    def _post(self, path: str, body: bytes, extra: dict[str, str]) -> httpx2.Response:
        # No time stamp in the gzip header: a repeated body has to be the same bytes.
        content = gzip.compress(body, compresslevel=5, mtime=0)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", **extra}
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            try:
                response = self._client.post(path, content=content, headers=headers)
            except httpx2.TransportError as error:
                if last:
                    raise Unreachable(
                        f"no answer from {self._url} in {attempt} attempts: {error}"
                    ) from error
                self._sleep(seconds_to_wait(None, attempt))
                continue
            if last or response.status_code not in (429, 503):
                return response
            self._wait_as_told(response, attempt)
        raise ValueError("at least one attempt is needed")

    def _wait_as_told(self, response: httpx2.Response, attempt: int) -> None:
        seconds = seconds_to_wait(response.headers.get("Retry-After"), attempt)
        if seconds > LONGEST_WAIT:
            raise ServiceError(
                f"the service answered {response.status_code} and asks to wait {seconds:.0f} s: "
                "run this again later"
            )
        self._sleep(seconds)


def _client(url: str, api_key: str) -> httpx2.Client:
    if not api_key.isascii() or not api_key.isprintable():
        raise ServiceError("the API key holds characters that no key has")
    try:
        # The environment (proxies, certificates) is the settings' business, not a client's.
        return httpx2.Client(
            base_url=url, headers={"X-API-Key": api_key}, timeout=TIMEOUT, trust_env=False
        )
    except httpx2.InvalidURL as error:
        raise Unreachable(f"{url!r} is not a URL: {error}") from error


def _batches(
    slices: Iterable[Sequence[Sample]],
) -> Iterator[tuple[Sequence[Sample], bytes, str]]:
    """Each batch with its body and key.

    Two equal batches of one run are two batches: the key counts them.
    """
    seen: Counter[str] = Counter()
    for each in slices:
        for start in range(0, len(each), BATCH_LIMIT):
            batch = each[start : start + BATCH_LIMIT]
            body = _json({"metrics": batch})
            digest = hashlib.sha256(body).hexdigest()
            seen[digest] += 1
            yield batch, body, f"{digest}-{seen[digest]}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()

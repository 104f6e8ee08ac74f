"""The client that programs use: `record` and go on."""

import atexit
import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fature_metrics.buffer import Buffer, MemoryBuffer
from fature_metrics.sample import encoded
from fature_metrics.sender import Sender
from fature_metrics.spool import Spool
from fature_metrics.transport import Transport

_log = logging.getLogger("fature_metrics")
_LOG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Samples so far: `recorded` ones were kept, of which `sent` are stored, `refused` were
    wrong and `pending` wait; `dropped` ones never found room, `invalid` ones were none.
    `retries` counts requests that had to be sent again, the last because of `last_error`.
    """

    recorded: int = 0
    sent: int = 0
    refused: int = 0
    pending: int = 0
    dropped: int = 0
    invalid: int = 0
    retries: int = 0
    last_error: str | None = None


class Client:
    """Sends samples in the background, in batches, each until it is stored, exactly once.

    Nothing of it raises or waits in the path of the program that records. Up to `limit` samples
    wait; what finds no room is dropped, counted and logged (logger ``fature_metrics``, at most
    once a minute). They are sent when `batch_size` (at most 1000) are there, or after `interval`
    seconds. With a `spool` folder they wait in files and survive the process; without, they are
    sent when it ends, by itself or by SIGTERM, for up to `exit_timeout` seconds. A SIGTERM that
    the program handles itself is left alone, as is every one with ``handle_sigterm=False``.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        service_name: str | None = None,
        limit: int = 10_000,
        batch_size: int = 500,
        interval: float = 1.0,
        timeout: float = 10.0,
        exit_timeout: float = 5.0,
        spool: str | Path | None = None,
        handle_sigterm: bool = True,
    ) -> None:
        if not 1 <= batch_size <= 1000 or limit < 1:
            raise ValueError("batch_size is from 1 to 1000, and limit at least 1")
        self._service_name = service_name
        self._limit, self._batch_size, self._interval = limit, batch_size, interval
        self._spool = Path(spool) if spool is not None else None
        self._exit_timeout = exit_timeout
        self._address = (url, api_key, timeout)
        Transport(*self._address)  # a URL that is none is told now, not in the background
        self._begin()
        # The spool is sent also if this process never records anything.
        if len(self._buffer):
            self._sender.start()
        atexit.register(_close, weakref.ref(self))
        os.register_at_fork(after_in_child=_forgetting(weakref.ref(self)))
        if handle_sigterm:
            _end_on_sigterm()

    def _begin(self) -> None:
        buffer: Buffer
        if self._spool is not None:
            buffer = Spool(self._spool, self._limit, self._batch_size)
        else:
            buffer = MemoryBuffer(self._limit, self._batch_size)
        self._buffer = buffer
        self._sender = Sender(buffer, Transport(*self._address), self._batch_size, self._interval)
        self._stats, self._closed, self._logged = Stats(), False, -_LOG_SECONDS
        self._lock = threading.Lock()

    def record(
        self,
        metric_name: str,
        value: float | Decimal,
        *,
        metric_type: str | None = None,
        frequency: str | None = None,
        unit: str | None = None,
        service_name: str | None = None,
        affiliate_id: str | None = None,
        region: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: datetime | None = None,
    ) -> bool:
        """Keep a sample to be sent; whether it was kept. It is of now unless `timestamp` (with
        an offset) says otherwise. Type and frequency of the platform's metrics are known; the
        unit is the catalogue's if left out. What is wrong with a sample is logged, not raised.
        """
        try:
            sample = encoded(
                metric_name,
                value,
                metric_type=metric_type,
                frequency=frequency,
                timestamp=timestamp,
                labels={
                    "unit": unit,
                    "service_name": service_name or self._service_name,
                    "affiliate_id": affiliate_id,
                    "region": region,
                },
                metadata=metadata,
            )
        except Exception as error:  # whatever it is, the program goes on
            self._count("invalid", f"a sample of {metric_name!r} was not recorded: {error}")
            return False
        if self._closed or not self._buffer.add(sample):
            reason = "the client is closed" if self._closed else "no room is left"
            self._count("dropped", f"samples are dropped: {reason}")
            return False
        self._count("recorded")
        self._sender.start()
        return True

    def stats(self) -> Stats:
        """Counts since the process began."""
        return replace(self._stats, **self._sender.counts(), pending=len(self._buffer))

    def flush(self, timeout: float | None = None) -> bool:
        """Send what waits now; whether all of it was stored or refused within `timeout` seconds."""
        return self._sender.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Send what waits and end; whether nothing was left. What is left stays in the spool, or
        is lost, counted and logged.
        """
        if self._closed:
            return True
        self._closed = True
        complete = self._sender.close(self._exit_timeout if timeout is None else timeout)
        if lost := self._buffer.close():
            self._stats = replace(self._stats, dropped=self._stats.dropped + lost)
            _log.error("%d samples were not sent in time and are lost", lost)
        return complete

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _count(self, name: str, complaint: str | None = None) -> None:
        with self._lock:
            self._stats = replace(self._stats, **{name: getattr(self._stats, name) + 1})
            now = time.monotonic()
            due = complaint and now - self._logged >= _LOG_SECONDS
            if due:
                self._logged = now
        if due:
            _log.warning("%s (%d so far)", complaint, getattr(self._stats, name))

    def _forget(self) -> None:
        """In a forked process: what waits is the parent's."""
        self._buffer.abandon()
        closed = self._closed
        self._begin()
        self._closed = closed


def _close(reference: "weakref.ref[Client]") -> None:
    if client := reference():
        client.close()


def _forgetting(reference: "weakref.ref[Client]") -> Any:
    def forget() -> None:
        if client := reference():
            client._forget()

    return forget


def _end_on_sigterm() -> None:
    """Have SIGTERM end the process as ``sys.exit`` does, unless the program handles it."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, _: object) -> None:
    raise SystemExit(128 + number)

"""The thread that sends: batch after batch, each until it is stored or refused."""

import logging
import random
import threading
import time
from contextlib import suppress
from typing import Any

from fature_metrics.buffer import Batch, Buffer
from fature_metrics.transport import Refused, Stored, TooLarge, Transport, TryAgain

_log = logging.getLogger("fature_metrics")
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


class Sender:
    """Sends what is in `buffer`: at once when a whole batch is there or somebody flushes, else
    every `interval` seconds. After a failure it waits twice as long each time, up to half a
    minute, and a random part of it, so that many clients do not come back at once.
    """

    def __init__(
        self, buffer: Buffer, transport: Transport, batch_size: int, interval: float
    ) -> None:
        self._buffer, self._transport = buffer, transport
        self._batch_size, self._interval = batch_size, interval
        self._sent = self._refused = self._retries = 0
        self._last_error: str | None = None
        self._changed = threading.Condition()
        self._flushing = self._flushes = 0
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Let the thread run, or wake it where a whole batch waits."""
        if self._thread is None:
            # RuntimeError: the interpreter is ending, and starts no thread any more.
            with self._changed, suppress(RuntimeError):
                if self._thread is None and not self._ending:
                    # A daemon: the program may end whenever it wants, and flushes then.
                    thread = threading.Thread(target=self._run, name="fature-metrics", daemon=True)
                    thread.start()
                    self._thread = thread
        elif len(self._buffer) >= self._batch_size:
            with self._changed:
                self._changed.notify_all()

    def counts(self) -> dict[str, Any]:
        """Samples sent, refused and lost so far, and retries."""
        return {
            "sent": self._sent,
            "refused": self._refused,
            "retries": self._retries,
            "last_error": self._last_error,
        }

    def flush(self, timeout: float | None) -> bool:
        """Send all that waits; whether nothing does any more."""
        if not len(self._buffer):
            return True
        self.start()
        with self._changed:
            self._flushing += 1
            self._flushes += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not len(self._buffer), timeout)
            finally:
                self._flushing -= 1

    def close(self, timeout: float) -> bool:
        """Flush, then end the thread; whether nothing was left."""
        complete = self.flush(timeout)
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
        return complete

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_due, self._interval)
                if self._ending:
                    break
            try:
                self._send_all()
            except Exception:  # a thread that ended would not be missed by anybody
                _log.exception("sending failed")
        self._transport.close()

    def _is_due(self) -> bool:
        return self._ending or bool(self._flushing and len(self._buffer)) or self._is_full()

    def _is_full(self) -> bool:
        return len(self._buffer) >= self._batch_size

    def _send_all(self) -> None:
        while not self._ending and (batch := self._buffer.take()):
            if not self._send(batch):
                return
            self._buffer.done()
            with self._changed:
                self._changed.notify_all()
            # A part of a batch may wait for more to come.
            if not (self._flushing or self._is_full()):
                return

    def _send(self, batch: Batch) -> bool:
        """Send a batch until it is out of the way; False where the client ended before."""
        failures = 0
        while True:
            match self._transport.post(batch):
                case Stored():
                    self._sent += len(batch.samples)
                    return True
                case TryAgain(reason, after):
                    failures += 1
                    if not self._wait(reason, failures, after):
                        return False
                case TooLarge() if len(batch.samples) > 1:
                    first, second = batch.halves()
                    return self._send(first) and self._send(second)
                case TooLarge():
                    self._give_up(len(batch.samples), "a sample is too large")
                    return True
                case Refused(reason, indices) if 0 < len(indices) < len(batch.samples):
                    self._give_up(len(indices), reason)
                    batch = batch.without(set(indices))
                case Refused(reason, _):
                    self._give_up(len(batch.samples), reason)
                    return True

    def _wait(self, reason: str, failures: int, after: float | None) -> bool:
        """Wait before another try; False where the client ends meanwhile."""
        self._retries += 1
        self._last_error = reason
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(failures - 1, 10))
        # Jitter needs no secrecy.
        seconds = (after or 0.0) + random.uniform(0.1, longest)  # noqa: S311
        if failures == 1 or failures % 10 == 0:
            _log.warning("samples wait, try %d: %s", failures, reason)
        until = time.monotonic() + seconds
        with self._changed:
            asked = self._flushes
            self._changed.wait_for(
                # Who flushes does not wait for our own pause, only for what the service asks.
                lambda: self._ending or (after is None and self._flushes != asked),
                until - time.monotonic(),
            )
            return not self._ending

    def _give_up(self, count: int, reason: str) -> None:
        self._refused += count
        self._last_error = reason
        _log.error("%d samples are refused: %s", count, reason)

"""A cable to a port of this machine that can be cut and mended."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.conftest import free_port


class Cable:
    """Leads from `port` to the port it was mended to. While it is cut, connections end and new
    ones are refused.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._to = 0
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []

    def mend(self, to: int | None = None) -> None:
        """Pass on from now on, to the same port as before where none is told."""
        self._to = to or self._to
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End everything."""
        ends, self._ends = self._ends, []
        for end in (self._listener, *ends):
            if end is not None:
                with suppress(OSError):
                    # Closing alone would not wake whoever waits for it.
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def cable() -> Iterator[Cable]:
    """Cut at first and at the end."""
    made = Cable()
    try:
        yield made
    finally:
        made.cut()

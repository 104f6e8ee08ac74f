"""A network between the service and its database that forgets connections, as a firewall does or
a failover leaves them.
"""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict

from tests.conftest import free_port

Link = tuple[socket.socket, socket.socket]


class Network:
    """Passes connections on to a server; `url` leads to it through here, `direct` without."""

    def __init__(self, url: str) -> None:
        self.direct = url
        target = conninfo_to_dict(url)
        self._to = (str(target["host"]), int(str(target["port"])))
        self._port = free_port()
        self.url = url.replace(f"@{self._to[0]}:{self._to[1]}/", f"@127.0.0.1:{self._port}/")
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._other_end: dict[socket.socket, socket.socket] = {}
        self._forgotten: list[socket.socket] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    @property
    def connections(self) -> int:
        """Those that are passed on now."""
        return len(self._other_end) // 2

    def forget(self) -> None:
        """From now on nothing passes on the connections there are, not even their end; new ones
        work.
        """
        with self._lock:
            for end in self._other_end:
                self._selector.unregister(end)
                self._forgotten.append(end)
            self._other_end.clear()

    def run(self) -> None:
        """Pass on until stopped."""
        while not self._stopping.is_set():
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    self._pass_on(key.fileobj)

    def stop(self) -> None:
        """Let everything go."""
        self._stopping.set()

    def close(self) -> None:
        """After `run` ended."""
        for end in (self._listener, *self._other_end, *self._forgotten):
            end.close()
        self._selector.close()

    def _pass_on(self, ready: object) -> None:
        if ready is self._listener:
            self._link()
            return
        assert isinstance(ready, socket.socket)
        if ready not in self._other_end:
            return
        with suppress(OSError):
            if data := ready.recv(65536):
                self._other_end[ready].sendall(data)
                return
        other = self._other_end.pop(ready)
        del self._other_end[other]
        for end in (ready, other):
            self._selector.unregister(end)
            end.close()

    def _link(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(self._to)
        self._other_end |= {near: far, far: near}
        for end in (near, far):
            self._selector.register(end, selectors.EVENT_READ)


@contextmanager
def network_to(url: str) -> Iterator[Network]:
    """A network in a thread of this process."""
    network = Network(url)
    thread = threading.Thread(target=network.run, daemon=True)
    thread.start()
    try:
        yield network
    finally:
        network.stop()
        thread.join()
        network.close()

"""A TCP proxy in front of a server: passes bytes on, late too, swallows them on connections that stay open, or cuts."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Direction = Literal["up", "down"]


class Proxy:
    """One listening port on loopback; each connection to it becomes one to `port` of the server's host."""

    def __init__(self, port: int) -> None:
        self.passed = 0
        """How often something came from a client so far: what moments of a run are counted by."""
        self.delay = 0.0
        """Seconds that everything is held back, either way."""
        self.silent_since: float | None = None
        """On the clock of `time.monotonic`."""
        self._target = port
        self._silent_after: int | None = None
        self._clients: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._swallowed: set[socket.socket] = set()
        self._swallows_new = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def swallow(self, *, which: int | None = None) -> None:
        """From now on nothing passes, either way: on all connections and later ones, or on the one numbered `which`."""
        self.silent_since = self.silent_since or time.monotonic()
        chosen = self._pairs if which is None else [self._pairs[which]]
        self._swallowed.update(end for pair in list(chosen) for end in pair)
        self._swallows_new |= which is None

    def recover(self) -> None:
        """Let later connections through again, and end the silent ones, as hosts do that hear of each other again."""
        for end in list(self._swallowed):  # the thread adds to it meanwhile
            with_no_fault(lambda end=end: end.shutdown(socket.SHUT_RDWR))
        self._silent_after, self._swallows_new, self.silent_since = None, False, None

    def swallow_after(self, passed: int) -> None:
        """Do so on all connections as soon as something came from clients `passed` times."""
        self._silent_after = passed

    def cut(self) -> None:
        """End every connection at once, as a host that restarts does."""
        for pair in list(self._pairs):
            for end in pair:
                end.close()

    def close(self) -> None:
        """Stop, and end all connections."""
        self._over.set()
        self._thread.join(10)
        self._listener.close()
        self.cut()

    def _run(self) -> None:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._listener, selectors.EVENT_READ)
            while not self._over.is_set():
                for key, _ in waiting.select(0.05):
                    if key.fileobj is self._listener:
                        self._accept(waiting)
                    else:
                        self._pass_on(waiting, key.fileobj, key.data)  # type: ignore[arg-type]

    def _accept(self, waiting: selectors.BaseSelector) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        self._pairs.append((client, server))
        self._clients.add(client)
        if self._swallows_new:
            self._swallowed.update((client, server))
        waiting.register(client, selectors.EVENT_READ, server)
        waiting.register(server, selectors.EVENT_READ, client)

    def _pass_on(self, waiting: selectors.BaseSelector, source: socket.socket, target: socket.socket) -> None:
        try:
            data = source.recv(65536)
            self._count(source)
            if data and source not in self._swallowed:
                time.sleep(self.delay)
                target.sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (source, target):
                with_no_fault(lambda end=end: waiting.unregister(end))
                if source not in self._swallowed:
                    end.close()

    def _count(self, source: socket.socket) -> None:
        if source in self._clients:
            self.passed += 1
        if self._silent_after is not None and self.passed > self._silent_after:
            self.swallow()


def with_no_fault(work: object) -> None:
    """Call `work`, whatever it raises: an end may be closed already."""
    try:
        work()  # type: ignore[operator]
    except (KeyError, ValueError, OSError):
        return


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    """A proxy for the server's `port`, closed afterwards."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()

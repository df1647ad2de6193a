"""A TLS tunnel, as practices put one before programs that speak no TLS themselves."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 65_536  # bytes


@contextmanager
def tunnel(into: tuple[str, int], context: ssl.SSLContext) -> Iterator[tuple[str, int]]:
    """Listen for plain connections, and pass each on over TLS; yield where.

    Args:
        into: Where TLS is spoken.
        context: Of the client's side.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, into, context), daemon=True)
        thread.start()
        host, port = listener.getsockname()[:2]
        yield host, port
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def _accept(listener: socket.socket, into: tuple[str, int], context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_pass_on, args=(plain, into, context), daemon=True).start()


def _pass_on(plain: socket.socket, into: tuple[str, int], context: ssl.SSLContext) -> None:
    """Pass bytes on in both directions until one side ends."""
    with (
        plain,
        suppress(OSError),
        socket.create_connection(into) as connection,
        context.wrap_socket(connection, server_hostname=into[0]) as secured,
    ):
        back = threading.Thread(target=_pump, args=(secured, plain), daemon=True)
        back.start()
        _pump(plain, secured)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)

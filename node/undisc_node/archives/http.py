"""One HTTP exchange with an archive, over a vetted connection, with every wait bounded.

Answers of an archive are not trusted: what is read of them has a bound, redirects are not followed
(they would lead past the check of the address), and bodies are taken uncompressed only.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlencode

from undisc_node.peers.connector import Connector, Patience, Resolve, resolve_host
from undisc_node.peers.locations import read_location
from undisc_node.services.errors import Invalid, Refused, Unavailable
from undisc_protocol.errors import Unreachable

if TYPE_CHECKING:
    import socket

_SECONDS: Final = 120.0  # without a byte: an archive may look for a study on tape first
_MAX_CREDENTIALS: Final = 1_024  # bytes
_OK: Final = range(200, 300)
_NOT_ALLOWED: Final = frozenset((401, 403))
_SERVER_FAULT: Final = 500
_BUSY: Final = frozenset((429, 503))


def read_credentials(path: str) -> str:
    """Read `user:password` from a file; return the value of an Authorization header.

    Raises:
        Invalid: It cannot be read, or holds something else.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MAX_CREDENTIALS + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise Invalid(
            "the credentials file cannot be read",
            code="bad_credentials",
            hint="the node's user must be able to read it",
        ) from problem
    if len(text) > _MAX_CREDENTIALS or ":" not in text or not text.isprintable():
        raise Invalid(
            "the credentials file does not hold user:password on one line", code="bad_credentials"
        )
    return f"Basic {base64.b64encode(text.encode()).decode('ascii')}"


class WebClient:
    """Asks the DICOMweb services of one archive.

    Args:
        url: Their base.
        authorization: Value of the Authorization header, or empty.
        tls: How certificates are checked.
        resolve: Turns names into addresses.

    Raises:
        Invalid: The URL cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        authorization: str = "",
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_host,
    ) -> None:
        try:
            self._location = read_location(url)
        except Unreachable as problem:
            raise Invalid(str(problem), code="bad_address") from problem
        self._authorization = authorization
        self._connector = Connector(
            private_addresses=True,  # an administrator typed the address
            tls=tls or ssl.create_default_context(),
            patience=Patience(read=_SECONDS, total=_SECONDS),
            now=time.monotonic,
            resolve=resolve,
        )

    @contextmanager
    def asking(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: Iterable[tuple[str, str]] = (),
        body: Iterable[bytes] | None = None,
        also: frozenset[int] = frozenset(),
    ) -> Iterator[http.client.HTTPResponse]:
        """Ask for the time of a block.

        Args:
            method: HTTP method.
            path: Behind the base, beginning with a slash.
            headers: Further headers; `Content-Length` when there is a body.
            query: Names and values for the URL.
            body: What to send, in pieces.
            also: Further statuses that are an answer, not a refusal.

        Raises:
            Unavailable: It does not answer, or not now.
            Refused: It answers that it will not.
        """
        host = self._location.host
        pairs = urlencode(list(query))
        target = self._location.prefix + path + (f"?{pairs}" if pairs else "")
        sent = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "undisc"}
        if self._authorization:
            sent["Authorization"] = self._authorization
        try:
            timed = self._connector.connect(self._location)
        except Unreachable as problem:
            raise Unavailable(str(problem), code="unreachable", hint=problem.hint) from problem
        try:
            timed.stream_from_here()
            connection = http.client.HTTPConnection(host, self._location.port)
            connection.auto_open = 0  # nothing but the vetted socket is ever used
            connection.sock = cast("socket.socket", timed)
            with _wire(host):
                connection.request(method, target, body, {**sent, **headers})
                answer = connection.getresponse()
            if answer.status not in _OK and answer.status not in also:
                raise _refusal(answer.status)
            if answer.getheader("Content-Encoding", "identity") != "identity":
                raise Unavailable(f"the PACS at {host} answered with compressed bytes")
            yield answer
        finally:
            timed.shut()

    def read(self, answer: http.client.HTTPResponse, count: int) -> bytes:
        """Read up to so many bytes of an answer; nothing at its end.

        Raises:
            Unavailable: The connection broke.
        """
        with _wire(self._location.host):
            return answer.read(count)


@contextmanager
def _wire(host: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as problem:
        raise Unavailable(f"the PACS at {host} is too slow", code="unreachable") from problem
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise Unavailable(
            f"the connection to the PACS at {host} broke", code="unreachable"
        ) from problem


def _refusal(status: int) -> Refused | Unavailable:
    if status in _NOT_ALLOWED:
        return Refused(
            f"the PACS does not let this node in (HTTP {status})",
            code="pacs_credentials",
            hint="look at the credentials file, and at what this user may do there",
        )
    if status >= _SERVER_FAULT or status in _BUSY:
        return Unavailable(f"the PACS cannot answer now (HTTP {status})", code="pacs_failed")
    return Refused(
        f"the PACS refused (HTTP {status})",
        code="pacs_refused",
        hint="is the URL the base of its DICOMweb services",
    )

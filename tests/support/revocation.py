"""How soon a revocation bites while bytes are moving, and how many of them still leave.

    PYTHONPATH=tests .venv/bin/python -m support.revocation 50

starts a real node, reads granted bytes on one connection as fast as they come, revokes the grant in
the middle, and prints the time until the ticket is refused and the bytes that came after it.
"""

from __future__ import annotations

import json
import secrets
import socket
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from support.hostile_peer import PACKS, authorization
from support.refusing import Practice, read
from support.two_nodes import dicom_file, pixels, proofs_of, running

OBJECT = 24 * 2**20  # bytes; several slices
_BLOCK = 65_536


@dataclass(frozen=True)
class Revoked:
    """What one revocation did.

    Attributes:
        seconds: From the order to the first refusal of the ticket.
        before: Bytes of the body that had come when the order had been carried out.
        after: Bytes that came after that, what the system's buffers held among them.
        total: Bytes that were granted.
    """

    seconds: float
    before: int
    after: int
    total: int


class Reader:
    """Reads a ticket's stream on a connection of its own, slowly enough to be interrupted."""

    def __init__(self, url: str, ticket: bytes, total: int) -> None:
        place = urlsplit(url)
        self.count = 0
        self._total = total
        self._line = socket.create_connection((place.hostname or "", place.port or 80))
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BLOCK)
        name, value = authorization(ticket)
        head = f"GET {PACKS} HTTP/1.1\r\nHost: {place.netloc}\r\n{name}: {value}\r\n"
        self._line.sendall(f"{head}Range: bytes=0-{total - 1}\r\n\r\n".encode())
        self.moving = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            while self.count < self._total and (block := self._line.recv(_BLOCK)):
                self.count += len(block)
                if self.count > self._total // 8:
                    self.moving.set()
                    time.sleep(0.001)  # a line of some 60 MB/s
        except OSError:
            pass  # broken off: what was to be shown

    def end(self) -> None:
        """Wait until nothing more comes."""
        self._thread.join()
        self._line.close()


def revoke_while_moving(practice: Practice, study: str) -> Revoked:
    """Grant, read, revoke in the middle; return what came of it."""
    node = practice.node
    grant, offer = node.grant(study, practice.friend.id)
    granted = practice.ask(practice.friend, proofs_of(offer))
    reader = Reader(node.url, granted.ticket, granted.manifest.stored)
    reader.moving.wait(30)
    began = time.monotonic()
    node.admin.post(f"grants/{grant}/revoke")
    before = reader.count
    while read(practice, granted.ticket, "bytes=0-9").status != 403:
        pass
    seconds = time.monotonic() - began
    reader.end()
    return Revoked(seconds, before, reader.count - before, granted.manifest.stored)


def large_study(practice: Practice) -> str:
    """Take in a study of one large object."""
    image = dicom_file(1, study="1.2.95", extra=pixels(secrets.token_bytes(OBJECT)))
    return practice.node.import_bytes(image).text("study")


def main(times: int) -> None:
    """Print the figures of some revocations."""
    with running("Practice A") as [node]:
        practice = Practice(node)
        study = large_study(practice)
        rows = [revoke_while_moving(practice, study) for _ in range(times)]
    milliseconds = sorted(1_000 * one.seconds for one in rows)
    print(
        json.dumps(
            {
                "revocations": len(rows),
                "p50_ms": round(statistics.median(milliseconds), 1),
                "p99_ms": round(milliseconds[min(len(rows) - 1, round(0.99 * len(rows)))], 1),
                "most_bytes_after": max(one.after for one in rows),
                "median_bytes_after": statistics.median(one.after for one in rows),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)

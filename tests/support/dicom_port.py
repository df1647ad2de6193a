"""A DICOM port to test against, with a store in memory."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.clock import FakeClock
from support.dicom_files import EXPLICIT, IMPLICIT, SC
from support.memory_catalog import MemoryCatalog
from support.memory_packs import MemorySpool
from support.raw_sender import RawSender
from undisc_node.dicom.part10 import split_part10
from undisc_node.dicom.port import DicomPort
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.sender_model import Sender

LOCAL = Sender("scanner", "127.0.0.1")
ECHO = (("1.2.840.10008.1.1", IMPLICIT),)
CONTEXTS = ((SC, IMPLICIT), (SC, EXPLICIT))
PATIENT = b"SECRET^PATIENT"


class Received:
    """Stores objects in memory, or refuses them."""

    def __init__(self) -> None:
        self.files: list[tuple[bytes, str]] = []
        self.refusal: Exception | None = None

    def begin(self):
        return MemorySpool()

    def store(self, source, sender, digest, _facts):
        if self.refusal is not None:
            raise self.refusal
        with source.open() as stream:
            self.files.append((stream.read(), sender))
        assert digest == source.hash

    def quarantine(self, source, caller, digest):
        self.store(source, caller.sender, digest, None)

    def data_sets(self) -> list[bytes]:
        return [data[split_part10(BytesSource(data)) :] for data, _ in self.files]


def known(*senders: Sender, **how) -> KnownSenders:
    """Senders that stand in the settings."""
    return KnownSenders(catalog=MemoryCatalog(), clock=FakeClock(), configured=senders, **how)


@contextmanager
def running(stores, *, senders=(LOCAL,), **how) -> Iterator[DicomPort]:
    if not isinstance(senders, KnownSenders):
        senders = known(*senders)
    port = DicomPort(host="127.0.0.1", port=0, senders=senders, stores=stores, **how)
    port.start()
    try:
        yield port
    finally:
        port.stop()


def is_closed(connection: socket.socket) -> bool:
    """Wait until the other side closes, and tell whether it said nothing more."""
    try:
        return not connection.recv(1_000)
    except ConnectionError:
        return True


class Calling(Received):
    """Stores by calling a function."""

    def __init__(self, act) -> None:
        super().__init__()
        self._act = act

    def store(self, source, sender, digest, _facts):
        self._act(source, sender)


def drained(connection: socket.socket) -> None:
    """Wait until the other side closes, whatever it says."""
    with suppress(ConnectionError):
        while connection.recv(1_000):
            pass


def eventually(port: DicomPort, contexts=CONTEXTS) -> RawSender:
    """Associate as soon as connections that have just ended are no longer counted."""
    for _ in range(200):
        with suppress(ConnectionError):
            return RawSender(port.address, contexts)
    raise AssertionError("the port stays closed")


def connect(port: DicomPort) -> socket.socket:
    return socket.create_connection(port.address, timeout=5)

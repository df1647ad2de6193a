"""Whoever we call may be anything: it is believed no length, and waited for no longer than said."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from io import BytesIO

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import SecondaryCaptureImageStorage

from undisc_node.dicom.calling import Called, Sent, calling, send_object
from undisc_node.dicom.scu import echo
from undisc_node.services.errors import ServiceError, Unavailable


@contextmanager
def answering(answer: bytes, *, endless: bool = False):
    """Answer the first bytes of a connection with these; then with zeros, until it ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    sent = [0]

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            try:
                connection.recv(65_536)
                connection.sendall(answer)
                while endless:
                    sent[0] += connection.send(bytes(65_536))
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], sent
    finally:
        listener.close()
        thread.join()


@pytest.mark.parametrize("kind", [2, 3, 4, 7])
def test_a_pdu_of_four_gibibytes_is_not_waited_for(kind):
    """The library would believe the length, and fill the memory with what comes."""
    begun = time.monotonic()
    head = bytes([kind, 0]) + b"\xff\xff\xff\xf0"
    with answering(head, endless=True) as (port, sent), pytest.raises(ServiceError):
        echo("127.0.0.1", port, "US", "THEM")

    assert time.monotonic() - begun < 10
    assert sent[0] < 50_000_000


def test_something_that_is_no_dicom_port_is_said():
    refused = pytest.raises(Unavailable, match="does not accept an association")
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _), refused:
        echo("127.0.0.1", port, "US", "THEM")


@pytest.fixture
def receiver():
    """A real receiver of images; its port."""
    application = AE(ae_title="THEM")
    application.add_supported_context(SecondaryCaptureImageStorage)
    server = application.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda _event: 0)]
    )
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()


def test_an_association_whose_thread_died_is_not_waited_for(receiver):
    """The library's own loop ends at an error of the system; waiting for it never ended."""
    called = Called("127.0.0.1", receiver, "US", "THEM")
    begun = time.monotonic()
    lost = pytest.raises(Unavailable, match="has ended")
    kinds = [(SecondaryCaptureImageStorage, ["1.2.840.10008.1.2"])]
    with lost, calling(called, kinds) as association:
        association._kill = True
        association.join(10)
        association._is_paused = False  # as a loop leaves it that dies on its way round
        sent = Sent(SecondaryCaptureImageStorage, "1.2.3", 1, 1)
        send_object(association, sent, BytesIO(b"\x08\x00\x18\x00\x04\x00\x00\x001.2\0"))
    assert time.monotonic() - begun < 10


def test_nor_is_it_when_the_block_ends_well(receiver):
    called = Called("127.0.0.1", receiver, "US", "THEM")
    begun = time.monotonic()
    with calling(called, [(SecondaryCaptureImageStorage, None)]) as association:
        association._kill = True
        association.join(10)
        association._is_paused = False
    assert time.monotonic() - begun < 10

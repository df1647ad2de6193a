"""What a peer brings over its own connection: taken if somebody waits for it, and not otherwise."""

from __future__ import annotations

import base64
from dataclasses import replace
from threading import Thread

import pytest

from support.clock import FakeClock, SeededEntropy
from support.practice import until
from undisc_node.peers.client import PeerClient
from undisc_node.services.errands import HELD, Errands
from undisc_protocol.errors import BadTicket, Unreachable
from unit.web import fakes

PEER = bytes([1]) * 32
PATH = "/undisc/v1/errand"


class Door:
    """A node's door for answers, and somebody behind it who waits for them."""

    def __init__(self, start):
        self.errands = Errands(clock=FakeClock(), entropy=SeededEntropy("door"))
        self.errands.come(PEER)
        self.node = start(public=replace(fakes.public_uses(), errands=self.errands))
        host, port = self.node.opened.public
        self.urls = [f"http://{host}:{port}"]
        self.client = PeerClient(private_addresses=True)
        self.came = []

    def wait_for_stream(self, size):
        """Have a stream asked for; return its errand."""

        def read():
            buffer = bytearray(size)
            try:
                with self.errands.stream(PEER, bytes(32), 0, size) as read_into:
                    read_into(memoryview(buffer))
            except (Unreachable, BadTicket) as problem:
                self.came.append(problem)
            else:
                self.came.append(bytes(buffer))

        Thread(target=read, daemon=True).start()
        return self._told()

    def wait_for_answer(self):
        """Have a request asked; return its errand."""

        def ask():
            self.came.append(self.errands.ask(PEER, "/undisc/v1/notice", b"told", limit=100))

        Thread(target=ask, daemon=True).start()
        return self._told()

    def _told(self):
        found = []
        until(lambda: found.extend(self.errands.take(PEER)[0]) or found)
        return found[0]


@pytest.fixture
def door(start):
    return Door(start)


def authorization(handle):
    text = base64.urlsafe_b64encode(handle).rstrip(b"=").decode()
    return {"Authorization": f"Undisc {text}", "Undisc-Status": "200"}


def test_a_stream_many_times_larger_than_what_is_held_arrives_whole(door):
    """The line waits for whoever reads; nothing is lost and nothing is reordered."""
    content = bytes(range(251)) * (10 * HELD // 251)
    errand = door.wait_for_stream(len(content))
    pieces = (content[at : at + 1_000_003] for at in range(0, len(content), 1_000_003))
    door.client.bring(door.urls, errand.id, 206, pieces, length=len(content))
    until(lambda: door.came)
    assert door.came == [content]


def test_an_answer_arrives_with_its_status_and_once(door):
    errand = door.wait_for_answer()
    door.client.bring(door.urls, errand.id, 403, [b"signed refusal"], length=14)
    until(lambda: door.came)
    assert (door.came[0].status, door.came[0].body) == (403, b"signed refusal")
    with pytest.raises(BadTicket):
        door.client.bring(door.urls, errand.id, 200, [b"again"], length=5)


def test_what_nobody_waits_for_is_not_read(door):
    answer = door.node.call("public", "POST", PATH, b"x", authorization(bytes(32)))
    assert (answer.status, answer.error) == (403, "bad_ticket")


@pytest.mark.parametrize("status", ["", "99", "2000", "ok", "\u0662\u0660\u0660"])
def test_an_answer_without_a_status_is_none(door, status):
    errand = door.wait_for_answer()
    headers = authorization(errand.id) | {"Undisc-Status": status.encode()}
    answer = door.node.call("public", "POST", PATH, b"x", headers)
    assert (answer.status, answer.error) == (403, "bad_ticket")
    door.client.bring(door.urls, errand.id, 200, [], length=0)


def test_more_bytes_than_were_asked_for_are_refused_by_their_head(door):
    errand = door.wait_for_answer()
    answer = door.node.call("public", "POST", PATH, bytes(101), authorization(errand.id))
    assert (answer.status, answer.error) == (403, "bad_ticket")
    door.client.bring(door.urls, errand.id, 200, [], length=0)


def test_a_push_that_is_cut_off_is_a_break_for_who_reads(door):
    """A revocation in the middle: the pusher stops, and nobody takes the half for the whole."""

    def pieces():
        yield bytes(500_000)
        raise BadTicket("revoked meanwhile")

    errand = door.wait_for_stream(1_000_000)
    with pytest.raises(BadTicket):
        door.client.bring(door.urls, errand.id, 206, pieces(), length=1_000_000)
    until(lambda: door.came)
    assert isinstance(door.came[0], Unreachable)

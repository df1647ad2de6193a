"""The direct way out: every byte in order, and no thread is held by a slow receiver."""

import os
import socket
from types import SimpleNamespace

import pytest

from undisc_node.web import outlet as module
from undisc_node.web.outlet import Cut, Outlet

SIZE = 8 * 2**20  # more than the system takes for a receiver that does not read


@pytest.fixture
def file(tmp_path):
    with (tmp_path / "pack").open("w+b") as made:
        made.write(os.urandom(SIZE))
        made.flush()
        yield made


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield ours, theirs


def piece(file, offset, length):
    return SimpleNamespace(file=file, offset=offset, length=length)


def content(file, offset, length):
    return os.pread(file.fileno(), length, offset)


def received(theirs, count):
    parts = b""
    while len(parts) < count:
        parts += theirs.recv(count - len(parts))
    return parts


@pytest.mark.parametrize("sendfile", [True, False])
def test_ranges_leave_in_order(file, ends, monkeypatch, sendfile):
    """Also where the file system does not know sendfile."""

    def refuse(*_):
        raise OSError(22, "Invalid argument")

    if not sendfile:
        monkeypatch.setattr(module.os, "sendfile", refuse)
    ours, theirs = ends
    outlet = Outlet(ours.fileno())
    outlet.put([piece(file, 100, 5), piece(file, 0, 3), piece(file, 7_000, 20_000)])
    assert outlet.push()
    outlet.close()
    expected = content(file, 100, 5) + content(file, 0, 3) + content(file, 7_000, 20_000)
    assert received(theirs, len(expected)) == expected


def test_a_slow_receiver_gets_the_thread_back_and_then_the_rest(file, ends):
    ours, theirs = ends
    outlet = Outlet(ours.fileno())
    outlet.put([piece(file, 0, SIZE)])
    got = b""
    turns = 0
    while not outlet.push():
        turns += 1
        got += theirs.recv(SIZE)
    outlet.close()
    assert turns > 1
    assert got + received(theirs, SIZE - len(got)) == content(file, 0, SIZE)


def test_a_file_that_ends_early_is_noticed(file, ends):
    outlet = Outlet(ends[0].fileno())
    outlet.put([piece(file, SIZE - 10, 11)])
    with pytest.raises(Cut):
        outlet.push()
    outlet.close()


def test_a_receiver_that_hung_up_is_a_broken_connection(file, ends):
    ours, theirs = ends
    outlet = Outlet(ours.fileno())
    theirs.close()
    outlet.put([piece(file, 0, 10)])
    with pytest.raises(ConnectionError):
        outlet.push()
    outlet.close()


def test_nothing_is_sent_after_closing_and_closing_twice_is_fine(file, ends):
    """Attack by chance: the number of a closed socket soon belongs to another connection."""
    ours, theirs = ends
    outlet = Outlet(ours.fileno())
    outlet.put([piece(file, 0, 10)])
    outlet.close()
    outlet.close()
    outlet.push()
    theirs.settimeout(0)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)

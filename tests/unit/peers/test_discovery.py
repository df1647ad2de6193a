"""Nodes on the local network are heard, and nothing that is heard is believed."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest
from zeroconf import IPVersion, ServiceInfo, Zeroconf

from support.clock import FakeClock
from support.memory_network import MemoryNetwork
from support.practice import Practice, befriend
from undisc_node.peers.discovery import SERVICE, LocalNetwork, multicast_problem
from undisc_node.services.discovering import Discovering
from undisc_node.services.errors import Unavailable

LOOPBACK = ("127.0.0.1",)
LOCAL = LocalNetwork(LOOPBACK)
ID = bytes(range(32))


@contextmanager
def announcing(label, properties):
    """Somebody who announces whatever he likes."""
    zeroconf = Zeroconf(interfaces=list(LOOPBACK), ip_version=IPVersion.V4Only)
    info = ServiceInfo(
        SERVICE,
        f"{label}.{SERVICE}",
        port=1,
        properties=properties,
        server=f"{label}.local.",
        addresses=[socket.inet_aton("127.0.0.1")],
    )
    zeroconf.register_service(info)
    try:
        yield
    finally:
        zeroconf.close()


def seen_with(prefix, seconds=1.5):
    return [one for one in LOCAL.look(seconds) if one.prefix == prefix]


def test_a_node_that_says_it_is_there_is_seen_until_it_ends():
    with LOCAL.announced(
        name="Lakeside Imaging", node_id=ID, urls=["https://lakeside.example"], port=8480
    ):
        (one,) = seen_with(ID.hex()[:16])
        assert (one.name, one.url) == ("Lakeside Imaging", "https://lakeside.example")
        assert one.addresses == LOOPBACK
    assert seen_with(ID.hex()[:16]) == []


def test_what_is_said_is_cleaned_and_bounded():
    """Attack: names that steer a terminal, addresses that are none, noise in the place of text."""
    name = b"Lakeside\x1b[2J\xe2\x80\xae\n" + b"x" * 200
    bad = {"id": b"ab" * 8, "name": name, "url": b"javascript:alert(1)", "more": b"\xff" * 200}
    with announcing("bad", bad), announcing("none", {"id": b"not an id", "name": b"No Id"}):
        (one,) = seen_with("ab" * 8)
        assert one.name.startswith("Lakeside [2J")
        assert len(one.name) <= 64
        assert one.name.isprintable()
        assert one.url == ""
        assert "No Id" not in [other.name for other in LOCAL.look(0.5)]


def test_a_forged_announcement_changes_nothing_about_a_peer():
    """Attack: a laptop in the practice announces a trusted peer's id under its own address."""
    clock, network = FakeClock(), MemoryNetwork()
    here, friend = Practice("here", network, clock), Practice("friend", network, clock)
    befriend(here, friend)
    before = here.peer(friend)
    prefix = friend.own.id.hex()[:16]
    forged = {"id": prefix.encode(), "name": b"Practice friend", "url": b"https://evil.example"}
    with announcing("forged", forged):
        looking = Discovering(catalog=here.catalog, neighbours=LOCAL, own=here.own.id)
        (one,) = [each for each in looking.look(1.5) if each.seen.prefix == prefix]
    assert (one.claims.name, one.own) == ("Practice friend", False)
    assert one.seen.url == "https://evil.example"
    assert here.peer(friend) == before
    assert "https://evil.example" not in before.urls
    for practice in (here, friend):
        practice.fetching.stop()


@pytest.fixture
def machine(tmp_path):
    """A machine whose interfaces a test makes up."""

    def has(**flags):
        for name, value in flags.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "flags").write_text(f"{value:#x}\n")
        return tmp_path

    return has


UP, BROADCAST, LOOP, MULTICAST = 0x1, 0x2, 0x8, 0x1000


def test_a_machine_without_a_multicast_interface_says_so(machine):
    listed = machine(lo=UP | LOOP | MULTICAST, wg0=UP, eth0=BROADCAST | MULTICAST)
    assert "can multicast" in multicast_problem((), listed=listed, container=())


def test_a_container_with_its_own_network_says_so(machine, tmp_path):
    listed = machine(lo=UP | LOOP, eth0=UP | MULTICAST)
    mark = tmp_path / "in-a-container"
    assert multicast_problem((), listed=listed, container=(mark,)) == ""
    mark.touch()
    assert "container" in multicast_problem((), listed=listed, container=(mark,))
    assert multicast_problem(LOOPBACK, listed=listed, container=(mark,)) == ""


def test_a_network_that_does_not_let_us_is_told_with_what_to_do_instead():
    """192.0.2.1 is no address of this machine (RFC 5737)."""
    with pytest.raises(Unavailable) as refused:
        LocalNetwork(("192.0.2.1",)).look(0.1)
    assert refused.value.reason == "no_multicast"
    assert "undisc peers invite" in refused.value.hint

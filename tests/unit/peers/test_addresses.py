"""Forty spellings with which a peer's address could lead into the node's own network."""

from __future__ import annotations

import socket

import pytest

from support.inward import EXOTIC, LOOPBACK, NEVER, PRIVATE
from undisc_node.peers.addresses import ForbiddenAddress, check_address
from undisc_node.peers.connector import resolve_host
from undisc_node.peers.locations import read_location
from undisc_protocol.errors import Unreachable

PUBLIC = ["8.8.8.8", "172.32.0.1", "193.0.6.139", "2a00:1450:4001::1", "2606:4700::1111"]


def addresses(url: str) -> list[str]:
    """Resolve as the connector does; numeric spellings need no name server."""
    location = read_location(url)
    return [str(address[0]) for _, address in resolve_host(location.host, location.port)]


@pytest.mark.parametrize("url", NEVER, ids=NEVER.values())
@pytest.mark.parametrize("private", [True, False])
def test_an_address_that_no_peer_has_is_never_connected(url, private):
    found = addresses(url)
    assert found
    for address in found:
        with pytest.raises(ForbiddenAddress):
            check_address(address, private_addresses=private)


@pytest.mark.parametrize("url", PRIVATE | LOOPBACK, ids=(PRIVATE | LOOPBACK).values())
def test_a_private_address_needs_the_administrators_permission(url):
    found = addresses(url)
    assert found
    for address in found:
        check_address(address, private_addresses=True)
        with pytest.raises(ForbiddenAddress):
            check_address(address, private_addresses=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address):
    check_address(address, private_addresses=False)


def test_a_scope_does_not_hide_a_link_local_address():
    with pytest.raises(ForbiddenAddress):
        check_address("fe80::1%lo", private_addresses=True)


def test_a_name_is_not_an_address():
    with pytest.raises(ForbiddenAddress):
        check_address("localhost", private_addresses=True)


@pytest.mark.parametrize("url", EXOTIC)
def test_an_exotic_url_is_refused_before_any_name_is_resolved(url):
    with pytest.raises(Unreachable):
        read_location(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://peer.example", (True, "peer.example", 443, "")),
        ("http://peer.example/", (False, "peer.example", 80, "")),
        ("https://peer.example:8443/undisc-node/", (True, "peer.example", 8443, "/undisc-node")),
        ("http://[2001:db8::7]:8080", (False, "2001:db8::7", 8080, "")),
        ("https://xn--rztin-gra.example", (True, "xn--rztin-gra.example", 443, "")),
    ],
)
def test_a_plain_url_is_read(url, expected):
    location = read_location(url)
    assert (location.secure, location.host, location.port, location.prefix) == expected


def test_an_unknown_name_is_one_clear_sentence(monkeypatch):
    def fail(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unreachable, match=r"the name nowhere\.example cannot be resolved"):
        resolve_host("nowhere.example", 443)

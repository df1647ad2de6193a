"""Forty spellings with which a peer's address could lead into the node's own network."""

from __future__ import annotations

import socket

import pytest

from undisc_node.peers.addresses import ForbiddenAddress, check_address
from undisc_node.peers.connector import resolve_host
from undisc_node.peers.locations import read_location
from undisc_protocol.errors import Unreachable

NEVER = {
    "http://0/": "this host, as a number",
    "http://0.0.0.0/": "unspecified",
    "http://0.1.2.3/": "this network",
    "http://169.254.169.254/": "instance metadata",
    "http://2852039166/": "instance metadata as one number",
    "http://0xa9fea9fe/": "instance metadata as one hexadecimal number",
    "http://0xa9.0xfe.0xa9.0xfe/": "instance metadata in hexadecimal",
    "http://0251.0376.0251.0376/": "instance metadata in octal",
    "http://169.254.43518/": "instance metadata in three parts",
    "http://[::ffff:169.254.169.254]/": "instance metadata, IPv4-mapped",
    "http://[::ffff:a9fe:a9fe]/": "instance metadata, IPv4-mapped in hexadecimal",
    "http://[64:ff9b::a9fe:a9fe]/": "instance metadata behind NAT64",
    "http://[64:ff9b:1::a9fe:a9fe]/": "local NAT64",
    "http://[2002:a9fe:a9fe::1]/": "instance metadata behind 6to4",
    "http://[2001:0:a9fe:a9fe::1]/": "Teredo",
    "http://[::169.254.169.254]/": "IPv4-compatible",
    "http://[fd00:ec2::254]/": "instance metadata, unique local",
    "http://100.100.100.200/": "instance metadata, shared address space",
    "http://168.63.129.16/": "cloud platform service",
    "http://192.0.0.8/": "protocol assignment",
    "http://192.0.2.1/": "documentation",
    "http://192.88.99.1/": "6to4 relay",
    "http://198.18.0.1/": "benchmark",
    "http://198.51.100.7/": "documentation",
    "http://203.0.113.7/": "documentation",
    "http://224.0.0.1/": "multicast",
    "http://239.255.255.250/": "multicast, service discovery",
    "http://255.255.255.255/": "broadcast",
    "http://240.0.0.1/": "reserved",
    "http://[::]/": "unspecified",
    "http://[fe80::1]/": "link-local",
    "http://[fec0::1]/": "site-local",
    "http://[ff02::fb]/": "multicast",
    "http://[2001:db8::1]/": "documentation",
    "http://[3fff::1]/": "documentation",
    "http://[5f00::1]/": "segment routing",
    "http://[100::1]/": "discard",
}
PRIVATE = {
    "http://127.0.0.1/": "loopback",
    "http://127.1/": "loopback in two parts",
    "http://2130706433/": "loopback as one number",
    "http://0x7f.1/": "loopback in hexadecimal",
    "http://0177.0.0.1/": "loopback in octal",
    "http://localhost/": "loopback by name",
    "http://[::1]/": "loopback",
    "http://[0:0:0:0:0:0:0:1]/": "loopback in full",
    "http://[::ffff:127.0.0.1]/": "loopback, IPv4-mapped",
    "http://10.0.0.5/": "private",
    "http://172.16.0.1/": "private",
    "http://172.31.255.254/": "private",
    "http://192.168.1.1/": "private",
    "http://100.64.0.1/": "shared address space",
    "http://[fd12:3456::1]/": "unique local",
}
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


@pytest.mark.parametrize("url", PRIVATE, ids=PRIVATE.values())
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


@pytest.mark.parametrize(
    "url",
    [
        "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",  # full-width digits
        "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",  # circled digits
        "http://peer.example@127.0.0.1/",
        "http://user:word@peer.example/",
        "http://peer.example\\@127.0.0.1/",
        "http://127.0.0.1#@peer.example/",
        "http://peer.example/?url=http://127.0.0.1/",
        "http://peer.example/../admin",
        "http://peer.example/%2e%2e/admin",
        "http://peer.example:99999/",
        "http://peer.example:port/",
        "http://peer.example/\r\nHost: other",
        "http:///undisc",
        "ftp://peer.example/",
        "file:///etc/passwd",
        "gopher://peer.example/",
        "//peer.example/",
        "peer.example",
        "http://[fe80::1%25lo]/",
        "http://[v1.x]/",
        "https://" + "a" * 300 + ".example/",
        "",
    ],
)
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

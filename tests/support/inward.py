"""Addresses with which a stranger could lead a node into its own network, spelt in every way.

What a card, an offer or a name server says is a stranger's choice. The tables say what each
spelling is; tests show that none of them is ever connected.
"""

from __future__ import annotations

from typing import Final

NEVER: Final = {
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
"""Never connected, whatever is allowed."""

LOOPBACK: Final = {
    "http://127.0.0.1/": "loopback",
    "http://127.1/": "loopback in two parts",
    "http://2130706433/": "loopback as one number",
    "http://0x7f.1/": "loopback in hexadecimal",
    "http://0177.0.0.1/": "loopback in octal",
    "http://localhost/": "loopback by name",
    "http://[::1]/": "loopback",
    "http://[0:0:0:0:0:0:0:1]/": "loopback in full",
    "http://[::ffff:127.0.0.1]/": "loopback, IPv4-mapped",
    "http://127.255.255.254/": "loopback, its other end",
    "http://017700000001/": "loopback as one octal number",
    "http://0x7f000001/": "loopback as one hexadecimal number",
    "http://[::ffff:7f00:1]/": "loopback, IPv4-mapped in hexadecimal",
}
"""This very machine: connected only where somebody allowed it by name."""

PRIVATE: Final = {
    "http://10.0.0.5/": "private",
    "http://172.16.0.1/": "private",
    "http://172.31.255.254/": "private",
    "http://192.168.1.1/": "private",
    "http://100.64.0.1/": "shared address space",
    "http://[fd12:3456::1]/": "unique local",
    "http://0xa000005/": "private as one hexadecimal number",
    "http://3232235777/": "private as one number",
    "http://[::ffff:10.0.0.5]/": "private, IPv4-mapped",
}
"""Networks of practices: connected only where they are allowed."""

NAMES: Final = {
    "http://localhost./": ["127.0.0.1", "::1"],
    "http://127.0.0.1.nip.io/": ["127.0.0.1"],
    "http://7f000001.nip.io/": ["127.0.0.1"],
    "http://a9fea9fe.nip.io/": ["169.254.169.254"],
    "http://metadata.internal/": ["169.254.169.254", "fd00:ec2::254"],
    "http://xn--lcalhost-n4a.example/": ["127.0.0.1"],
    "http://LOCALHOST.LOCALDOMAIN/": ["127.0.0.1"],
    "http://ip6-localhost/": ["::1"],
    "http://link-local.example/": ["fe80::1%lo"],
    "http://every.example/": ["0.0.0.0", "::"],
    "http://mapped.example/": ["::ffff:127.0.0.1"],
    "http://nat64.example/": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"],
    "http://sixtofour.example/": ["2002:7f00:1::", "2002:a9fe:a9fe::"],
    "http://multicast.example/": ["224.0.0.251", "ff02::fb"],
    "http://many.example/": ["169.254.169.254"] * 2_000,
    "http://nothing.example/": [],
    "http://words.example/": ["localhost"],
}
"""What a hostile or poisoned name server answers to a harmless name."""

EXOTIC: Final = (
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
    "http://127.0.0.1%2f@peer.example/",
    "http://127.0.0.1:80:80/",
    "http://[::1%25lo]/",
    "http://[::1/",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
    "http://127\u30020\u30020\u30021/",
    "http://peer.example:80@169.254.169.254/",
    "http://peer.example\t.internal/",
    "http:127.0.0.1/",
    "https:///127.0.0.1/",
)
"""Spellings that no node's address has: refused before a name is resolved."""

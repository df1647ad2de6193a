"""What a setting's value may be: each kind reads a value and says what it must be.

A value comes from TOML with its type, or from the environment or the command line as text; both are
read alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from undisc_node.dicom.watch_folder import Watched
from undisc_node.peers.addresses import check_allowed
from undisc_node.services import reachable
from undisc_node.services.errors import Invalid
from undisc_node.services.sender_model import Sender
from undisc_protocol import limits

_HIGHEST_PORT: Final = 65_535  # TCP's own bound
_LONGEST_SECONDS: Final = 86_400  # a day is long enough for any scanner
_MOST_NAMES: Final = 16  # of one listener; a machine has one or two
_MOST_NETWORKS: Final = 64  # a hospital has a few interface engines
_MOST_DAYS: Final = 31  # of a worklist; a department plans weeks ahead, its modalities days
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")  # RFC 1123 §2.1, and _
_LONGEST_AE_TITLE: Final = 16  # characters; PS3.5 §6.2, AE


@dataclass(frozen=True, slots=True)
class ListedSender:
    """Somebody who may send, as listed in the file; see `sender_model.Sender`."""

    name: str
    address: str
    ae_title: str = ""
    may_query: bool = False

    @property
    def sender(self) -> Sender:
        """The same, as those in the catalog are."""
        return Sender(
            self.name, self.address, self.ae_title, may_query=self.may_query, from_settings=True
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        form: What a value may be, for the reference.
        read: Returns the value as the node uses it, or raises `Invalid` with what it must be; the
            sentence goes on after the setting's name.
    """

    form: str
    read: Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("must be text")
    return value


def _number(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Invalid("must be a whole number, not negative")
    return value


def _count(value: Any) -> int:
    number = _number(value)
    if number < 1:
        raise Invalid("must be a whole number, at least 1")
    return number


def _days(value: Any) -> int:
    number = _number(value)
    if not 1 <= number <= _MOST_DAYS:
        raise Invalid(f"must be a number of days, 1 to {_MOST_DAYS}")
    return number


def _port(value: Any) -> int:
    number = _number(value)
    if not 0 <= number <= _HIGHEST_PORT:
        raise Invalid("must be a port between 0 and 65535")
    return number


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise Invalid("must be a number of seconds") from None
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise Invalid("must be between 0 and 86400 seconds")
    return seconds


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise Invalid("must be true or false")


def _urls(value: Any) -> tuple[str, ...]:
    urls = value.split() if isinstance(value, str) else value
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise Invalid("must be a list of addresses")
    if len(urls) > limits.MAX_URLS or any(
        len(url) > limits.MAX_URL or not url.startswith(("https://", "http://")) for url in urls
    ):
        raise Invalid("must be up to 8 addresses that begin with https:// or http://")
    return tuple(url.rstrip("/") for url in urls)


def _host_names(value: Any) -> tuple[str, ...]:
    names = value.split() if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Invalid("must be a list of host names")
    if len(names) > _MOST_NAMES or not all(_HOST_NAME.fullmatch(name) for name in names):
        raise Invalid(f"must be up to {_MOST_NAMES} host names, without port: node.practice.lan")
    return tuple(names)


def _ae_title(value: Any) -> str:
    title = _text(value)
    if not 1 <= len(title.strip()) <= _LONGEST_AE_TITLE or not title.isascii() or "\\" in title:
        raise Invalid("must be an AE title of 1 to 16 ASCII characters")
    return title


def _name(value: Any) -> str:
    name = _text(value).strip()
    if not 1 <= len(name) <= limits.MAX_NODE_NAME or not name.isprintable():
        raise Invalid(f"must be 1 to {limits.MAX_NODE_NAME} printable characters")
    return name


def _senders(value: Any) -> tuple[ListedSender, ...]:
    if isinstance(value, str):
        raise Invalid("can only be set in the file, as tables: [[dicom.senders]]")
    if not isinstance(value, list):
        raise Invalid("must be a list of tables: [[dicom.senders]]")
    return tuple(_sender(entry) for entry in value)


def _sender(entry: Any) -> ListedSender:
    if not isinstance(entry, dict) or not {"name", "address"} <= entry.keys():
        raise Invalid("every sender needs name and address")
    unknown = entry.keys() - {"name", "address", "ae_title", "may_query"}
    if unknown:
        raise Invalid(f"a sender has no key '{min(unknown)}'")
    try:
        ip_network(entry["address"])
    except ValueError:
        raise Invalid(
            "a sender's address must be an IP address or a network: 10.1.2.0/24"
        ) from None
    title = entry.get("ae_title", "")
    return ListedSender(
        _name(entry["name"]),
        entry["address"],
        _ae_title(title) if title else "",
        _flag(entry.get("may_query", False)),
    )


def _networks(value: Any) -> tuple[IPv4Network | IPv6Network, ...]:
    texts = value.split() if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Invalid("must be a list of addresses")
    if len(texts) > _MOST_NETWORKS:
        raise Invalid(f"must be up to {_MOST_NETWORKS} addresses or networks")
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError:
        raise Invalid("must be IP addresses or networks: 10.1.2.3 or 10.1.2.0/24") from None


def _peer_networks(value: Any) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = _networks(value)
    for network in networks:
        check_allowed(network)
    return networks


def _addresses(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise Invalid(f"must be a list of up to {_MOST_NAMES} IPv4 addresses")
    try:
        return tuple(str(IPv4Address(one)) for one in value)
    except ValueError as problem:
        raise Invalid(f"must be a list of IPv4 addresses: {problem}") from problem


def _watched(value: Any) -> tuple[Watched, ...]:
    if isinstance(value, str):
        raise Invalid("can only be set in the file, as tables: [[watch.folders]]")
    if not isinstance(value, list):
        raise Invalid("must be a list of tables: [[watch.folders]]")
    folders = tuple(_watched_folder(entry) for entry in value)
    if len({one.path for one in folders}) < len(folders):
        raise Invalid("names one folder twice")
    return folders


def _watched_folder(entry: Any) -> Watched:
    if not isinstance(entry, dict) or not {"name", "path"} <= entry.keys():
        raise Invalid("every watch folder needs name and path")
    if unknown := entry.keys() - {"name", "path", "delete"}:
        raise Invalid(f"a watch folder has no key '{min(unknown)}'")
    path = _text(entry["path"])
    if not path.startswith("/") or "\0" in path:
        raise Invalid("a watch folder's path must begin with /")
    return Watched(_name(entry["name"]), path.rstrip("/") or "/", _flag(entry.get("delete", False)))


def _email(value: Any) -> str:
    text = _text(value)
    try:
        return reachable.email(text) if text else ""
    except Invalid:
        raise Invalid("must be an e-mail address: images@practice.example") from None


def _emails(value: Any) -> tuple[str, ...]:
    texts = value.split() if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) > _MOST_NAMES:
        raise Invalid(f"must be a list of up to {_MOST_NAMES} e-mail addresses")
    return tuple(_email(one) for one in texts if one)


def _template(value: Any) -> Mapping[str, Any]:
    """Read the fields of a text message, as JSON or as a table of the file."""
    if not value:
        return {}
    try:
        fields = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise Invalid("must be a JSON object")
    written = json.dumps(fields)
    if "{to}" not in written or "{text}" not in written:
        raise Invalid("must have {to} and {text} in it")
    return fields


def one_of(*words: str) -> Kind:
    """Return the kind of a value that is one of a few words."""

    def read(value: Any) -> str:
        if value not in words:
            raise Invalid(f"must be one of: {', '.join(words)}")
        return str(value)

    return Kind(", ".join(f"`{word}`" for word in words), read)


TEXT: Final = Kind("text", _text)
EMAIL: Final = Kind("e-mail address", _email)
EMAILS: Final = Kind("list of e-mail addresses", _emails)
TEMPLATE: Final = Kind("JSON object", _template)
NUMBER: Final = Kind("whole number", _number)
COUNT: Final = Kind("whole number, at least 1", _count)
DAYS: Final = Kind("days, 1 to 31", _days)
PORT: Final = Kind("port, 0 to 65535; 0 takes a free one", _port)
SECONDS: Final = Kind("seconds, 0 to 86400", _seconds)
FLAG: Final = Kind("`true` or `false`", _flag)
NAME: Final = Kind("text, 1 to 64 characters", _name)
AE_TITLE: Final = Kind("AE title, 1 to 16 ASCII characters", _ae_title)
URLS: Final = Kind("list of up to 8 addresses, each beginning with `https://` or `http://`", _urls)
HOST_NAMES: Final = Kind("list of up to 16 host names, without port", _host_names)
NETWORKS: Final = Kind("list of up to 64 IP addresses or networks", _networks)
PEER_NETWORKS: Final = Kind("list of up to 64 private IP addresses or networks", _peer_networks)
ADDRESSES: Final = Kind("list of up to 16 IPv4 addresses", _addresses)
WATCHED: Final = Kind("list of tables, see below; only in the file", _watched)
SENDERS: Final = Kind("list of tables, see below; only in the file", _senders)

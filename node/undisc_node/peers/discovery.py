"""Nodes on the local network, by multicast DNS (RFC 6762, RFC 6763): the home of zeroconf.

    undisc-<16 hex digits of the node id>._undisc._tcp.local    TXT  v=1  id=…  name=…  url=…

An announcement is a shout in a room: everybody hears it, and anybody can imitate it. So a node
announces itself only when it is told to (`discovery.announce`), and what is heard is bounded,
cleaned, shown to a person as a suggestion, and forgotten.

Multicast does not leave the network of a container, nor pass routers. `multicast_problem` says when
it cannot work here.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Final

from undisc_node.services.errors import Unavailable
from undisc_node.services.ports import Neighbour
from undisc_protocol import limits
from undisc_protocol.errors import BadFields
from undisc_protocol.fields import UNSHOWABLE
from undisc_protocol.identity import check_url

if TYPE_CHECKING:  # most nodes never use it, so it is loaded when it is
    from zeroconf import ServiceStateChange, Zeroconf

SERVICE: Final = "_undisc._tcp.local."
MOST: Final = 64  # neighbours that are looked at; a street of practices has fewer
_PREFIX: Final = 16  # hex digits of a node id: 64 bits, enough to be told apart
_ID: Final = re.compile(r"[0-9a-f]{16}")
_TEXT: Final = 200  # bytes of one TXT string; DNS allows 255 with the key (RFC 6763 §6.1)
_ADDRESSES: Final = 4  # of one neighbour
_ANSWER_MS: Final = 300  # for what a neighbour left out of its first answer
_INTERFACES: Final = Path("/sys/class/net")
_CONTAINER: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))
_UP, _LOOPBACK, _MULTICAST = 0x1, 0x8, 0x1000  # interface flags (netdevice(7))


def multicast_problem(
    interfaces: Sequence[str],
    *,
    listed: Path = _INTERFACES,
    container: Sequence[Path] = _CONTAINER,
) -> str:
    """Say why nobody can be heard from here; nothing if it may work.

    Args:
        interfaces: Addresses of the interfaces to use; empty for all.
        listed: Where Linux lists interfaces.
        container: Files that tell that this is a container.
    """
    if interfaces or not listed.is_dir():
        return ""
    able = []
    for one in listed.iterdir():
        with suppress(OSError, ValueError):
            flags = int((one / "flags").read_text("ascii"), 16)
            if flags & _UP and flags & _MULTICAST and not flags & _LOOPBACK:
                able.append(one.name)
    if not able:
        return "no network interface of this machine can multicast"
    if any(one.exists() for one in container) and able == ["eth0"]:
        return "this is a container with a network of its own, which multicast does not leave"
    return ""


class LocalNetwork:
    """The local network; implements `ports.Neighbours`.

    Args:
        interfaces: Addresses of the interfaces to use; empty for all.
    """

    def __init__(self, interfaces: Sequence[str]) -> None:
        self._interfaces = tuple(interfaces)

    def look(self, seconds: float) -> Sequence[Neighbour]:
        """Ask who is there; see `ports.Neighbours.look`."""
        from zeroconf import ServiceBrowser  # noqa: PLC0415 - see above
        from zeroconf import ServiceStateChange as Change  # noqa: PLC0415 - see above

        names: list[str] = []
        lock = Lock()

        def heard(
            zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
        ) -> None:
            del zeroconf, service_type
            with lock:
                if state_change is Change.Added and len(names) < MOST:
                    names.append(name)

        with self._open() as zeroconf:
            browser = ServiceBrowser(zeroconf, SERVICE, handlers=[heard])
            Event().wait(seconds)
            browser.cancel()
            with lock:
                found = [_read(zeroconf, name) for name in dict.fromkeys(names)]
        return [one for one in found if one is not None]

    @contextmanager
    def announced(
        self, *, name: str, node_id: bytes, urls: Sequence[str], port: int
    ) -> Iterator[None]:
        """Say that this node is here, until the block ends.

        Args:
            name: The practice's name.
            node_id: The node id.
            urls: Its addresses; the first one is told.
            port: TCP port of the public listener.

        Raises:
            Unavailable: Nothing can be announced from this machine.
        """
        from zeroconf import Error, ServiceInfo  # noqa: PLC0415 - see above

        prefix = node_id.hex()[:_PREFIX]
        url = next((one for one in urls if len(one) <= _TEXT), "")
        with self._open() as zeroconf:
            info = ServiceInfo(
                SERVICE,
                f"undisc-{prefix}.{SERVICE}",
                port=port,
                properties={"v": "1", "id": prefix, "name": name, "url": url},
                server=f"undisc-{prefix}.local.",
                parsed_addresses=list(self._own_addresses()),
            )
            try:
                zeroconf.register_service(info, allow_name_change=True)
            except (Error, OSError) as problem:
                raise _no_multicast() from problem
            yield

    def _own_addresses(self) -> Iterator[str]:
        if self._interfaces:
            yield from self._interfaces
            return
        import ifaddr  # noqa: PLC0415 - zeroconf's own, and only asked when announcing

        for adapter in ifaddr.get_adapters():
            for one in adapter.ips:
                if isinstance(one.ip, str) and not ip_address(one.ip).is_loopback:
                    yield one.ip

    @contextmanager
    def _open(self) -> Iterator[Zeroconf]:
        if reason := multicast_problem(self._interfaces):
            raise _no_multicast(reason)
        _check_own(self._interfaces)
        from zeroconf import Error, InterfaceChoice, IPVersion  # noqa: PLC0415 - see above
        from zeroconf import Zeroconf as Library  # noqa: PLC0415 - see above

        try:
            zeroconf = Library(
                interfaces=list(self._interfaces) or InterfaceChoice.All,
                ip_version=IPVersion.V4Only,
            )
        except (Error, OSError) as problem:
            raise _no_multicast() from problem
        try:
            yield zeroconf
        finally:
            zeroconf.close()


def _check_own(interfaces: Sequence[str]) -> None:
    """Check that addresses are this machine's: zeroconf leaves sockets open where they are not."""
    for one in interfaces:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((one, 0))
        except OSError as problem:
            raise _no_multicast() from problem


def _no_multicast(problem: str = "") -> Unavailable:
    return Unavailable(
        problem or "multicast does not work on this machine's network",
        code="no_multicast",
        hint="the other practice's address and `undisc peers invite` do without; a container can "
        "use the network of its host",
    )


def _read(zeroconf: Zeroconf, name: str) -> Neighbour | None:
    """Read what somebody says of himself; None for what says nothing usable."""
    from zeroconf import ServiceInfo  # noqa: PLC0415 - see above

    info = ServiceInfo(SERVICE, name)
    if not info.load_from_cache(zeroconf) and not info.request(zeroconf, _ANSWER_MS):
        return None
    told = {
        key.decode("utf-8", "replace"): (value or b"").decode("utf-8", "replace")
        for key, value in info.properties.items()
    }
    prefix = told.get("id", "")
    if not _ID.fullmatch(prefix):
        return None
    try:
        url = check_url(told.get("url", ""))
    except BadFields:
        url = ""
    shown = UNSHOWABLE.sub(" ", told.get("name", "")).strip()[: limits.MAX_NODE_NAME].strip()
    return Neighbour(shown, prefix, url, tuple(info.parsed_addresses()[:_ADDRESSES]))

"""Checks of the doors: are they free, do they answer, is it this node that answers."""

from __future__ import annotations

import http.client
import socket
import ssl
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from undisc_node.checks.finding import Finding, fail, ok, skip, warn
from undisc_node.checks.scene import Scene
from undisc_node.checks.senders import known
from undisc_node.dicom.scu import echo
from undisc_node.peers.client import PeerClient
from undisc_node.peers.connector import Patience
from undisc_node.services.callers import Callers
from undisc_node.services.errors import ServiceError
from undisc_protocol.errors import ProtocolError, Unreachable
from undisc_protocol.identity import read_node_document

PATIENCE: Final = Patience(connect=1.5, read=1.5, total=3.0)  # within the deadline of a check
_SECONDS: Final = 2.0
_SOON_DAYS: Final = 14  # renewal by ACME comes 30 days before the end
_DAY: Final = 86_400
_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


def running(scene: Scene) -> Finding:
    """Look whether the node runs."""
    return ok("the node is running" if scene.running else "the node is not running")


def public_port(scene: Scene) -> Finding:
    """Look whether the public listener answers, or its port is free."""
    return _port(scene, *_door(scene, "public"))


def internal_port(scene: Scene) -> Finding:
    """Ask the internal listener whether the node is ready, or see that its port is free."""
    host, port = _door(scene, "internal")
    if not scene.running or port == 0:
        return _port(scene, host, port)
    connection = http.client.HTTPConnection(_LOCAL.get(host, host), port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return fail(f"nothing answers on {host}:{port}", "look at the node's log")
    finally:
        connection.close()
    if status != http.client.OK:
        return warn("the node says that it is not ready", f"curl http://{host}:{port}/readyz")
    return ok("the node says that it is ready")


def dicom_port(scene: Scene) -> Finding:
    """Look whether the DICOM port answers C-ECHO, or is free."""
    settings = scene.settings
    host, port = _door(scene, "dicom")
    found = _port(scene, host, port)
    if not scene.running or port == 0 or found.hint:
        return found
    local = _LOCAL.get(host, host)
    here = Callers(known(scene)).at(local) if _is_address(local) else ()
    here = tuple(one for one in here if not one.fingerprint)
    if not here:
        return ok(f"{host}:{port} listens; this machine is no known sender, so it may not ask more")
    try:
        echo(local, port, here[0].ae_title or settings.dicom_ae_title, settings.dicom_ae_title)
    except ServiceError as problem:
        return fail(f"the DICOM port does not answer C-ECHO: {problem}", "look at the node's log")
    return ok(f"{host}:{port} answers C-ECHO")


def dicom_tls_port(scene: Scene) -> Finding:
    """Look whether the port for DICOM over TLS listens, or is free."""
    if not scene.settings.dicom_tls_certificate:
        return skip("DICOM over TLS is not set up")
    return _port(scene, *_door(scene, "dicom-tls"))


def _door(scene: Scene, name: str) -> tuple[str, int]:
    """Return where a listener is, as the running node says, or else as it is set."""
    settings = scene.settings
    wanted = {
        "public": (settings.public_host, settings.public_port),
        "internal": (settings.internal_host, settings.internal_port),
        "dicom": (settings.dicom_host, settings.dicom_port),
        "dicom-tls": (settings.dicom_host, settings.dicom_tls_port),
    }
    return scene.listeners.get(name, wanted[name])


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _port(scene: Scene, host: str, port: int) -> Finding:
    if port == 0:
        return skip("a free port is picked at each start")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(_SECONDS)
        if scene.running:
            try:
                probe.connect((_LOCAL.get(host, host), port))
            except OSError:
                return fail(f"nothing answers on {host}:{port}", "look at the node's log")
            return ok(f"{host}:{port} answers")
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return fail(
                f"cannot listen on {host}:{port}: {problem.strerror}",
                "another program uses the port; stop it or choose another in undisc.toml",
            )
    return ok(f"{host}:{port} is free")


def ipv6(scene: Scene) -> Finding:
    """Look whether public names lead to IPv6 addresses that nobody listens on."""
    settings = scene.settings
    if ":" in settings.public_host:
        return ok("the public listener is on IPv6")
    names = {urlsplit(url).hostname or "" for url in settings.public_urls}
    with_ipv6 = sorted(name for name in names if _has_ipv6(name))
    if with_ipv6:
        return ok(
            f"{', '.join(with_ipv6)} has an IPv6 address and the listener is on IPv4: a proxy has"
            " to take both"
        )
    return ok("no public name has an IPv6 address")


def _has_ipv6(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None, socket.AF_INET6, socket.SOCK_STREAM))
    except OSError:
        return False


def public_address(scene: Scene) -> Finding:
    """Ask each public address who it is."""
    urls = scene.settings.public_urls
    if not urls:
        return skip("no public address is set")
    if not scene.running:
        return skip("the node is not running")
    own = scene.identity.node_id
    client = PeerClient(private_addresses=True, patience=PATIENCE)
    for url in urls:
        try:
            found = read_node_document(client.introduce(url), now=scene.now_ms // 1000)
        except Unreachable as problem:
            return warn(
                f"{url} cannot be reached from here: {problem}",
                "if others reach it, nothing is wrong: some routers do not lead back inside",
            )
        except ProtocolError:
            return fail(f"{url} answers, but not as a node does", "see where the proxy leads to")
        if found.identity.node_id != own:
            return fail(f"another node answers at {url}", "see where the proxy leads to")
    return ok(f"{len(urls)} public addresses lead to this node")


def certificate(scene: Scene) -> Finding:
    """Look at the TLS certificates of the public addresses."""
    secure = [url for url in scene.settings.public_urls if url.startswith("https://")]
    if not secure:
        return skip("no public address uses https")
    shortest = float("inf")
    for url in secure:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        try:
            ends = _certificate_end(host, port)
        except ssl.SSLCertVerificationError as problem:
            return fail(
                f"the certificate of {host} is not valid: {problem.verify_message}",
                "renew it; a proxy with ACME does so by itself, as docker/ shows",
            )
        except OSError:
            return skip(f"{host} cannot be reached from here")
        shortest = min(shortest, ends - scene.now_ms / 1000)
    days = int(shortest // _DAY)
    if days < _SOON_DAYS:
        return warn(f"a certificate ends in {days} days", "renew it, and see why nothing did")
    return ok(f"certificates are valid for {days} days more")


def _certificate_end(host: str, port: int) -> float:
    """Return when the certificate of a host ends, seconds since 1970."""
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        shown = secured.getpeercert() or {}
        return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))

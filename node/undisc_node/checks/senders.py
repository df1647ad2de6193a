"""Checks of who may send: in the settings and in the catalog, known by address or certificate."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from undisc_node.checks.finding import Finding, fail, ok, skip, warn
from undisc_node.checks.scene import Scene, ago, day
from undisc_node.dicom.certificates import end_of
from undisc_node.services.errors import ServiceError
from undisc_node.services.sender_model import Sender, SenderState

_WIDEST: Final = {4: 16, 6: 48}  # bits of a network that a practice may well have as a whole
_SOON_DAYS: Final = 30  # whoever looks after a scanner comes when there is time
_DAY_MS: Final = 86_400_000


def known(scene: Scene) -> Sequence[Sender]:
    """Return every sender that may send, those in the settings first."""
    listed = [one.sender for one in scene.settings.dicom_senders]
    with scene.records() as records:
        rows = records.senders.list()
    trusted = [one for one in rows if one.state is SenderState.TRUSTED]
    names = {one.name for one in listed}
    return [*listed, *(one for one in trusted if one.name not in names)]


def senders(scene: Scene) -> Finding:
    """Look whether anybody may send images."""
    found = known(scene)
    if not found:
        return warn(
            "nobody may send images by DICOM, so no modality can",
            "undisc senders add NAME --address ADDRESS",
        )
    return ok(f"{len(found)} senders may send images by DICOM")


def wide(scene: Scene) -> Finding:
    """Look for senders that let whole networks in."""
    networks = [(one, ip_network(one.address, strict=False)) for one in known(scene) if one.address]
    everybody = [one.name for one, network in networks if network.prefixlen == 0]
    hint = "name single addresses, or the network of the modalities: 10.1.2.0/24"
    if everybody:
        return fail(f"sender {', '.join(everybody)} lets every address in", hint)
    large = [one.name for one, network in networks if network.prefixlen < _WIDEST[network.version]]
    if large:
        return warn(f"sender {', '.join(large)} lets a very large network in", hint)
    return ok("no sender lets a very large network in")


def certificates(scene: Scene) -> Finding:
    """Look whether senders with a certificate can come in, and for how long."""
    pinned = [one for one in known(scene) if one.fingerprint]
    if not pinned:
        return skip("no sender is known by a certificate")
    settings = scene.settings
    if not settings.dicom_tls_certificate:
        return warn(
            f"sender {_names(pinned)} needs TLS, and the port for it is closed",
            "set dicom.tls_certificate and dicom.tls_key, and restart the node",
        )
    bare = [one for one in pinned if not one.certificate]
    if bare and not settings.dicom_tls_clients:
        return warn(
            f"of sender {_names(bare)} only the fingerprint is known, so its certificate cannot"
            " be asked for",
            "undisc senders trust NAME --certificate FILE, or set dicom.tls_clients",
        )
    ends = [(_ends_ms(one.certificate), one) for one in pinned if one.certificate]
    over = [one for end, one in ends if end <= scene.now_ms]
    if over:
        return fail(
            f"the certificate of sender {_names(over)} has ended, so it cannot send",
            "undisc senders trust NAME --certificate FILE, with its new one",
        )
    soon = [one for end, one in ends if end - scene.now_ms < _SOON_DAYS * _DAY_MS]
    if soon:
        return warn(
            f"the certificate of sender {_names(soon)} ends within {_SOON_DAYS} days",
            "undisc senders trust NAME --certificate FILE, with its new one",
        )
    return ok(f"{len(pinned)} senders are known by their certificates")


def own_certificate(scene: Scene) -> Finding:
    """Look how long the certificate of the DICOM port is valid."""
    path = scene.settings.dicom_tls_certificate
    if not path:
        return skip("DICOM over TLS is not set up")
    try:
        end_ms = _ends_ms(Path(path).read_bytes())
    except OSError as problem:
        return fail(
            f"the certificate of the DICOM port cannot be read: {problem.strerror}",
            "let the node's user read dicom.tls_certificate",
        )
    except ServiceError as problem:
        return fail(str(problem), problem.hint)
    hint = "put a new one in its place; the node takes it with the next connection"
    if end_ms <= scene.now_ms:
        return fail(f"the certificate of the DICOM port ended on {day(end_ms)}", hint)
    if end_ms - scene.now_ms < _SOON_DAYS * _DAY_MS:
        return warn(f"the certificate of the DICOM port ends on {day(end_ms)}", hint)
    return ok(f"the certificate of the DICOM port is valid until {day(end_ms)}")


def quarantine(scene: Scene) -> Finding:
    """Look what is kept of senders that nobody knows."""
    with scene.records() as records:
        kept = records.senders.quarantined()
    if not kept:
        if scene.settings.dicom_unknown_senders == "quarantine":
            return ok("unknown senders are kept in quarantine; there are none")
        return ok("unknown senders are refused")
    names = {one.sender for one in kept}
    waits = ago(scene.now_ms - kept[0].since_ms)
    return warn(
        f"{len(names)} unknown senders wait in quarantine with {len(kept)} studies, since {waits}",
        "undisc senders list, then trust or remove them; after"
        f" {scene.settings.dicom_quarantine_days} days they are erased",
    )


def _names(found: Sequence[Sender]) -> str:
    return ", ".join(one.name for one in found)


def _ends_ms(certificate: bytes) -> int:
    return int(end_of(certificate).timestamp() * 1000)

"""TLS of the DICOM port, as PS3.15 §B.12 (BCP 195: RFC 8996 and RFC 9325) asks for it.

TLS 1.2 with forward secrecy and authenticated encryption, or 1.3; nothing older. Client
certificates are asked for where a file names who may show one, or where a sender has one pinned.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final, Protocol

from undisc_node.services.errors import Invalid, ServiceError

# The four of RFC 9325 §4.2 that are not optional in PS3.15 §B.12; TLS 1.3 has its own.
_CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)


def tls_context(
    *,
    certificate: Path,
    key: Path,
    client_authority: Path | None,
    pinned: Sequence[bytes] = (),
) -> ssl.SSLContext:
    """Return what the port speaks TLS with.

    Args:
        certificate: PEM file of our certificate, and those between it and its authority.
        key: PEM file of its private key, without a passphrase.
        client_authority: PEM file of certificates; only senders that show one of these, or one
            signed by them, come in. None lets senders in that show none.
        pinned: Certificates of single senders, DER. They may be shown, and one that is shown and is
            none of them ends the handshake.

    Raises:
        Invalid: `bad_certificate`, when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
        if client_authority is not None:
            context.load_verify_locations(client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        if pinned:
            context.load_verify_locations(cadata=b"".join(pinned))
            # A pinned certificate is trusted as it is, whoever signed it.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            if client_authority is None:
                context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ValueError) as error:
        raise Invalid(
            "a certificate or key of the DICOM port cannot be used",
            code="bad_certificate",
            hint="they are PEM files that belong together; the key has no passphrase",
        ) from error
    return context


class _Shows(Protocol):
    """The end of a TLS connection, as `ssl.SSLObject` is."""

    def getpeercert(self, binary_form: bool = ...) -> bytes | None:  # noqa: FBT001 - ssl's own
        """Return what the other side showed, DER."""


def fingerprint_of(secured: _Shows) -> bytes:
    """Return the SHA-256 of the certificate that the other side showed; empty for none."""
    shown = secured.getpeercert(binary_form=True)
    return sha256(shown).digest() if shown else b""


class TlsContexts:
    """What a port speaks TLS with now: read again when a file or a pinned certificate changes.

    So a renewed certificate is used from the next connection on. While the files cannot be used,
    the port goes on with what it has; who may call is decided by `ports.KnowsCallers` in any case.

    Args:
        certificate: As for `tls_context`, as are the next two.
        key: PEM file.
        client_authority: PEM file, or None.
        pinned: Returns the certificates of single senders, DER.

    Raises:
        Invalid: `bad_certificate`, when a file cannot be used at the start.
    """

    def __init__(
        self,
        *,
        certificate: Path,
        key: Path,
        client_authority: Path | None,
        pinned: Callable[[], tuple[bytes, ...]],
        logger: logging.Logger | None = None,
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._authority = client_authority
        self._pinned = pinned
        self._log = logger or logging.getLogger(__name__)
        self._lock = Lock()
        self._made_of = self._sources()
        self._context = self._make()

    def __call__(self) -> ssl.SSLContext:
        """Return the context for a connection that begins now."""
        with self._lock:
            sources = self._sources()
            if sources != self._made_of:
                self._made_of = sources
                try:
                    self._context = self._make()
                except ServiceError as problem:
                    self._log.warning("DICOM: %s; the port goes on with those before", problem)
            return self._context

    def _make(self) -> ssl.SSLContext:
        return tls_context(
            certificate=self._certificate,
            key=self._key,
            client_authority=self._authority,
            pinned=self._pinned(),
        )

    def _sources(self) -> tuple[object, ...]:
        """Return what tells whether anything has changed."""
        files = (self._certificate, self._key, self._authority)
        return (*(_changed_at(one) for one in files if one is not None), self._pinned())


def _changed_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size

"""TLS of the DICOM port, as PS3.15 §B.12 (BCP 195: RFC 8996 and RFC 9325) asks for it.

TLS 1.2 with forward secrecy and authenticated encryption, or 1.3; nothing older.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from undisc_node.services.errors import Invalid

# The four of RFC 9325 §4.2 that are not optional in PS3.15 §B.12; TLS 1.3 has its own.
_CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)


def tls_context(*, certificate: Path, key: Path, client_authority: Path | None) -> ssl.SSLContext:
    """Return what the port speaks TLS with.

    Args:
        certificate: PEM file of our certificate, and those between it and its authority.
        key: PEM file of its private key, without a passphrase.
        client_authority: PEM file of certificates; only senders that show one of these, or one
            signed by them, come in. None asks for no certificate.

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
    except (OSError, ValueError) as error:
        raise Invalid(
            "a certificate or key of the DICOM port cannot be used",
            code="bad_certificate",
            hint="they are PEM files that belong together; the key has no passphrase",
        ) from error
    return context

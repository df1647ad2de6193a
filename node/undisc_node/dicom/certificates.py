"""Certificates of senders: read as PEM or DER, and when they end."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from undisc_node.services.errors import Invalid


def read_certificate(file: bytes) -> bytes:
    """Return the first certificate of a PEM or DER file, as DER.

    Raises:
        Invalid: `bad_certificate`, when it is none.
    """
    try:
        if b"-----BEGIN" in file:
            return x509.load_pem_x509_certificate(file).public_bytes(Encoding.DER)
        x509.load_der_x509_certificate(file)
    except ValueError as problem:
        raise Invalid(
            "the file is no certificate",
            code="bad_certificate",
            hint="it is a PEM file that begins with -----BEGIN CERTIFICATE-----, or a DER file",
        ) from problem
    return file


def end_of(certificate: bytes) -> datetime:
    """Return when a certificate ends, aware UTC.

    Args:
        certificate: PEM or DER.

    Raises:
        Invalid: `bad_certificate`, when it is none.
    """
    return x509.load_der_x509_certificate(read_certificate(certificate)).not_valid_after_utc

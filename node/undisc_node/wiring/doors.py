"""Makes the DICOM ports of a node: one that is always there, and one that speaks TLS."""

from __future__ import annotations

from pathlib import Path

from undisc_node.dicom.port import DicomPort
from undisc_node.dicom.tls import TlsContexts
from undisc_node.wiring.node import Node


def dicom_ports(node: Node) -> dict[str, DicomPort]:
    """Return the ports by their names as listeners; none is open yet.

    Raises:
        Invalid: A certificate or key cannot be used.
    """
    settings, senders = node.settings, node.senders
    ports = {
        "dicom": DicomPort(
            host=settings.dicom_host,
            port=settings.dicom_port,
            senders=senders,
            stores=node.receiving,
            on_report=node.on_report,
            provider=node.provider,
        )
    }
    if settings.dicom_tls_certificate:
        clients = settings.dicom_tls_clients
        ports["dicom-tls"] = DicomPort(
            host=settings.dicom_host,
            port=settings.dicom_tls_port,
            senders=senders,
            stores=node.receiving,
            on_report=node.on_report,
            provider=node.provider,
            tls=TlsContexts(
                certificate=Path(settings.dicom_tls_certificate),
                key=Path(settings.dicom_tls_key),
                client_authority=Path(clients) if clients else None,
                pinned=senders.certificates,
            ),
        )
    return ports

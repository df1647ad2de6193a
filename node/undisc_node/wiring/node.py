"""A node that is built, its doors still closed."""

from __future__ import annotations

from dataclasses import dataclass

from undisc_node.clocks import SystemClock
from undisc_node.config import Settings
from undisc_node.dicom.providing.provider import Provider
from undisc_node.dicom.store_scp import Report
from undisc_node.hl7.listener import MllpPort
from undisc_node.services.auditing import Journal
from undisc_node.services.fetching import Fetching
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.meters import MeteredReceiving
from undisc_node.services.recalling import Recalling
from undisc_node.services.restoring import Restoring
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.packs.store import PackStore
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.internal import InternalUses
from undisc_node.web.public_uses import PublicUses
from undisc_node.wiring.duties import Duty
from undisc_node.wiring.keys import Renewal


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is built, with its doors still closed.

    Attributes:
        settings: What it was built from.
        id: The node id.
        public: Use cases of the public listener.
        admin: Use cases of the admin socket.
        receiving: Takes images in.
        senders: Tells who calls at the DICOM ports.
        inside: What the internal listener calls.
        fetching: Brings studies.
        restoring: Knows whether the node came back from a copy.
        renewal: Lets it end and be built anew, under its next key.
        duties: What it does by itself while it runs.
        hl7: The port for HL7 messages, or None when nobody may send any.
        recalling: Asks peers what they remember of this node, after it came back from a backup.
        status: Sums the node up.
        on_report: Takes reports of storage commitment that come to the DICOM port.
        provider: Answers questions of workstations at the DICOM port.
        listeners: Filled in when the doors are open.
        catalog: Rows.
        packs: Bytes.
        journal: The log.
        clock: Time.
    """

    settings: Settings
    id: bytes
    public: PublicUses
    admin: AdminUses
    receiving: MeteredReceiving
    senders: KnownSenders
    inside: InternalUses
    fetching: Fetching
    restoring: Restoring
    renewal: Renewal
    duties: tuple[Duty, ...]
    hl7: MllpPort | None
    recalling: Recalling
    on_report: Report
    provider: Provider
    listeners: dict[str, str]
    catalog: SqliteCatalog
    packs: PackStore
    journal: Journal
    clock: SystemClock

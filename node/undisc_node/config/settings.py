"""The settings as the rest of the node sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from undisc_node.config.values import ListedSender
from undisc_node.dicom.watch_folder import Watched
from undisc_node.peers.addresses import PRIVATE


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    Attributes:
        home: Directory of the node's state.
        name: The practice's name, as other nodes see it.
        contact: Whom pages tell people to turn to; may be empty.
        public_host: Address of the public listener.
        public_port: Its TCP port; 0 picks a free one.
        public_urls: Addresses under which other nodes reach it.
        internal_host: Address of the internal listener.
        internal_port: Its TCP port.
        internal_names: Further names by which the internal listener may be called.
        dicom_host: Address of the DICOM port.
        dicom_port: Its TCP port.
        dicom_ae_title: Our AE title.
        dicom_senders: Who may send.
        dicom_tls_port: TCP port of DICOM over TLS.
        dicom_tls_certificate: PEM file of its certificate; empty: the port stays closed.
        dicom_tls_key: PEM file of the private key.
        dicom_unknown_senders: `refuse` or `quarantine`.
        dicom_quarantine_mib: MiB that are kept of unknown senders.
        dicom_quarantine_days: Days for which that is kept.
        dicom_tls_clients: PEM file of what senders must show; empty: nothing.
        hl7_host: Address of the HL7 port.
        hl7_port: Its TCP port.
        watch_folders: Folders into which programs drop images.
        watch_quiet_seconds: Time for which a dropped file must not change.
        hl7_senders: Who may send HL7 messages; nobody: the port stays closed.
        worklist_host: Address of the worklist; empty when there is none.
        worklist_port: Its TCP port.
        worklist_ae_title: Its AE title.
        worklist_minutes: How often it is asked; 0 for only on command.
        worklist_days: How many days it is asked for, today included.
        reports_folder: Folder in which PDF reports are dropped; empty when there is none.
        settle_seconds: Quiet time after which a study settles.
        reserve_mib: MiB of disk that ingest leaves free.
        quota_sender_gib: GiB that the studies of one DICOM sender may have; 0 for no bound.
        quota_peer_gib: GiB that the studies of one peer may have; 0 for no bound.
        peer_fetches: Fetches from one peer that run at once.
        retention_days: Days that a study stays without a permission; 0 for ever.
        retention_refused_hours: Hours that a study stays about which the patient said no.
        consent_days: Days for which a consent lasts when nothing else is said.
        consent_majority_years: Age at which a person decides alone.
        desk_idle_minutes: Minutes without a click after which the desk signs off.
        calling_code: What is put before telephone numbers without a country; may be empty.
        release_when: When studies of a visit are released: `minutes`, `report` or `click`.
        release_minutes: Minutes after settlement, for `minutes`.
        messages_practice: How messages call the practice; empty for its name.
        messages_phone: The number they name for questions.
        messages_paper: Paper of print-outs: `a4` or `letter`.
        messages_emergency: Who is told of images given out in an emergency.
        email_host: The mail server; empty for none.
        email_port: Its port.
        email_security: `starttls`, `tls` or `none`.
        email_user: User name there; may be empty.
        email_password: Password there.
        email_from: The address that e-mail comes from.
        email_authorities: PEM file of trusted certificates; empty for the system's.
        text_messages_url: Where text messages are posted; empty for none.
        text_messages_form: `twilio`, `form` or `json`.
        text_messages_user: User name there; may be empty.
        text_messages_password: Password or token there.
        text_messages_from: Number or name that text messages come from.
        text_messages_fields: What is posted; empty for the usual fields of the form.
        offers_take: What becomes of offered studies: `fetch`, `show` or `refuse`.
        keys_drill_days: Days after which a drill with the recovery kit is due again.
        peers_stale_days: Days for which a peer is dealt with after its card has ended.
        recipients: Which nodes may use shares and links: `trusted` or `any`.
        discovery_announce: Whether the node says on the local network that it is there.
        discovery_interfaces: Addresses of the interfaces for that; empty for all.
        when_ended: What becomes of copies whose permission ended: `ask`, `purge` or `keep`.
        kept_because: Why they are kept, with `keep`: a word of `Why`.
        private_addresses: Whether peers may be reached in every private network.
        peers_allow: Private networks in which peers may be reached.
        poll: Whether this node polls its peers: `auto`, `always` or `never`.
        poll_seconds: Time between two polls of one peer.
        backup_path: Directory of the backups; empty when there is none.
        backup_keep: How many snapshots a backup keeps.
        backup_keyring_days: Days for which backups keep older keyrings.
        log_format: `text` or `json`.
        log_level: `debug`, `info`, `warning` or `error`.
        log_requests: Whether each HTTP request gets a line.
    """

    home: Path
    name: str
    contact: str
    public_host: str
    public_port: int
    public_urls: tuple[str, ...]
    internal_host: str
    internal_port: int
    internal_names: tuple[str, ...]
    dicom_host: str
    dicom_port: int
    dicom_ae_title: str
    dicom_senders: tuple[ListedSender, ...]
    dicom_unknown_senders: str
    dicom_quarantine_mib: int
    dicom_quarantine_days: int
    dicom_tls_port: int
    dicom_tls_certificate: str
    dicom_tls_key: str
    dicom_tls_clients: str
    hl7_host: str
    hl7_port: int
    watch_folders: tuple[Watched, ...]
    watch_quiet_seconds: float
    hl7_senders: tuple[IPv4Network | IPv6Network, ...]
    worklist_host: str
    worklist_port: int
    worklist_ae_title: str
    worklist_minutes: int
    worklist_days: int
    reports_folder: str
    settle_seconds: float
    reserve_mib: int
    quota_sender_gib: int
    quota_peer_gib: int
    peer_fetches: int
    retention_days: int
    retention_refused_hours: int
    consent_days: int
    consent_majority_years: int
    desk_idle_minutes: int
    calling_code: str
    release_when: str
    release_minutes: int
    messages_practice: str
    messages_phone: str
    messages_paper: str
    messages_emergency: tuple[str, ...]
    email_host: str
    email_port: int
    email_security: str
    email_user: str
    email_password: str = field(repr=False)
    email_from: str
    email_authorities: str
    text_messages_url: str
    text_messages_form: str
    text_messages_user: str
    text_messages_password: str = field(repr=False)
    text_messages_from: str
    text_messages_fields: Mapping[str, Any]
    offers_take: str
    keys_drill_days: int
    peers_stale_days: int
    recipients: str
    discovery_announce: bool
    discovery_interfaces: tuple[str, ...]
    when_ended: str
    kept_because: str
    private_addresses: bool
    peers_allow: tuple[IPv4Network | IPv6Network, ...]
    poll: str
    poll_seconds: float
    backup_path: str
    backup_keep: int
    backup_keyring_days: int
    log_format: str
    log_level: str
    log_requests: bool

    @property
    def peer_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The private networks in which peers may be reached; this machine only if it is named."""
        return (*self.peers_allow, *(PRIVATE if self.private_addresses else ()))

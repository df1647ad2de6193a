"""Every setting there is: where it stands in the file, its default, and what it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from undisc_node.config import values
from undisc_node.config.values import Kind


@dataclass(frozen=True, slots=True)
class Field:
    """One setting.

    Attributes:
        attribute: Its name in `Settings`.
        default: Its value when nobody sets it, as it would stand in the file.
        kind: What it may be.
        text: What it is, for the reference.
        secret: Whether it is never shown, and never taken from the command line, which other users
            of the machine can read.
    """

    attribute: str
    default: Any
    kind: Kind
    text: str
    secret: bool = False


FIELDS: Final[Mapping[str, Field]] = {
    "name": Field("name", "undisc node", values.NAME, "the practice's name, as other nodes see it"),
    "contact": Field(
        "contact", "", values.TEXT, "telephone number or address that pages tell people to turn to"
    ),
    "public.host": Field(
        "public_host",
        "0.0.0.0",  # noqa: S104 - the one door that is meant for the internet
        values.TEXT,
        "address of the public listener",
    ),
    "public.port": Field("public_port", 8480, values.PORT, "TCP port of the public listener"),
    "public.urls": Field(
        "public_urls", [], values.URLS, "addresses under which other nodes reach it"
    ),
    "internal.host": Field(
        "internal_host", "127.0.0.1", values.TEXT, "address of the internal listener"
    ),
    "internal.port": Field("internal_port", 8481, values.PORT, "TCP port of the internal listener"),
    "internal.names": Field(
        "internal_names",
        [],
        values.HOST_NAMES,
        "names by which the internal listener may be called, beside its address and `localhost`",
    ),
    "dicom.host": Field(
        "dicom_host",
        "0.0.0.0",  # noqa: S104 - modalities are other machines; unlisted addresses are refused
        values.TEXT,
        "address of the DICOM port",
    ),
    "dicom.port": Field("dicom_port", 11112, values.PORT, "TCP port for DICOM"),
    "dicom.ae_title": Field("dicom_ae_title", "UNDISC", values.AE_TITLE, "our AE title"),
    "dicom.senders": Field("dicom_senders", [], values.SENDERS, "who may send images"),
    "dicom.unknown_senders": Field(
        "dicom_unknown_senders",
        "refuse",
        values.one_of("refuse", "quarantine"),
        "what happens to senders that nobody has listed or added",
    ),
    "dicom.quarantine_mib": Field(
        "dicom_quarantine_mib",
        10_240,
        values.COUNT,
        "MiB that are kept of unknown senders, all together",
    ),
    "dicom.quarantine_days": Field(
        "dicom_quarantine_days",
        30,
        values.COUNT,
        "days after which what is kept of unknown senders is erased",
    ),
    "dicom.tls_port": Field("dicom_tls_port", 2762, values.PORT, "TCP port for DICOM over TLS"),
    "dicom.tls_certificate": Field(
        "dicom_tls_certificate",
        "",
        values.TEXT,
        "PEM file of the certificate for DICOM over TLS; empty leaves that port closed",
    ),
    "dicom.tls_key": Field("dicom_tls_key", "", values.TEXT, "PEM file of its private key"),
    "dicom.tls_clients": Field(
        "dicom_tls_clients",
        "",
        values.TEXT,
        "PEM file of certificates; senders must show one of them, or one signed by them",
    ),
    "hl7.host": Field(
        "hl7_host",
        "0.0.0.0",  # noqa: S104 - the RIS is another machine; unlisted addresses are refused
        values.TEXT,
        "address of the HL7 port",
    ),
    "hl7.port": Field("hl7_port", 2575, values.PORT, "TCP port for HL7 messages (MLLP)"),
    "watch.folders": Field(
        "watch_folders", [], values.WATCHED, "folders into which programs drop images"
    ),
    "watch.quiet_seconds": Field(
        "watch_quiet_seconds",
        10,
        values.SECONDS,
        "time for which a dropped file must not change before it is taken",
    ),
    "hl7.senders": Field(
        "hl7_senders",
        [],
        values.NETWORKS,
        "who may send HL7 messages; empty: the port stays closed",
    ),
    "worklist.host": Field(
        "worklist_host", "", values.TEXT, "address of the modality worklist; empty: none is asked"
    ),
    "worklist.port": Field("worklist_port", 104, values.PORT, "its TCP port"),
    "worklist.ae_title": Field("worklist_ae_title", "WORKLIST", values.AE_TITLE, "its AE title"),
    "worklist.minutes": Field(
        "worklist_minutes", 5, values.NUMBER, "minutes between two questions; 0: only on command"
    ),
    "worklist.days": Field("worklist_days", 2, values.DAYS, "days it is asked for, today included"),
    "reports.folder": Field(
        "reports_folder",
        "",
        values.TEXT,
        "folder in which reports are dropped as PDF files named by accession number; empty: none",
    ),
    "ingest.settle_seconds": Field(
        "settle_seconds", 60, values.SECONDS, "quiet time after which a study settles"
    ),
    "ingest.reserve_mib": Field(
        "reserve_mib", 1024, values.NUMBER, "MiB of disk that ingest leaves free"
    ),
    "quota.sender_gib": Field(
        "quota_sender_gib",
        0,
        values.NUMBER,
        "GiB that the studies of one DICOM sender may have; 0 sets no bound",
    ),
    "quota.peer_gib": Field(
        "quota_peer_gib",
        0,
        values.NUMBER,
        "GiB that the studies fetched from one peer may have; 0 sets no bound",
    ),
    "quota.peer_fetches": Field(
        "peer_fetches",
        8,
        values.COUNT,
        "fetches from one peer that run at once, of twelve in all; others wait for their turn",
    ),
    "retention.days": Field(
        "retention_days",
        30,
        values.NUMBER,
        "days after which a study that nobody has a permission for is erased; 0 keeps all",
    ),
    "retention.refused_hours": Field(
        "retention_refused_hours",
        24,
        values.NUMBER,
        "hours after which a study is erased whose patient said no; not where `days` keeps all",
    ),
    "consent.days": Field(
        "consent_days",
        365,
        values.COUNT,
        "days for which a consent lasts when nothing else is said; at most 400",
    ),
    "consent.majority_years": Field(
        "consent_majority_years",
        18,
        values.COUNT,
        "age in years at which a person decides alone, and what a parent decided ends",
    ),
    "desk.idle_minutes": Field(
        "desk_idle_minutes",
        15,
        values.COUNT,
        "minutes without a click after which the desk signs off",
    ),
    "desk.calling_code": Field(
        "calling_code",
        "",
        values.TEXT,
        "put before telephone numbers without a country, such as `+1`; empty: it has to be typed",
    ),
    "release.when": Field(
        "release_when",
        "minutes",
        values.one_of("minutes", "report", "click"),
        "when practices named in a consent get a study: some minutes after it settled, when its"
        " report is final, or on `undisc visits release`",
    ),
    "release.minutes": Field(
        "release_minutes", 30, values.NUMBER, 'how many minutes, for `release.when = "minutes"`'
    ),
    "messages.practice": Field(
        "messages_practice",
        "",
        values.TEXT,
        "how e-mail, text messages and print-outs call the practice; empty: by its name. A name"
        " that tells what somebody is treated for is better left out here",
    ),
    "messages.phone": Field(
        "messages_phone",
        "",
        values.TEXT,
        "the telephone number that they name for questions; empty: `contact`",
    ),
    "messages.paper": Field(
        "messages_paper", "a4", values.one_of("a4", "letter"), "paper of print-outs"
    ),
    "messages.emergency": Field(
        "messages_emergency",
        [],
        values.EMAILS,
        "e-mail addresses of those who are told when somebody gives images out in an emergency",
    ),
    "email.host": Field(
        "email_host", "", values.TEXT, "the practice's mail server; empty: no e-mail is sent"
    ),
    "email.port": Field("email_port", 587, values.PORT, "its TCP port"),
    "email.security": Field(
        "email_security",
        "starttls",
        values.one_of("starttls", "tls", "none"),
        "how the connection is protected; `none` only for a server on this machine",
    ),
    "email.user": Field(
        "email_user", "", values.TEXT, "user name there; empty: the server asks for none"
    ),
    "email.password": Field("email_password", "", values.TEXT, "password there", secret=True),
    "email.from": Field("email_from", "", values.EMAIL, "the address that e-mail comes from"),
    "email.authorities": Field(
        "email_authorities",
        "",
        values.TEXT,
        "PEM file of certificates that the mail server may be signed by; empty: the system's",
    ),
    "text_messages.url": Field(
        "text_messages_url",
        "",
        values.TEXT,
        "where text messages are posted, `https://api.twilio.com` for one; empty: none are sent",
    ),
    "text_messages.form": Field(
        "text_messages_form",
        "twilio",
        values.one_of("twilio", "form", "json"),
        "how they are posted: as Twilio wants it, as a web form, or as JSON",
    ),
    "text_messages.user": Field(
        "text_messages_user",
        "",
        values.TEXT,
        "user name there, Twilio's account SID; empty: the password is a bearer token",
    ),
    "text_messages.password": Field(
        "text_messages_password", "", values.TEXT, "password or token there", secret=True
    ),
    "text_messages.from": Field(
        "text_messages_from", "", values.TEXT, "the number or name that text messages come from"
    ),
    "text_messages.fields": Field(
        "text_messages_fields",
        "",
        values.TEMPLATE,
        'what is posted, as a JSON object: `{"to": "{to}", "body": "{text}", "ref": "{id}"}`;'
        " `{from}` is the setting; empty: the usual fields of the form",
    ),
    "offers.take": Field(
        "offers_take",
        "show",
        values.one_of("fetch", "show", "refuse"),
        "what becomes of a study that a trusted practice offers: fetched at once, shown to staff"
        " who decide, or refused",
    ),
    "keys.drill_days": Field(
        "keys_drill_days",
        180,
        values.COUNT,
        "days after which the doctor asks for another drill with the recovery kit",
    ),
    "peers.stale_days": Field(
        "peers_stale_days",
        30,
        values.NUMBER,
        "days for which a peer is still dealt with after its last status card has ended",
    ),
    "discovery.announce": Field(
        "discovery_announce",
        default=False,
        kind=values.FLAG,
        text="whether the node says on the local network that it is there; everybody there hears"
        " the practice's name and address",
    ),
    "discovery.interfaces": Field(
        "discovery_interfaces",
        [],
        values.ADDRESSES,
        "addresses of this machine whose networks are asked and told; empty: all of them",
    ),
    "peers.private_addresses": Field(
        "private_addresses",
        default=False,
        kind=values.FLAG,
        text="whether peers may be reached in every private network; better name them in `allow`",
    ),
    "peers.allow": Field(
        "peers_allow",
        [],
        values.PEER_NETWORKS,
        "private networks in which peers may be reached: a VPN, another practice on this network;"
        " `127.0.0.1` for a second node on this machine",
    ),
    "peers.poll": Field(
        "poll",
        "auto",
        values.one_of("auto", "always", "never"),
        "whether this node asks its peers what they have for it: `auto` does while `public.urls` is"
        " empty, because nobody can come to it then",
    ),
    "peers.poll_seconds": Field(
        "poll_seconds",
        60.0,
        values.SECONDS,
        "time between two questions to the same peer; up to a quarter of an hour while it does not"
        " answer",
    ),
    "exchange.recipients": Field(
        "recipients",
        "trusted",
        values.one_of("trusted", "any"),
        "which nodes may use what was shared with them or with a link: trusted peers, or any node",
    ),
    "exchange.when_ended": Field(
        "when_ended",
        "ask",
        values.one_of("ask", "purge", "keep"),
        "what becomes of a copy when the practice that gave it takes the permission back: a person"
        " decides, it is erased from this node (what went into an archive stays there, and where"
        " this node has the study in another right too, a person decides), or it is kept",
    ),
    "exchange.kept_because": Field(
        "kept_because",
        "law",
        values.one_of("treatment", "law", "claim", "own", "other"),
        "with `keep`, the reason that the other practice and the patient are told",
    ),
    "backup.path": Field(
        "backup_path",
        "",
        values.TEXT,
        "directory of the backups, on another disk; empty: none are made without `--to`",
    ),
    "backup.keep": Field(
        "backup_keep", 30, values.COUNT, "how many of the newest snapshots a backup keeps"
    ),
    "backup.keyring_days": Field(
        "backup_keyring_days",
        7,
        values.NUMBER,
        "days for which backups keep older keyrings; then an erased study is gone from them too",
    ),
    "log.format": Field(
        "log_format",
        "text",
        values.one_of("text", "json"),
        "whether log lines are for people or one JSON object each",
    ),
    "log.level": Field(
        "log_level",
        "info",
        values.one_of("debug", "info", "warning", "error"),
        "which log lines are written",
    ),
    "log.requests": Field(
        "log_requests",
        default=False,
        kind=values.FLAG,
        text="whether each HTTP request gets a log line",
    ),
}
"""Every setting there is."""

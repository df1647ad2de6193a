"""Builds what takes images in: who may send, how much there is room for, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from undisc_node.config import Settings
from undisc_node.dicom.certificates import read_certificate
from undisc_node.dicom.named import check_names as check_names  # noqa: PLC0414 - for the room beside it
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.scu import echo
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.letting_in import LettingIn
from undisc_node.services.meters import MeteredReceiving, Meters
from undisc_node.services.ports import Catalog, Clock, Entropy, Packs
from undisc_node.services.quarantine import Quarantine, QuarantineBounds
from undisc_node.services.receiving import Receiving
from undisc_node.services.room import Quotas, Room
from undisc_node.services.senders import Senders
from undisc_node.services.studies import Studies
from undisc_node.wiring.duties import Duty

_MIB, _GIB = 2**20, 2**30
_COUNT_SECONDS = 30.0  # between two writes of what came of each sender
_TIDY_SECONDS = 600.0  # between looks at what is too old, or half let in


@dataclass(frozen=True, slots=True)
class Ingest:
    """Use cases of images that come in.

    Attributes:
        room: Says whether there is room.
        receiving: Stores.
        known: Tells who calls.
        quarantine: Says what is kept of unknown senders.
    """

    room: Room
    receiving: MeteredReceiving
    known: KnownSenders
    quarantine: Quarantine


def build_ingest(
    settings: Settings,
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
    writing: Lock,
    meters: Meters,
) -> Ingest:
    """Build the use cases.

    Raises:
        Invalid: A sender's address cannot be read.
    """
    known = KnownSenders(
        catalog=catalog,
        clock=clock,
        configured=[one.sender for one in settings.dicom_senders],
        quarantine=settings.dicom_unknown_senders == "quarantine",
    )
    room = Room(
        catalog=catalog,
        packs=packs,
        clock=clock,
        reserve=settings.reserve_mib * _MIB,
        quotas=Quotas(settings.quota_sender_gib * _GIB, settings.quota_peer_gib * _GIB),
        quota_of=known.quota_of,
    )
    quarantine = Quarantine(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        bounds=QuarantineBounds(
            size=settings.dicom_quarantine_mib * _MIB, days=settings.dicom_quarantine_days
        ),
    )
    receiving = Receiving(
        catalog=catalog,
        packs=packs,
        contents=contents,
        reader=FactReader(),
        journal=journal,
        clock=clock,
        entropy=entropy,
        writing=writing,
        room=room,
        quarantine=quarantine,
    )
    return Ingest(room, MeteredReceiving(receiving, meters), known, quarantine)


def build_senders(
    settings: Settings,
    ingest: Ingest,
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    studies: Studies,
    journal: Journal,
    clock: Clock,
) -> tuple[Senders, tuple[Duty, ...]]:
    """Build what an administrator does about senders, and what is done by itself."""
    letting_in = LettingIn(
        catalog=catalog,
        packs=packs,
        contents=contents,
        reader=FactReader(),
        store=ingest.receiving.store,
        studies=studies,
        known=ingest.known,
        journal=journal,
        clock=clock,
        bounds=ingest.quarantine.bounds,
    )
    senders = Senders(
        catalog=catalog,
        known=ingest.known,
        letting_in=letting_in,
        journal=journal,
        clock=clock,
        read_certificate=read_certificate,
        call=lambda address, port, title: echo(address, port, settings.dicom_ae_title, title),
    )
    duties = (
        Duty("counting what senders send", _COUNT_SECONDS, ingest.known.flush),
        Duty("tidying the quarantine", _TIDY_SECONDS, letting_in.tidy),
    )
    return senders, duties

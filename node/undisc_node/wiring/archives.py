"""Builds what has to do with the practice's own archives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undisc_node.archives.opening import ConfiguredArchives
from undisc_node.config import Settings
from undisc_node.dicom.coercing import HeaderCoercer
from undisc_node.dicom.committing import Commitments
from undisc_node.dicom.reader import FactReader
from undisc_node.services.archiving import Archiving
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.delivering import Delivering
from undisc_node.services.delivery_run import KIND, DeliveryWorld
from undisc_node.services.ports import Catalog, Clock, Entropy, Packs
from undisc_node.services.pulling import Pulling, Store
from undisc_node.services.queueing import Queueing
from undisc_node.wiring.duties import Duty

_TAKE_UP_SECONDS: Final = 1.0  # between looks at what was fetched and what is due
_GROWN_SECONDS: Final = 5.0  # between looks at every delivery that is done


@dataclass(frozen=True, slots=True)
class ArchiveParts:
    """Use cases of archives.

    Attributes:
        archiving: Administers them.
        pulling: Brings studies from them.
        delivering: Puts studies into them.
        duties: What is done again and again.
        commitments: Takes reports of storage commitment that come to the DICOM port.
        opening: Opens archives.
    """

    archiving: Archiving
    pulling: Pulling
    delivering: Delivering
    duties: tuple[Duty, ...]
    commitments: Commitments
    opening: ConfiguredArchives


def build_archives(
    settings: Settings,
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    queueing: Queueing,
    store: Store,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
) -> ArchiveParts:
    """Build the use cases; nothing is connected yet."""
    # A UID made of a random number (PS3.5 §B.2).
    commitments = Commitments(new_uid=lambda: f"2.25.{int.from_bytes(entropy.random(16), 'big')}")
    archives = ConfiguredArchives(
        ae_title=settings.dicom_ae_title,
        commitments=commitments,
        staging=settings.home / "staging",
        random_name=lambda: entropy.random(16).hex(),
    )
    archiving = Archiving(
        catalog=catalog,
        archives=archives,
        journal=journal,
        clock=clock,
        ae_title=settings.dicom_ae_title,
    )
    delivering = Delivering(
        world=DeliveryWorld(
            catalog=catalog,
            packs=packs,
            contents=contents,
            reader=FactReader(),
            coercer=HeaderCoercer(),
            archives=archives,
            queueing=queueing,
            journal=journal,
            clock=clock,
            entropy=entropy,
            name=settings.name,
        ),
        archiving=archiving,
    )
    queueing.register(KIND, delivering)
    return ArchiveParts(
        archiving=archiving,
        delivering=delivering,
        duties=(
            Duty("putting studies into the PACS", _TAKE_UP_SECONDS, delivering.take_up),
            Duty("looking for studies that grew", _GROWN_SECONDS, delivering.take_grown),
        ),
        pulling=Pulling(
            catalog=catalog,
            archives=archives,
            archiving=archiving,
            store=store,
            journal=journal,
            clock=clock,
            entropy=entropy,
        ),
        commitments=commitments,
        opening=archives,
    )

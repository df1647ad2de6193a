"""Builds what has to do with the practice's own archives."""

from __future__ import annotations

from dataclasses import dataclass

from undisc_node.archives.opening import ConfiguredArchives
from undisc_node.config import Settings
from undisc_node.dicom.committing import Commitments
from undisc_node.services.archiving import Archiving
from undisc_node.services.auditing import Journal
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.pulling import Pulling, Store


@dataclass(frozen=True, slots=True)
class ArchiveParts:
    """Use cases of archives.

    Attributes:
        archiving: Administers them.
        pulling: Brings studies from them.
        commitments: Takes reports of storage commitment that come to the DICOM port.
    """

    archiving: Archiving
    pulling: Pulling
    commitments: Commitments


def build_archives(
    settings: Settings,
    *,
    catalog: Catalog,
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
    return ArchiveParts(
        archiving=archiving,
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
    )

"""Builds what reads discs and sticks, and what writes them."""

from __future__ import annotations

from importlib.metadata import version

from undisc_node.clocks import SystemEntropy
from undisc_node.config import Settings
from undisc_node.dicom.directory import DirectoryReader
from undisc_node.dicom.media import Composer
from undisc_node.dicom.reader import FactReader
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.importing import Importing
from undisc_node.services.media import Media
from undisc_node.services.ports import Catalog, Clock, Packs


def build_media(
    settings: Settings,
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    journal: Journal,
    clock: Clock,
) -> tuple[Importing, Media]:
    """Build what takes studies in from media, and what writes studies to them."""
    entropy = SystemEntropy()
    importing = Importing(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        reader=FactReader(),
        directories=DirectoryReader(),
    )
    media = Media(
        catalog=catalog,
        packs=packs,
        contents=contents,
        composer=Composer(),
        journal=journal,
        clock=clock,
        entropy=entropy,
        practice=settings.name,
        version=version("undisc"),
    )
    return importing, media

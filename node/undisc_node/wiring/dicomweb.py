"""Builds DICOMweb: searching, retrieving, rendering, storing."""

from __future__ import annotations

from typing import Final

from undisc_node.dicom.describing import Describer
from undisc_node.dicom.reader import FactReader
from undisc_node.services.contents import Contents
from undisc_node.services.dicomweb.descriptions import Descriptions
from undisc_node.services.dicomweb.facts import FactsKeeping
from undisc_node.services.dicomweb.holdings import Holdings
from undisc_node.services.dicomweb.rendering import Rendering
from undisc_node.services.dicomweb.retrieving import Retrieving
from undisc_node.services.dicomweb.searching import Searching
from undisc_node.services.dicomweb.storing import Receives, Storing
from undisc_node.services.ports import Catalog, Entropy, LimitedWork, Packs
from undisc_node.web.dicomweb.uses import DicomWebUses
from undisc_node.wiring.duties import Duty

_FACTS_SECONDS: Final = 2.0  # how often studies that settled are looked for


def build_dicomweb(
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    receiving: Receives,
    work: LimitedWork,
    entropy: Entropy,
) -> tuple[DicomWebUses, Duty]:
    """Build what DICOMweb calls, and the duty that keeps searches complete."""
    describer = Describer()
    descriptions = Descriptions(packs=packs, describer=describer)
    holdings = Holdings(catalog=catalog, packs=packs, contents=contents)
    retrieving = Retrieving(packs=packs, holdings=holdings, descriptions=descriptions)
    facts = FactsKeeping(catalog=catalog, contents=contents, descriptions=descriptions)
    uses = DicomWebUses(
        searching=Searching(catalog=catalog, holdings=holdings, descriptions=descriptions),
        retrieving=retrieving,
        rendering=Rendering(retrieving=retrieving, work=work),
        storing=Storing(receiving=receiving, reader=FactReader()),
        tag_of=describer.tag_of,
        entropy=entropy,
    )
    return uses, Duty("reading studies for searches", _FACTS_SECONDS, facts.read_due)

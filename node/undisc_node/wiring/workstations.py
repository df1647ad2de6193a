"""Builds what workstations of the practice may ask the DICOM port for."""

from __future__ import annotations

from undisc_node.archives.opening import ConfiguredArchives
from undisc_node.dicom.calling import Called
from undisc_node.dicom.describing import Describer
from undisc_node.dicom.providing.provider import Provider
from undisc_node.services.auditing import Journal
from undisc_node.services.callers import network_of
from undisc_node.services.contents import Contents
from undisc_node.services.dicomweb.holdings import Holdings
from undisc_node.services.dicomweb.searching import Searching
from undisc_node.services.known_senders import KnownSenders
from undisc_node.services.ports import Catalog, Packs
from undisc_node.services.sender_model import SenderState
from undisc_node.services.workstations.finding import Finding
from undisc_node.services.workstations.giving import Giving


def build_provider(
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    searching: Searching,
    archives: ConfiguredArchives,
    journal: Journal,
    ae_title: str,
    senders: KnownSenders,
) -> Provider:
    """Build what answers queries and retrievals."""
    return Provider(
        finds=Finding(
            catalog=catalog,
            searching=searching,
            tag_of=Describer().tag_of,
            journal=journal,
            ae_title=ae_title,
        ),
        gives=Giving(
            catalog=catalog,
            packs=packs,
            holdings=Holdings(catalog=catalog, packs=packs, contents=contents),
            journal=journal,
        ),
        destinations=_Destinations(catalog, archives, senders, ae_title),
    )


class _Destinations:
    """Where images may be sent on request: to archives and senders that we were told of."""

    def __init__(
        self, catalog: Catalog, archives: ConfiguredArchives, senders: KnownSenders, title: str
    ) -> None:
        self._catalog = catalog
        self._archives = archives
        self._senders = senders
        self._title = title

    def __call__(self, title: str) -> Called | None:
        """Return where an AE title is, or None.

        Raises:
            Unavailable: Its name has no address for now.
            Invalid: It has no address that this node connects to.
        """
        with self._catalog.look() as records:
            known = records.pacs.list()
        for pacs in known:
            if not pacs.speaks_web and pacs.ae_title == title:
                return self._archives.called(pacs)
        for one in self._senders.all():
            if one.port and one.ae_title.strip() == title and one.state is SenderState.TRUSTED:
                network = network_of(one)
                if network is not None and network.num_addresses == 1:
                    return Called(str(network[0]), one.port, self._title, title)
        return None

"""Builds what people with a link look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from undisc_node.services.contents import Contents
from undisc_node.services.dicomweb.holdings import Holdings
from undisc_node.services.media import Media
from undisc_node.services.ports import Catalog, Packs
from undisc_node.services.report_facts import ShownReport
from undisc_node.services.viewing.looking import Looking
from undisc_node.services.viewing.session import Sessions
from undisc_node.services.viewing.taking import Taking
from undisc_node.web.dicomweb.uses import DicomWebUses
from undisc_node.web.viewer.ohif import FullViewer
from undisc_node.web.viewer.uses import ViewerUses


def build_viewer(
    *,
    catalog: Catalog,
    packs: Packs,
    contents: Contents,
    dicomweb: DicomWebUses,
    reports_of: Callable[[bytes], Sequence[ShownReport]],
    media: Media,
    sessions: Sessions,
) -> ViewerUses:
    """Build it on what DICOMweb for staff uses as well: descriptions are remembered once."""
    looking = Looking(
        catalog=catalog,
        holdings=Holdings(catalog=catalog, packs=packs, contents=contents),
        retrieving=dicomweb.retrieving,
        rendering=dicomweb.rendering,
        reports_of=reports_of,
        sessions=sessions,
    )
    return ViewerUses(
        sessions=sessions,
        looking=looking,
        taking=Taking(looking=looking, media=media, sessions=sessions),
        dicomweb=dicomweb,
        full=FullViewer(),
    )
